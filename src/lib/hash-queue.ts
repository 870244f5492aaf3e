import { assert } from "./assert.ts";
import { HASH_BYTES, HASH_WORDS, readHash, writeHash } from "./hash128.ts";

const CAPACITY_MIN = 64;

/**
 * 128-bit hashes in order of arrival, numbered by ordinals that ascend for ever, with a look-up by hash and removal of
 * the oldest. A ring holds the hashes (16 bytes each); an open-addressing table with linear probing, at most two thirds
 * full, finds them: 8 bytes a slot, the hash's first word and its place in the ring. Both grow by doubling up to
 * `length_max`; beyond it the caller drops the oldest first. No allocation and no object a hash.
 */
export class HashQueue {
  readonly #length_max: number;
  #ring = new Int32Array(0);
  #capacity = 0;
  /** Pairs; a place is kept plus one, 0 = empty. */
  #table = new Int32Array(0);
  #mask = 0;
  #first: number;
  #end: number;
  readonly #hash = new Int32Array(HASH_WORDS);

  /** `length_expected`: so many are about to be added; room for them is made once. */
  constructor(length_max: number, first = 0, length_expected = 0) {
    this.#length_max = length_max;
    this.#first = first;
    this.#end = first;
    this.#resize(Math.min(2 ** Math.ceil(Math.log2(Math.max(CAPACITY_MIN, length_expected))), length_max));
  }

  /** Ordinal of the oldest hash. */
  get first(): number {
    return this.#first;
  }

  /** Ordinal that the next hash will get. */
  get end(): number {
    return this.#end;
  }

  get length(): number {
    return this.#end - this.#first;
  }

  has(hash: Int32Array): boolean {
    const table = this.#table;
    const ring = this.#ring;
    const word = hash[0]!;
    for (let slot = word & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const place = table[2 * slot + 1]!;
      if (place === 0) return false;
      if (table[2 * slot] !== word) continue;
      const at = (place - 1) * HASH_WORDS;
      if (ring[at + 1] === hash[1] && ring[at + 2] === hash[2] && ring[at + 3] === hash[3]) return true;
    }
  }

  /** Adds a hash that is not there, and copies it. There must be room. */
  add(hash: Int32Array): void {
    assert(this.length < this.#length_max, "hash queue is full");
    if (this.length === this.#capacity) this.#resize(Math.min(this.#capacity * 2, this.#length_max));
    const place = this.#end % this.#capacity;
    for (let i = 0; i < HASH_WORDS; i++) this.#ring[place * HASH_WORDS + i] = hash[i]!;
    this.#insert(hash[0]!, place);
    this.#end++;
  }

  /** Removes the oldest hashes. */
  drop(count: number): void {
    assert(count <= this.length, "hash queue has fewer hashes");
    for (let i = 0; i < count; i++) this.#remove(this.#first++ % this.#capacity);
  }

  /** Writes the hash of an ordinal into bytes. */
  write(ordinal: number, bytes: Uint8Array, at: number): void {
    assert(ordinal >= this.#first && ordinal < this.#end, "no such hash");
    this.#read(ordinal % this.#capacity);
    writeHash(this.#hash, bytes, at);
  }

  /** Adds what `write` wrote, hash by hash. */
  load(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += HASH_BYTES) {
      readHash(bytes, at, this.#hash);
      this.add(this.#hash);
    }
  }

  #read(place: number): void {
    for (let i = 0; i < HASH_WORDS; i++) this.#hash[i] = this.#ring[place * HASH_WORDS + i]!;
  }

  #insert(word: number, place: number): void {
    let slot = word & this.#mask;
    while (this.#table[2 * slot + 1] !== 0) slot = (slot + 1) & this.#mask;
    this.#table[2 * slot] = word;
    this.#table[2 * slot + 1] = place + 1;
  }

  /** Deletes without a tombstone: what follows in the run moves up wherever its home allows it (Knuth, vol. 3, 6.4 R). */
  #remove(place: number): void {
    const table = this.#table;
    const mask = this.#mask;
    let hole = this.#ring[place * HASH_WORDS]! & mask;
    while (table[2 * hole + 1] !== place + 1) hole = (hole + 1) & mask;
    for (let slot = (hole + 1) & mask; table[2 * slot + 1] !== 0; slot = (slot + 1) & mask) {
      const home = table[2 * slot]! & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      table[2 * hole] = table[2 * slot]!;
      table[2 * hole + 1] = table[2 * slot + 1]!;
      hole = slot;
    }
    table[2 * hole + 1] = 0;
  }

  #resize(capacity: number): void {
    const ring = this.#ring;
    const before = this.#capacity;
    // At least 1.5 slots a hash; 2 for a capacity of a power of two.
    const slots = 2 ** Math.ceil(Math.log2(capacity * 1.5));
    this.#ring = new Int32Array(capacity * HASH_WORDS);
    this.#table = new Int32Array(slots * 2);
    this.#capacity = capacity;
    this.#mask = slots - 1;
    for (let ordinal = this.#first; ordinal < this.#end; ordinal++) {
      const from = (ordinal % before) * HASH_WORDS;
      const place = ordinal % capacity;
      for (let i = 0; i < HASH_WORDS; i++) this.#ring[place * HASH_WORDS + i] = ring[from + i]!;
      this.#insert(ring[from]!, place);
    }
  }
}
