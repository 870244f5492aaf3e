import { type ChildProcess, fork } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openLmdbStore } from "../../src/features/lmdb-store.ts";
import { type EmbeddedBroker, startEmbeddedBroker } from "../../src/ingest/embedded-broker.ts";
import { Broker } from "../../src/ingest/nats.ts";
import { must } from "../../src/lib/assert.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { TidemarkError } from "../../src/lib/errors.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { Prng } from "../../src/lib/prng.ts";
import { createWorld } from "../../src/simulator/world.ts";
import { sampleTraffic } from "../../src/simulator/traffic.ts";
import { shortHistory } from "../scaled-platform.ts";
import { Producer } from "./producer.ts";
import type { DrillResult } from "./rig.ts";

const processPath = fileURLToPath(new URL("../../src/ingest/ingest-process.js", import.meta.url));

/** Publications under way at a time. */
const PUBLISHERS = 256;

/** Kills at random moments under load, one after the other, of the fold alone or of the broker: what was acknowledged is folded once, and the store is the one that a single fold gives. */
export async function randomKills(name: "ingest" | "broker", faults: number): Promise<Omit<DrillResult, "prices">> {
  const events = sampleTraffic(createWorld(shortHistory), { seed: `failover-${name}`, start_ms: shortHistory.end_ms, rate_per_s: 1_000 });
  const directory = await mkdtemp(join(tmpdir(), "tidemark-bench-"));
  const embedded = await startEmbeddedBroker({ data_dir: join(directory, "nats"), logger: silentLogger });
  const broker = await Broker.connect({ url: embedded.url, name: "bench" });
  try {
    await broker.ensureStreams();
    const producer = new Producer(broker, events, PUBLISHERS);
    const fold = new Fold(embedded.url, join(directory, "killed"));
    fold.start();
    await fold.commits();
    const random = new Prng(`failover/${name}`);
    let recovery_ms = 0;
    for (let kill = 0; kill < faults; kill++) {
      await systemClock.sleep(random.integer(300));
      const killed_ms = performance.now();
      if (name === "ingest") await fold.killAndRestart();
      else await killBroker(embedded, broker);
      // What was on its way when the broker was killed may still be committed: that is no recovery.
      await fold.commits(name === "ingest" ? 0 : await lastSequence(broker));
      recovery_ms = Math.max(recovery_ms, performance.now() - killed_ms);
    }
    const acknowledged = await producer.stop();
    const last = await lastSequence(broker);
    await fold.finish(last);
    const clean = new Fold(embedded.url, join(directory, "clean"));
    clean.start();
    await clean.finish(last);
    const killed = openLmdbStore(join(directory, "killed"), { readonly: true });
    const { lost, duplicated } = acknowledged.difference(killed, shortHistory.end_ms);
    await killed.close();
    const equal = (await digest(join(directory, "killed"))) === (await digest(join(directory, "clean")));
    return { drill: name, faults, acknowledged: acknowledged.total, lost, duplicated, recovery_ms, equal, remark: "kill -9 at random moments while events are published and folded" };
  } finally {
    await broker.close();
    await embedded.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function killBroker(embedded: EmbeddedBroker, broker: Broker): Promise<void> {
  const pid = embedded.pid();
  process.kill(pid, "SIGKILL");
  while (embedded.pid() === pid || !broker.connected) await systemClock.sleep(2);
}

async function lastSequence(broker: Broker): Promise<number> {
  return must(await broker.streamInfo("EVENTS"), "EVENTS").last_sequence;
}

/** The fold as a process of its own, which says where it begins and every sequence that it committed. */
class Fold {
  readonly #args: string[];
  #child: ChildProcess | undefined;
  /** By the process that runs now; undefined before it has said where it begins. */
  #begun: number | undefined;
  #committed = 0;

  constructor(url: string, path: string) {
    this.#args = [url, path];
  }

  start(): void {
    const child = fork(processPath, this.#args, { stdio: ["ignore", "pipe", "inherit", "ipc"] });
    this.#begun = undefined;
    this.#child = child;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      // Of a process that was killed, what is still read says nothing of the next one.
      if (this.#child !== child) return;
      for (const line of text.trimEnd().split("\n")) {
        this.#begun ??= Number(line);
        this.#committed = Math.max(this.#committed, Number(line));
      }
    });
  }

  async killAndRestart(): Promise<void> {
    await this.#end("SIGKILL");
    this.start();
  }

  /** Resolves once the process that runs now has committed something of its own, and something after `sequence`. */
  async commits(sequence = 0): Promise<void> {
    while (this.#begun === undefined || this.#committed <= Math.max(this.#begun, sequence)) await this.#wait(1);
  }

  /** Ends it once it has committed everything up to `last`. */
  async finish(last: number): Promise<void> {
    while (this.#begun === undefined || this.#committed < last) await this.#wait(10);
    await this.#end("SIGTERM");
  }

  async #wait(ms: number): Promise<void> {
    const code = this.#child?.exitCode ?? null;
    if (code !== null) throw new TidemarkError("bench_child", `ingest ended by itself, with ${code}`);
    await systemClock.sleep(ms);
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = must(this.#child, "a fold that was started");
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }
}

async function digest(path: string): Promise<string> {
  const store = openLmdbStore(path, { readonly: true });
  const hash = createHash("sha256");
  for (const { database, key, value } of store.dump()) hash.update(`${database}\0${key}\0${value.length}\0`).update(value);
  await store.close();
  return hash.digest("hex");
}
