import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLmdbStore } from "../src/features/lmdb-store.ts";
import { resolvedPath } from "../src/features/store-directory.ts";
import { ensureQuoteKeys, QUOTE_KEYS_FILE } from "../src/serving/personal/quote-keyring.ts";
import { freePort } from "../src/ingest/broker-config.ts";
import { startEmbeddedBroker } from "../src/ingest/embedded-broker.ts";
import { Broker } from "../src/ingest/nats.ts";
import { must } from "../src/lib/assert.ts";
import { systemClock } from "../src/lib/clock.ts";
import { silentLogger } from "../src/lib/log.ts";
import { createKey } from "../src/serving/keys/api-key.ts";
import { defaultEnd, defaultPlatform } from "../src/simulator/config.ts";
import { publishHistory } from "../src/simulator/publish-history.ts";
import { firstPrice, Roles } from "./roles.ts";

/** A whole engine on loopback: the shipped roles in processes of their own, over a temporary directory. */
export interface Platform {
  readonly url: string;
  readonly nats_url: string;
  readonly broker: Broker;
  readonly courses: number;
  /** Which every request needs; undefined: none does. */
  readonly key: string | undefined;
  /** Process of the serving role. */
  readonly serve_pid: number;
  stop(): Promise<void>;
}

export interface PlatformOptions {
  /** Requests need a key. */
  readonly keys?: boolean;
  readonly workers?: number;
}

async function writeKey(path: string): Promise<string> {
  const { key } = createKey();
  await writeFile(path, `${key}\n`, { mode: 0o600 });
  return key;
}

/** Loads the synthetic platform (all 2,000 courses; a shorter history when quick), trains, promotes and serves, with one worker unless more are asked for. */
export async function startPlatform(quick: boolean, { keys = false, workers = 1 }: PlatformOptions = {}): Promise<Platform> {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-bench-"));
  const embedded = await startEmbeddedBroker({ data_dir: join(directory, "nats"), logger: silentLogger });
  const port = await freePort();
  const key_file = keys ? join(directory, "key") : undefined;
  const key = key_file === undefined ? undefined : await writeKey(key_file);
  const roles = new Roles({ data_dir: directory, nats_url: embedded.url, port, workers, key_file });
  const broker = await Broker.connect({ url: embedded.url, name: "bench" });
  const stop = async (): Promise<void> => {
    await roles.stop();
    await broker.close();
    await embedded.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await broker.ensureStreams();
    roles.spawn("ingest");
    // Up to now, so that the windows that prices read are full.
    const whole = { ...defaultPlatform, end_ms: defaultEnd(systemClock.now_ms()) };
    const config = quick ? { ...whole, enrollments: 8_000, weeks: 16 } : whole;
    await publishHistory(broker, config, {});
    await roles.orFailure(caughtUp(broker, join(directory, "features", "current")));
    await roles.orFailure(once(roles.spawn("train"), "exit"));
    ensureQuoteKeys(join(directory, QUOTE_KEYS_FILE));
    const serve = roles.spawn("serve");
    const url = `http://127.0.0.1:${port}`;
    await roles.orFailure(firstPrice(url, key));
    return { url, nats_url: embedded.url, broker, courses: config.courses, key, serve_pid: must(serve.pid, "pid"), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Waits until the feature store has folded everything that EVENTS held when asked. */
async function caughtUp(broker: Broker, features: string): Promise<void> {
  const last = must(await broker.streamInfo("EVENTS"), "EVENTS").last_sequence;
  while (!existsSync(join(features, "data.mdb"))) await systemClock.sleep(50);
  const store = openLmdbStore(resolvedPath(features), { readonly: true });
  try {
    while ((store.cursor("EVENTS")?.sequence ?? 0) < last) await systemClock.sleep(50);
  } finally {
    await store.close();
  }
}
