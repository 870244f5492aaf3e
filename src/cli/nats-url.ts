import { resolve } from "node:path";
import { TidemarkError } from "../lib/errors.ts";
import type { Config } from "./settings.ts";
import { readRunning } from "./start-lock.ts";

/** The broker that a role uses: the configured one, else that of the `start` running on the same data directory. */
export function brokerUrl(config: Config): string {
  const url = config.nats_url ?? readRunning(config.data_dir)?.nats_url;
  if (url !== undefined) return withCredentials(url, config);
  throw new TidemarkError("no_broker", `no broker: set TIDEMARK_NATS_URL (or --nats-url), or run \`tidemark start\` on ${config.data_dir} first`);
}

/** Where the engine answers: configured, else the running start's, else where `serve` would listen. */
export function engineUrl(config: Config): string {
  return config.engine_url ?? readRunning(config.data_dir)?.url ?? httpUrl(config.host, config.port, config.tls_cert !== null);
}

/** Paths and copies travel in the URL, so that whoever is handed the one has the others. */
export function withCredentials(url: string, { nats_creds, nats_ca, nats_replicas }: Pick<Config, "nats_creds" | "nats_ca" | "nats_replicas">): string {
  const parameters = new URLSearchParams();
  if (nats_creds !== null) parameters.set("creds", resolve(nats_creds));
  if (nats_ca !== null) parameters.set("ca", resolve(nats_ca));
  if (nats_replicas !== null) parameters.set("replicas", String(nats_replicas));
  return parameters.size === 0 ? url : `${url}${url.includes("?") ? "&" : "?"}${parameters}`;
}

export function httpUrl(host: string, port: number, tls = false): string {
  return `${tls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
