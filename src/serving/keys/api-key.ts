import { hash, randomBytes, timingSafeEqual } from "node:crypto";

/** `tmk_<id>_<secret>`: the id finds the key, 256 random bits prove it. Hashing those once is enough: nobody goes through them. */
const KEY = /^tmk_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;
const ID_FROM = "tmk_".length;
const ID_TO = ID_FROM + 16;
export const KEY_CHARACTERS = ID_TO + 1 + 43;

export interface NewKey {
  /** Shown once, and kept nowhere. */
  readonly key: string;
  readonly key_id: string;
  /** SHA-256 of the whole key, hex. */
  readonly hash: string;
}

export function hashOf(key: string): string {
  return hash("sha256", key, "hex");
}

export function createKey(random: (bytes: number) => Buffer = randomBytes): NewKey {
  const key_id = random(8).toString("hex");
  const key = `tmk_${key_id}_${random(32).toString("base64url")}`;
  return { key, key_id, hash: hashOf(key) };
}

/** The id in a whole key; undefined of any other text. */
export function keyIdOf(text: string): string | undefined {
  return KEY.exec(text)?.[1];
}

/** Where the id stands in a text of the right length, whatever else that is. */
export function idPart(text: string): string {
  return text.slice(ID_FROM, ID_TO);
}

const NOBODY = Buffer.alloc(32);

/**
 * Compares presented keys with one hash, in a time that depends on neither. Once a key has proved itself its characters are remembered while the process runs: comparing
 * them takes a fifth of the time of a hash, which every price call would pay.
 */
export class KeyProof {
  readonly #hash: Buffer;
  readonly #known = new Uint16Array(KEY_CHARACTERS);
  #proved = false;

  /** undefined: nobody's, which no key proves; presenting one costs as much as any wrong one. */
  constructor(hash: string | undefined) {
    this.#hash = hash === undefined ? NOBODY : Buffer.from(hash, "hex");
  }

  proves(presented: string): boolean {
    if (presented.length !== KEY_CHARACTERS) return false;
    let difference = 0;
    for (let i = 0; i < KEY_CHARACTERS; i++) difference |= presented.charCodeAt(i) ^ this.#known[i]!;
    if (difference === 0 && this.#proved) return true;
    if (!timingSafeEqual(hash("sha256", presented, "buffer"), this.#hash)) return false;
    for (let i = 0; i < KEY_CHARACTERS; i++) this.#known[i] = presented.charCodeAt(i);
    this.#proved = true;
    return true;
  }
}
