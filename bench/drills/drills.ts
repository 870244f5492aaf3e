import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, openSync, readFileSync, closeSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { eventSubject } from "../../src/contracts/subjects.ts";
import { promoteModel } from "../../src/ingest/control.ts";
import { startEmbeddedBroker } from "../../src/ingest/embedded-broker.ts";
import { must } from "../../src/lib/assert.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { TidemarkError } from "../../src/lib/errors.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { Prng } from "../../src/lib/prng.ts";
import { formatTime } from "../../src/lib/time.ts";
import { drillOn, type DrillReport, type DrillResult, type Rig } from "./rig.ts";

const SETTLE_MS = 1_500;
const IN_FLIGHT_MS = 1_000;
const WORKER_STARTS_MS = 6_000;

interface Fault {
  /** Resolves when the fault is there; returns the way to end it. */
  readonly begin: (rig: Rig) => Promise<() => void>;
}

/** A fault of the broker's cluster, so often: the longest time until events are stored and folded again, while it lasts. */
async function clusterFault(rig: Rig, faults: number, remark: string, { begin }: Fault): Promise<DrillReport> {
  let recovery_ms = 0;
  for (let i = 0; i < faults; i++) {
    const since_ms = performance.now();
    const end = await begin(rig);
    // What was on its way is stored and folded all the same: that is no recovery.
    await systemClock.sleep(IN_FLIGHT_MS);
    recovery_ms = Math.max(recovery_ms, await rig.recovered(since_ms));
    end();
    // The node that was away must have what it missed, or the next fault takes the majority.
    await systemClock.sleep(2 * SETTLE_MS);
  }
  return { recovery_ms, faults, remark };
}

async function killNode(rig: Rig, name: string): Promise<() => void> {
  await rig.nodes.kill(name);
  return () => rig.nodes.restart(name);
}

function leaderKilled(faults: number): Promise<DrillResult> {
  return drillOn("stream leader killed", { cluster: true }, (rig) => clusterFault(rig, faults, "kill -9 of the node that leads EVENTS; another is elected", { begin: async () => killNode(rig, await rig.leader()) }));
}

function followerKilled(faults: number): Promise<DrillResult> {
  return drillOn("stream follower killed", { cluster: true }, (rig) => clusterFault(rig, faults, "kill -9 of a node that follows", { begin: async () => killNode(rig, rig.nodes.other(await rig.leader())) }));
}

function leaderUnreachable(faults: number): Promise<DrillResult> {
  return drillOn("stream leader unreachable", { cluster: true }, (rig) =>
    clusterFault(rig, faults, "the leader stopped by SIGSTOP: silent, with every connection open, as behind a network that drops all", {
      begin: async () => {
        const leader = await rig.leader();
        rig.nodes.pause(leader, true);
        return () => rig.nodes.pause(leader, false);
      },
    }),
  );
}

function ingestKilled(faults: number): Promise<DrillResult> {
  return drillOn("ingest killed", {}, async (rig) => {
    let recovery_ms = 0;
    for (let i = 0; i < faults; i++) {
      const since_ms = performance.now();
      process.kill(rig.host.pid("ingest"), "SIGKILL");
      recovery_ms = Math.max(recovery_ms, await rig.recovered(since_ms));
    }
    return { recovery_ms, faults, remark: "kill -9 of the role as it ships, started again after 100 ms" };
  });
}

/** Processes that a process began. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter((text) => text !== "").map(Number);
}

function workerKilled(faults: number): Promise<DrillResult> {
  return drillOn("serve worker killed", {}, async (rig) => {
    let recovery_ms = 0;
    for (let i = 0; i < faults; i++) {
      const workers = childrenOf(rig.host.pid("serve"));
      const since_ms = performance.now();
      process.kill(must(workers[0], "a worker"), "SIGKILL");
      // As many as before, none of them the one that died.
      while (childrenOf(rig.host.pid("serve")).filter((pid) => pid !== workers[0]).length < workers.length) await systemClock.sleep(10);
      await rig.host.answers();
      recovery_ms = Math.max(recovery_ms, performance.now() - since_ms);
      // The new one must answer before the next is killed.
      await systemClock.sleep(WORKER_STARTS_MS);
    }
    return { recovery_ms, faults, remark: "kill -9 of one of two workers; what it was answering is the caller's to repeat" };
  });
}

/** Every event one to three times, in another order than it happened, beside those of the producer. */
function repeatedAndReordered(events_count: number): Promise<DrillResult> {
  return drillOn("repeated and reordered delivery", {}, async (rig) => {
    const random = new Prng("drill/repeats");
    const acknowledged = await must(rig.producer, "a producer").stop();
    const block = 500;
    let deliveries = 0;
    for (let done = 0; done < events_count; done += block) {
      const events = Array.from({ length: block }, () => rig.events.next().value);
      const copies = events.flatMap((event) => Array.from({ length: 1 + random.integer(3) }, () => event));
      const order = copies.map((event) => ({ event, at: random.uniform() })).toSorted((a, b) => a.at - b.at);
      const publisher = rig.broker.bulkPublisher({ window: 1_000 });
      for (const { event } of order) await publisher.publish(eventSubject(event), Buffer.from(JSON.stringify(event)));
      await publisher.flush();
      for (const event of events) acknowledged.add(event);
      deliveries += order.length;
    }
    const since_ms = performance.now();
    await rig.host.reaches(await rig.lastSequence());
    rig.producer = { stop: () => Promise.resolve(acknowledged) };
    return { recovery_ms: performance.now() - since_ms, faults: deliveries - events_count, remark: `${events_count} events delivered ${deliveries} times, shuffled in blocks of ${block}; recovery is the fold of what was waiting` };
  });
}

function corruptArtifact(): Promise<DrillResult> {
  return drillOn("corrupt artifact", {}, async (rig) => {
    const modelBefore = (await price(rig)).model;
    const name = "elasticity/20260101T000000000Z-drill";
    await rig.broker.putObject("MODELS", name, Buffer.from('{"family":"elasticity","version":"20260101T000000000Z-drill"'));
    const since_ms = performance.now();
    await promoteModel(rig.broker, { type: "model.promoted", time: formatTime(Date.now()), family: "elasticity", artifact: name, digest: "0".repeat(64), version: "20260101T000000000Z-drill", reason: "a drill" });
    await systemClock.sleep(SETTLE_MS);
    const { model } = await price(rig);
    if (model !== modelBefore) throw new TidemarkError("drill_failed", `prices come from ${String(model)}, an artifact that is not what its digest says`);
    return { recovery_ms: performance.now() - since_ms - SETTLE_MS, faults: 1, remark: "promoted, but half of it and under another digest: prices go on without it" };
  });
}

async function price({ host, course_ids }: Rig): Promise<{ readonly model?: unknown }> {
  const response = await fetch(`${host.url}/optimize_price`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ course_id: course_ids[0] }) });
  return (await response.json()) as { readonly model?: unknown };
}

/**
 * Pages of the store overwritten with noise, as a failing disk does: LMDB has no checksums of its own, so it is the digest that tells, or the reading itself
 * that fails. The way out is a new fold.
 */
function corruptPages(): Promise<DrillResult> {
  return drillOn("corrupt pages of the store", {}, async (rig) => {
    const { host } = rig;
    await host.reaches(2_000);
    await host.halt("ingest");
    const at = await host.folded();
    const sound = await host.command("snapshot", "digest", "--json");
    const path = join(host.store_path, "data.mdb");
    const pages = Math.floor(statSync(path).size / PAGE_BYTES);
    const file = openSync(path, "r+");
    const noise = Buffer.alloc(PAGE_BYTES, 0xa5);
    // Pages 0 and 1 are LMDB's own; of the others any may be free, so it is more than one.
    for (let i = 1; i <= CORRUPT_PAGES; i++) writeSync(file, noise, 0, PAGE_BYTES, Math.floor((pages * i) / (CORRUPT_PAGES + 1)) * PAGE_BYTES);
    closeSync(file);
    const since_ms = performance.now();
    const told = await host.command("snapshot", "digest", "--json");
    if (told.code === 0 && told.out === sound.out) throw new TidemarkError("drill_failed", "the digest of a store with noise in it is that of the sound one");
    await host.halt("serve");
    rmSync(join(host.data_dir, "features"), { recursive: true });
    host.run("ingest");
    await host.reaches(at);
    host.run("serve");
    await host.answers();
    return { recovery_ms: performance.now() - since_ms, faults: CORRUPT_PAGES, remark: `told by \`snapshot digest\` (${told.code === 0 ? "another digest" : "it cannot be read"}); recovery: the store away, ${at} events folded anew, both roles started again` };
  });
}

const PAGE_BYTES = 4_096;
const CORRUPT_PAGES = 16;
const FULL_MIB = 24;
const ROOM_MIB = 512;

/** A file system of a given size, where this process may mount one. Throws where it may not. */
function mountSmall(path: string, mib: number, again = false): void {
  mkdirSync(path, { recursive: true });
  execFileSync("mount", again ? ["-o", `remount,size=${mib}m`, path] : ["-t", "tmpfs", "-o", `size=${mib}m`, "tmpfs", path], { stdio: "ignore" });
}

function storeDiskFull(): Promise<DrillResult> {
  let mounted = "";
  const data_dir = (directory: string): string => {
    mounted = join(directory, "small");
    mountSmall(mounted, FULL_MIB);
    return mounted;
  };
  const after = (): void => {
    execFileSync("umount", [mounted], { stdio: "ignore" });
  };
  return drillOn("disk of the store full", { data_dir, after }, async (rig) => {
    // Filled but for what the next commits need.
    const filler = join(mounted, "filler");
    const file = openSync(filler, "w");
    const block = Buffer.alloc(64 << 10, 1);
    try {
      for (;;) writeSync(file, block);
    } catch {
      // Full.
    } finally {
      closeSync(file);
    }
    const stuck = await rig.host.folded();
    await systemClock.sleep(2 * SETTLE_MS);
    const since_ms = performance.now();
    mountSmall(mounted, ROOM_MIB, true);
    const recovery_ms = await rig.recovered(since_ms);
    return { recovery_ms, faults: 1, remark: `ingest stood at about ${stuck} while there was no room, and was started again until there was; recovery from the moment there is room` };
  });
}

const AFTER_BACKUP = 300;

/** The broker's store brought back to an earlier state: ingest must refuse to go on from where it stands, and say how out. */
function oldBackup(): Promise<DrillResult> {
  return drillOn("broker restored from an old backup", {}, async (rig) => {
    const { directory, host } = rig;
    const nats = join(directory, "nats");
    const port = Number(new URL(must(rig.embedded, "a broker").url).port);
    const exchange = async (copy_to: string, restore?: string): Promise<void> => {
      await rig.embedded?.stop();
      cpSync(nats, join(directory, copy_to), { recursive: true });
      if (restore !== undefined) {
        rmSync(nats, { recursive: true });
        cpSync(join(directory, restore), nats, { recursive: true });
      }
      rig.embedded = await startEmbeddedBroker({ data_dir: nats, port, logger: silentLogger });
      while (!rig.broker.connected) await systemClock.sleep(20);
    };
    const acknowledged = await must(rig.producer, "a producer").stop();
    const at = await rig.lastSequence();
    await exchange("backup");
    for (let i = 0; i < AFTER_BACKUP; i++) {
      const event = rig.events.next().value;
      await rig.broker.publish(eventSubject(event), Buffer.from(JSON.stringify(event)), { message_id: `late-${i}` });
      acknowledged.add(event);
    }
    await host.reaches(at + AFTER_BACKUP);
    await host.halt("ingest");
    await exchange("newest", "backup");
    const since_ms = performance.now();
    host.run("ingest", [], false);
    const { code, said } = await host.ended("ingest");
    const recovery_ms = performance.now() - since_ms;
    if (code !== 2 || !said.includes("restored from an older copy")) throw new TidemarkError("drill_failed", `ingest went on over an old backup: it ended with ${code}, saying ${JSON.stringify(said)}`);
    await exchange("old", "newest");
    host.run("ingest");
    rig.producer = { stop: () => Promise.resolve(acknowledged) };
    return { recovery_ms, faults: 1, remark: "ingest refused with exit code 2 and the way out; recovery is the time until it said so; then the newest copy was put back" };
  });
}

/** By name, in the order in which they run; heavier ones with fewer faults. */
export const drills: Readonly<Record<string, () => Promise<DrillResult>>> = {
  "leader-killed": () => leaderKilled(2),
  "leader-unreachable": () => leaderUnreachable(1),
  "follower-killed": () => followerKilled(1),
  "ingest-killed": () => ingestKilled(3),
  "worker-killed": () => workerKilled(2),
  "repeated-reordered": () => repeatedAndReordered(10_000),
  "corrupt-artifact": () => corruptArtifact(),
  "corrupt-pages": () => corruptPages(),
  "store-disk-full": () => storeDiskFull(),
  "old-backup": () => oldBackup(),
};
