import { report } from "../lib/role-report.ts";
import { ServingMetrics } from "./metrics.ts";
import type { ServeOptions } from "./options.ts";
import { Primary } from "./primary.ts";
import { startServing } from "./serving-process.ts";

interface Running {
  readonly port: number;
  /** Replaces the processes that answer by new ones. */
  restart(): void;
  stop(): Promise<void>;
}

async function startAlone(options: ServeOptions): Promise<Running> {
  const metrics = new ServingMetrics();
  const { logger, clock } = options;
  const serving = await startServing({ config: options, logger, clock, name: "serve", metrics, metricsText: () => metrics.registry.metrics() });
  return {
    port: serving.port,
    restart: () => logger.warn({}, "one worker answers in the role's own process, which cannot be replaced by a new one: stop the role and start it again, or give it two workers"),
    stop: () => serving.drain(),
  };
}

async function startCluster(options: ServeOptions): Promise<Running> {
  const primary = new Primary(options);
  try {
    return { port: await primary.start(), restart: () => void primary.restart(), stop: () => primary.stop() };
  } catch (error) {
    await primary.stop();
    throw error;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/**
 * Runs the serve role until `options.signal` aborts and everything in flight is finished. One worker answers in this
 * process, which SIGUSR2 leaves as it is; more are processes of their own, which it replaces one by one without failing a request. Throws TidemarkError `insecure_bind` (without a key, to others than this machine), `address_in_use`,
 * `cannot_listen`, `bad_key_file`, `bad_certificate`.
 */
export async function runServeRole(options: ServeOptions): Promise<void> {
  const { host, workers, logger, signal, gate } = options;
  const running = workers === 1 ? await startAlone(options) : await startCluster(options);
  const url = `${gate?.tls === undefined ? "http" : "https"}://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${running.port}`;
  logger.info({ url, workers }, "serving");
  // Not SIGHUP: that comes when a terminal goes away. Taken until the end: unheard, it would kill the process.
  const restart = (): void => {
    if (!signal.aborted) running.restart();
  };
  process.on("SIGUSR2", restart);
  report({ type: "ready", detail: { url, port: running.port, workers } });
  await aborted(signal);
  await running.stop();
  process.off("SIGUSR2", restart);
}
