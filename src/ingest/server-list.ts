import { TidemarkError } from "../lib/errors.ts";

export interface ServerList {
  readonly servers: string[];
  readonly user?: string;
  readonly pass?: string;
  readonly token?: string;
  /** Where the certificates are that the server's own is checked against. */
  readonly tls?: { readonly caFile?: string };
  /** File of a JWT and the seed that signs for it, or of a seed alone. */
  readonly creds_file?: string;
  /** How many servers of a cluster keep each stream; undefined: as many as do already, one of a new one. */
  readonly replicas?: number;
}

const REPLICAS_MAX = 5;

/**
 * `nats://host:port`, several of them separated by commas, credentials as `user:password@` or `token@`, TLS by the
 * scheme `tls`; files and copies as parameters, `?creds=<path>&ca=<path>&replicas=3`. The client itself ignores credentials in a URL.
 */
export function parseServerList(text: string): ServerList {
  const urls = text.split(",").map((part) => parseServer(part.trim()));
  const user = decodeURIComponent(urls[0]?.username ?? "");
  const pass = decodeURIComponent(urls[0]?.password ?? "");
  const credentials = user === "" ? {} : pass === "" ? { token: user } : { user, pass };
  const [creds, ca, copies] = ["creds", "ca", "replicas"].map((name) => urls.map((url) => url.searchParams.get(name)).find((path) => path !== null) ?? undefined);
  const replicas = copies === undefined ? undefined : Number(copies);
  if (replicas !== undefined && !(Number.isInteger(replicas) && replicas >= 1 && replicas <= REPLICAS_MAX)) throw new TidemarkError("bad_broker_url", `replicas is ${copies}: the broker keeps 1 to ${REPLICAS_MAX} copies of a stream`);
  return {
    servers: urls.map((url) => `${url.hostname}:${url.port === "" ? "4222" : url.port}`),
    ...credentials,
    ...(urls.some((url) => url.protocol === "tls:") ? { tls: ca === undefined ? {} : { caFile: ca } } : {}),
    ...(creds === undefined ? {} : { creds_file: creds }),
    ...(replicas === undefined ? {} : { replicas }),
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
