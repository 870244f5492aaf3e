import { closeSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "../../src/lib/assert.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { TidemarkError } from "../../src/lib/errors.ts";
import { drillOn, type DrillResult } from "./rig.ts";
import { SlowDisk } from "./slow-disk.ts";
import { SmallDisk } from "./small-disk.ts";

const FULL_FOR_MS = 3_000;
const STORE_MIB = 128;
const BROKER_MIB = 128;
const STOP_PATIENCE_MS = 3_000;
const SLOW_MIB = 512;
const SLOW_FOR_MS = 10_000;
/** A transaction takes several writes, each of which waits for its turn. */
const SLOW_WRITES_PER_S = 10;
const PAGE_BYTES = 4_096;
const CORRUPT_PAGES = 16;

interface Removable {
  remove(): void;
}

/** A disk of a drill's own, in a directory of its own, both gone afterwards. */
async function withDisk<Disk extends Removable>(make: (path: string) => Disk, use: (disk: Disk) => Promise<DrillResult>): Promise<DrillResult> {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-drill-disk-"));
  try {
    const disk = make(join(directory, "disk"));
    try {
      return await use(disk);
    } finally {
      disk.remove();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export function storeDiskFull(): Promise<DrillResult> {
  return withDisk((path) => new SmallDisk(path, STORE_MIB), (disk) =>
    drillOn("disk of the store full", { data_dir: disk.path }, async (rig) => {
      // Filled but for what the pages that the file has already can take.
      disk.fill();
      await systemClock.sleep(FULL_FOR_MS);
      const behind = (await rig.lastSequence()) - (await rig.host.folded());
      const since_ms = performance.now();
      disk.makeRoom();
      return { recovery_ms: await rig.recovered(since_ms), faults: 1, remark: `${behind} events behind after ${FULL_FOR_MS / 1000} s without room: ingest ends at the first commit that finds none, and is started again until there is; recovery from the moment there is room` };
    }),
  );
}

/** JetStream stops taking messages when a write fails, and takes none before the server is started again; nats-server 2.9 does not even stop when it is asked to. */
export function brokerDiskFull(): Promise<DrillResult> {
  return withDisk((path) => new SmallDisk(path, BROKER_MIB), (disk) =>
    drillOn("disk of the broker full", { broker_dir: disk.path }, async (rig) => {
      disk.fill();
      await systemClock.sleep(FULL_FOR_MS);
      const refused = !(await rig.broker.publish("events.course.probe", Buffer.from("{}"), { deadline_ms: 1_000 }).then(() => true, () => false));
      if (!refused) throw new TidemarkError("drill_failed", "the broker acknowledges messages on a disk that is full");
      disk.makeRoom();
      const broker = must(rig.embedded, "a broker");
      const stuck = broker.pid();
      process.kill(stuck, "SIGTERM");
      await systemClock.sleep(STOP_PATIENCE_MS);
      const ended = broker.pid() !== stuck;
      const since_ms = performance.now();
      if (!ended) process.kill(stuck, "SIGKILL");
      const recovery_ms = await rig.recovered(since_ms);
      return { recovery_ms, faults: 1, remark: `JetStream refuses new messages and keeps the acknowledged ones; room is made and the server started again, from which recovery is counted; asked to stop it ${ended ? "did" : `did not within ${STOP_PATIENCE_MS / 1000} s and had to be killed`}` };
    }),
  );
}

/** Ingest's store on a disk on which each commit takes most of a second. */
export function slowDisk(): Promise<DrillResult> {
  return withDisk((path) => new SlowDisk(path, SLOW_MIB), (disk) =>
    drillOn("slow disk", { data_dir: disk.path }, async (rig) => {
      disk.slow([rig.host.pid("ingest")], SLOW_WRITES_PER_S);
      const began_ms = performance.now();
      let slowest_ms = 0;
      let rounds = 0;
      for (; performance.now() - began_ms < SLOW_FOR_MS; rounds++) slowest_ms = Math.max(slowest_ms, await rig.recovered(performance.now()));
      disk.restore();
      const since_ms = performance.now();
      return { recovery_ms: await rig.recovered(since_ms), faults: 1, remark: `${SLOW_WRITES_PER_S} writes a second for ingest's store, for ${SLOW_FOR_MS / 1000} s: an event was folded ${Math.round(slowest_ms)} ms after it was stored at worst (${rounds} looked at); recovery from when the disk is as fast as before` };
    }),
  );
}

/**
 * Pages of the store overwritten with noise, as a failing disk does: LMDB has no checksums of its own, so it is the digest that tells, or the reading itself
 * that fails. The way out is a new fold, beside which serve goes on and moves over; meanwhile another host answers what this one cannot.
 */
export function corruptPages(): Promise<DrillResult> {
  return drillOn("corrupt pages of the store", { hosts: 2 }, async ({ host }) => {
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
    const told = await host.command("snapshot", "digest", "--json");
    if (told.code === 0 && told.out === sound.out) throw new TidemarkError("drill_failed", "the digest of a store with noise in it is that of the sound one");
    const since_ms = performance.now();
    rmSync(join(host.data_dir, "features"), { recursive: true });
    host.run("ingest");
    await host.reaches(at);
    await host.answers();
    return { recovery_ms: performance.now() - since_ms, faults: CORRUPT_PAGES, remark: `told by \`snapshot digest\` (${told.code === 0 ? "another digest" : "it cannot be read"}); recovery: the store away, ${at} events folded anew, serve moved over to them; another host answers meanwhile` };
  });
}
