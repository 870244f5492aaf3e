import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openLmdbStore } from "../src/features/lmdb-store.ts";
import { startEmbeddedBroker } from "../src/ingest/embedded-broker.ts";
import { Broker } from "../src/ingest/nats.ts";
import { must } from "../src/lib/assert.ts";
import { systemClock } from "../src/lib/clock.ts";
import { TidemarkError } from "../src/lib/errors.ts";
import { silentLogger } from "../src/lib/log.ts";
import { defaultEnd, defaultPlatform } from "../src/simulator/config.ts";
import { publishHistory } from "../src/simulator/publish-history.ts";

const main = fileURLToPath(new URL("../src/main.js", import.meta.url));

/** A whole engine on loopback: the shipped roles in processes of their own, over a temporary directory. */
export interface Platform {
  readonly url: string;
  readonly nats_url: string;
  readonly broker: Broker;
  readonly courses: number;
  stop(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new TidemarkError("bench_port", "no free port");
  return address.port;
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 8_000);
  await ended;
  clearTimeout(timer);
}

/** Loads the synthetic platform (all 2,000 courses; a shorter history when quick), trains, promotes and serves with one worker. */
export async function startPlatform(quick: boolean): Promise<Platform> {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-bench-"));
  const children: ChildProcess[] = [];
  const embedded = await startEmbeddedBroker({ data_dir: join(directory, "nats"), logger: silentLogger });
  const port = await freePort();
  const environment = {
    ...process.env,
    TIDEMARK_DATA_DIR: directory,
    TIDEMARK_NATS_URL: embedded.url,
    TIDEMARK_PORT: String(port),
    TIDEMARK_SERVE_WORKERS: "1",
    TIDEMARK_LOG_LEVEL: "warn",
  };
  let fail: (error: Error) => void = () => undefined;
  const failure = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failure.catch(() => undefined);
  const spawn = (...args: string[]): ChildProcess => {
    const child = fork(main, args, { env: environment, stdio: ["ignore", "ignore", "inherit", "ipc"] });
    child.on("exit", (code) => {
      if (code !== 0) fail(new TidemarkError("bench_role", `${args.join(" ")} ended with ${code}`));
    });
    children.push(child);
    return child;
  };

  const broker = await Broker.connect({ url: embedded.url, name: "bench" });
  const stop = async (): Promise<void> => {
    for (const child of children.toReversed()) await stopChild(child);
    await broker.close();
    await embedded.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await broker.ensureStreams();
    spawn("ingest");
    // Up to now, so that the windows that prices read are full.
    const whole = { ...defaultPlatform, end_ms: defaultEnd(systemClock.now_ms()) };
    const config = quick ? { ...whole, enrollments: 8_000, weeks: 16 } : whole;
    await publishHistory(broker, config, {});
    await Promise.race([failure, caughtUp(broker, join(directory, "features"))]);
    await Promise.race([failure, once(spawn("train"), "exit")]);
    spawn("serve");
    const url = `http://127.0.0.1:${port}`;
    await Promise.race([failure, firstPrice(url)]);
    return { url, nats_url: embedded.url, broker, courses: config.courses, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Waits until the feature store has folded everything that EVENTS held when asked. */
async function caughtUp(broker: Broker, features: string): Promise<void> {
  const last = must(await broker.streamInfo("EVENTS"), "EVENTS").last_sequence;
  while (!existsSync(join(features, "data.mdb"))) await systemClock.sleep(50);
  const store = openLmdbStore(features, { readonly: true });
  try {
    while ((store.cursor("EVENTS")?.sequence ?? 0) < last) await systemClock.sleep(50);
  } finally {
    await store.close();
  }
}

async function firstPrice(url: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const response = await fetch(`${url}/optimize_price`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ course_id: "C00001" }),
    }).catch(() => undefined);
    if (response?.ok && ((await response.json()) as { degraded?: unknown }).degraded === undefined) return;
    await systemClock.sleep(100);
  }
  throw new TidemarkError("bench_serve", "no price that is not degraded within 30 s");
}
