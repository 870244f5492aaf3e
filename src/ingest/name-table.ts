import { assert } from "../lib/assert.ts";

const SLOTS = 128;

/** Finds which of a few ASCII names some bytes spell, without making a string of them. Open addressing, linear probing. */
export class NameTable {
  readonly #slots = new Int32Array(SLOTS).fill(-1);
  readonly #names: readonly Uint8Array[];

  constructor(names: readonly string[]) {
    assert(names.length <= SLOTS / 2, "too many names for the table");
    this.#names = names.map((name) => Buffer.from(name, "latin1"));
    for (const [index, name] of this.#names.entries()) {
      assert(this.index(name, 0, name.length) < 0, "a name twice");
      let slot = hash(name, 0, name.length);
      while (this.#slots[slot] !== -1) slot = (slot + 1) & (SLOTS - 1);
      this.#slots[slot] = index;
    }
  }

  /** Index of the name that bytes [from, to) spell; -1 if they spell none. */
  index(bytes: Uint8Array, from: number, to: number): number {
    const length = to - from;
    if (length === 0) return -1;
    for (let slot = hash(bytes, from, to); ; slot = (slot + 1) & (SLOTS - 1)) {
      const index = this.#slots[slot]!;
      if (index === -1) return -1;
      const name = this.#names[index]!;
      if (name.length !== length) continue;
      let at = 0;
      while (at < length && name[at] === bytes[from + at]) at++;
      if (at === length) return index;
    }
  }
}

function hash(bytes: Uint8Array, from: number, to: number): number {
  return ((to - from) * 11 + bytes[from]! * 3 + bytes[to - 1]! * 5) & (SLOTS - 1);
}
