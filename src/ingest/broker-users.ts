import { nkeys } from "nats";

/** Users that deploy/nats/permissions.conf gives permissions to. */
export const brokerUsers = ["operator", "ingest", "serve", "train", "simulate", "producer"] as const;
export type BrokerUser = (typeof brokerUsers)[number];

/** What the server's environment calls the public key of a user. */
export const publicKeyVariable = (user: BrokerUser): string => `NATS_NKEY_${user.toUpperCase()}`;

/** A new user's secret seed: SU and 56 more characters. */
export function createBrokerSeed(): string {
  return new TextDecoder().decode(nkeys.createUser().getSeed());
}

/** The key that a server knows the holder of a seed by. Undefined when it is no user's seed. */
export function publicKeyOf(seed: string): string | undefined {
  try {
    const key = nkeys.fromSeed(new TextEncoder().encode(seed.trim())).getPublicKey();
    return key.startsWith("U") ? key : undefined;
  } catch {
    return undefined;
  }
}
