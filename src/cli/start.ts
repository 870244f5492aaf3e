import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../ingest/broker-config.ts";
import { systemClock } from "../lib/clock.ts";
import { platformOf } from "../simulator/platform-file.ts";
import { TidemarkError } from "../lib/errors.ts";
import { isLoopback, readKeyFile } from "../serving/gate.ts";
import { askedPlatform } from "./asked-platform.ts";
import type { CommandContext } from "./command.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { gateConfig } from "./gate-config.ts";
import { PlatformStart, StopRequested } from "./platform-start.ts";
import { checkPort } from "./port-check.ts";
import { processStarted } from "../ingest/process-identity.ts";
import { createProgress } from "./progress.ts";
import type { ProcessIdentity } from "../ingest/process-identity.ts";
import { StartLock } from "./start-lock.ts";

/** Roles of a killed supervisor end within five seconds; then they are helped. */
const LEFTOVER_PATIENCE_MS = 6_000;
const LEFTOVER_POLL_MS = 50;

/** Two writers of one feature store, or two brokers on one store, must never meet. */
async function awaitLeftovers(leftovers: readonly ProcessIdentity[]): Promise<void> {
  for (let waited_ms = 0; ; waited_ms += LEFTOVER_POLL_MS) {
    const alive = leftovers.filter(({ pid, started }) => processStarted(pid) === started);
    if (alive.length === 0) return;
    if (waited_ms === LEFTOVER_PATIENCE_MS) for (const { pid } of alive) process.kill(pid, "SIGKILL");
    await systemClock.sleep(LEFTOVER_POLL_MS);
  }
}

/** `tidemark start`: everything on this machine, until stopped. */
export async function runStart({ read, signal }: CommandContext): Promise<number> {
  const { config } = read;
  const progress = createProgress(process.stdout, systemClock);
  const lock = StartLock.acquire(config.data_dir);
  try {
    await awaitLeftovers(lock.leftovers);
    // Chosen here when it is to be a free one, so that it stays the same when serving has to be started again.
    const port = config.port === 0 ? await freePort() : config.port;
    await checkPort(config.host, port);
    const key = config.key_file === null ? undefined : await readKeyFile(config.key_file);
    gateConfig(config);
    if (!isLoopback(config.host) && key === undefined) {
      throw new TidemarkError("insecure_bind", `refusing to start on ${config.host}: whoever reaches it could ask for prices. \`tidemark key create --file KEY\` makes a key; name the file with TIDEMARK_KEY_FILE.`);
    }
    // A platform of other sizes than those asked for is noticed before anything runs.
    await platformOf(config.data_dir, askedPlatform(read), systemClock.now_ms());
    const start = new PlatformStart({
      read,
      port,
      key,
      entry: fileURLToPath(new URL("../main.js", import.meta.url)),
      log_dir: join(config.data_dir, "logs"),
      progress,
      lock,
      clock: systemClock,
      signal,
    });
    try {
      await start.run();
    } catch (error) {
      if (!(error instanceof StopRequested)) throw error;
    } finally {
      await start.stop();
    }
    return EXIT_OK;
  } finally {
    lock.release();
  }
}
