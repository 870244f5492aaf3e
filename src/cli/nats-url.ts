import { TidemarkError } from "../lib/errors.ts";
import type { Config } from "./settings.ts";
import { readRunning } from "./start-lock.ts";

/** The broker that a role uses: the configured one, else that of the `start` running on the same data directory. */
export function brokerUrl(config: Config): string {
  const url = config.nats_url ?? readRunning(config.data_dir)?.nats_url;
  if (url !== undefined) return url;
  throw new TidemarkError("no_broker", `no broker: set TIDEMARK_NATS_URL (or --nats-url), or run \`tidemark start\` on ${config.data_dir} first`);
}

/** Where the engine answers: configured, else the running start's, else where `serve` would listen. */
export function engineUrl(config: Config): string {
  return config.engine_url ?? readRunning(config.data_dir)?.url ?? httpUrl(config.host, config.port);
}

export function httpUrl(host: string, port: number): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
