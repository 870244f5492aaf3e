import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BrokerUser, brokerUsers, createBrokerSeed, publicKeyOf, publicKeyVariable } from "../ingest/broker-users.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { CommandContext } from "./command.ts";
import { EXIT_OK } from "./exit-codes.ts";

const PUBLIC_KEYS = "nats-users.env";

/** A user's public key; of a new user when there is no file of a seed yet, which is then written. */
async function publicKey(directory: string, user: BrokerUser): Promise<string> {
  const path = join(directory, `nats-${user}.nk`);
  const created = createBrokerSeed();
  try {
    await writeFile(path, `${created}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const key = publicKeyOf(await readFile(path, "utf8"));
  if (key === undefined) throw new TidemarkError("bad_broker_credentials", `${path} holds no seed of a user: remove it, and a new user is made`);
  return key;
}

/** `tidemark key broker`: a seed for each role of deploy/nats/permissions.conf, and the public keys that the server is started with. What is there stays. */
export async function runKeyBroker({ arguments: [directory = ""], options }: CommandContext): Promise<number> {
  const keys: Record<string, string> = {};
  const path = join(directory, PUBLIC_KEYS);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const user of brokerUsers) keys[publicKeyVariable(user)] = await publicKey(directory, user);
    await writeFile(path, Object.entries(keys).map(([name, key]) => `${name}=${key}\n`).join(""));
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    throw new TidemarkError("output_failed", `cannot write to ${directory}: ${errorMessage(error)}`, { cause: error });
  }
  if (options["json"] === true) console.log(JSON.stringify(keys, null, 2));
  else console.log(`Seeds are in ${join(directory, "nats-ROLE.nk")}: name a role's with TIDEMARK_NATS_CREDS to that role alone. The public keys are in ${path}: nats-server is started with them.`);
  return EXIT_OK;
}
