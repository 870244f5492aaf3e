import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { FeatureSource } from "./feature-source.ts";
import { keyIdOf } from "./keys/api-key.ts";
import { KeyAccess } from "./keys/key-access.ts";
import { KeyHolder } from "./keys/key-holder.ts";
import type { ServeConfig } from "./options.ts";

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/;
const KEYS_FILE = "keys.json";

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** The key in a file. Throws TidemarkError `bad_key_file`. */
export async function readKeyFile(path: string): Promise<string> {
  let text: string;
  try {
    text = (await readFile(path, "utf8")).trim();
  } catch (error) {
    throw new TidemarkError("bad_key_file", `${path} (TIDEMARK_KEY_FILE) cannot be read: ${errorMessage(error)}`, { cause: error });
  }
  if (keyIdOf(text) === undefined) throw new TidemarkError("bad_key_file", `${path} (TIDEMARK_KEY_FILE) does not hold a key: \`tidemark key create --file ${path}\` makes one`);
  return text;
}

export interface GateDeps {
  readonly config: Pick<ServeConfig, "host" | "workers" | "data_dir" | "gate">;
  readonly features: FeatureSource;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The keys and the check of them. Throws TidemarkError `bad_key_file`. */
export async function createGate({ config, features, clock, logger }: GateDeps): Promise<{ readonly keys: KeyHolder; readonly access: KeyAccess }> {
  const { host, workers, data_dir, gate } = config;
  const local_key = gate?.key_file === undefined ? undefined : await readKeyFile(gate.key_file);
  const keys = new KeyHolder({ features, clock, logger, copy: join(data_dir, KEYS_FILE), local_key, always: !isLoopback(host), workers });
  await keys.restore();
  return { keys, access: new KeyAccess(keys, clock) };
}

/** Throws TidemarkError `insecure_bind` where others than this machine could ask and nobody has a key. */
export function mustBeSafe(host: string, keys: Pick<KeyHolder, "usable">): void {
  if (isLoopback(host) || keys.usable > 0) return;
  throw new TidemarkError("insecure_bind", `refusing to serve on ${host}: there is no API key, and whoever reaches it would get nothing or everything. Make one with \`tidemark key create\`, or name a file that holds one with TIDEMARK_KEY_FILE.`);
}
