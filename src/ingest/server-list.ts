import { TidemarkError } from "../lib/errors.ts";

export interface ServerList {
  readonly servers: string[];
  readonly user?: string;
  readonly pass?: string;
  readonly token?: string;
  readonly tls?: Record<string, never>;
}

/**
 * `nats://host:port`, several of them separated by commas, credentials as `user:password@` or `token@`, TLS by the
 * scheme `tls`. The client itself ignores credentials in a URL.
 */
export function parseServerList(text: string): ServerList {
  const urls = text.split(",").map((part) => parseServer(part.trim()));
  const user = decodeURIComponent(urls[0]?.username ?? "");
  const pass = decodeURIComponent(urls[0]?.password ?? "");
  const credentials = user === "" ? {} : pass === "" ? { token: user } : { user, pass };
  return {
    servers: urls.map((url) => `${url.hostname}:${url.port === "" ? "4222" : url.port}`),
    ...credentials,
    ...(urls.some((url) => url.protocol === "tls:") ? { tls: {} } : {}),
  };
}

function parseServer(text: string): URL {
  const full = text.includes("://") ? text : `nats://${text}`;
  if (!URL.canParse(full)) throw new TidemarkError("bad_broker_url", "the broker's URL must be like nats://host:4222");
  const url = new URL(full);
  if (url.hostname === "" || (url.protocol !== "nats:" && url.protocol !== "tls:")) {
    throw new TidemarkError("bad_broker_url", "the broker's URL must be like nats://host:4222 or tls://host:4222");
  }
  return url;
}
