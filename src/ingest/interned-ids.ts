const CACHE_BITS = 16;
const ENTRIES = 1 << CACHE_BITS;

/** Whether a byte may stand in an id: A-Z a-z 0-9 _ - */
const inId = new Uint8Array(256);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") inId[character.charCodeAt(0)] = 1;
const ID_CHARS_MAX = 64;

export function isId(bytes: Uint8Array, from: number, to: number): boolean {
  if (to === from || to - from > ID_CHARS_MAX) return false;
  for (let at = from; at < to; at++) if (inId[bytes[at]!] === 0) return false;
  return true;
}

/**
 * Strings of ids that come again and again, found by their bytes: no string is made, and a map finds it by its pointer and the
 * hash that it has already. One string an entry; another id with the same hash takes its place. At most about 6 MB.
 */
export class InternedIds {
  readonly #ids = new Array<string>(ENTRIES).fill("");

  /** The id that bytes [from, to) spell; undefined if they spell none. */
  get(bytes: Buffer, from: number, to: number): string | undefined {
    const length = to - from;
    if (length === 0 || length > ID_CHARS_MAX) return undefined;
    let hash = 0;
    for (let at = from; at < to; at++) {
      const byte = bytes[at]!;
      if (inId[byte] === 0) return undefined;
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    const entry = (Math.imul(hash, 0x9e3779b1) >>> (32 - CACHE_BITS)) | 0;
    const known = this.#ids[entry]!;
    if (known.length === length) {
      let at = 0;
      while (at < length && known.charCodeAt(at) === bytes[from + at]) at++;
      if (at === length) return known;
    }
    // A string of its own, not a slice of a whole message that it would keep in memory.
    const id = bytes.toString("latin1", from, to);
    this.#ids[entry] = id;
    return id;
  }
}
