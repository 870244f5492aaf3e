import { type Segment, segments } from "../../contracts/segments.ts";
import { HASH_WORDS, hashText } from "../../lib/hash128.ts";
import type { Told } from "../../pricing/learners/transitions.ts";

/** Full slots per slot at most. */
const LOAD_MAX = 0.7;
const CAPACITY_MIN = 1_024;
/** Bytes of a learner when the table is written down: two words of the id's hash, and what was told. */
const ENTRY_BYTES = 9;

/** A value: segment in bits 0 and 1, alerted in 2, cold in 3, the round in which the learner was last seen in 4, and 5 in every full slot. */
const ALERTED = 4;
const COLD = 8;
const ROUND = 16;
const FULL = 32;

/** What is remembered of a learner. `null`: nothing was told, since nothing that the learner did is known. */
export type Remembered = Told | null;

const told: readonly Told[] = [false, true].flatMap((alerted) => segments.map((segment: Segment) => ({ segment, alerted })));

const encode = (remembered: Remembered): number => (remembered === null ? COLD : segments.indexOf(remembered.segment) + (remembered.alerted ? ALERTED : 0));
const decode = (value: number): Remembered => ((value & COLD) !== 0 ? null : told[value & 7]!);

/**
 * What was told of each learner, in 9 bytes a slot: ids are known by 64 bits of their hash (of 10 million learners two share them with a probability of 3e-6). A hash table with linear
 * probing, since a Map of as many ids would take ten times the memory.
 */
export class ToldTable {
  #words = new Int32Array(2 * CAPACITY_MIN);
  #values = new Uint8Array(CAPACITY_MIN);
  #size = 0;
  readonly #hash = new Int32Array(HASH_WORDS);

  get size(): number {
    return this.#size;
  }

  /** undefined: the learner was never seen. */
  get(learner_id: string): Remembered | undefined {
    const value = this.#values[this.#slotOf(learner_id)]!;
    return value === 0 ? undefined : decode(value);
  }

  /** Remembers, and marks the learner as seen in this round. */
  set(learner_id: string, remembered: Remembered, round: boolean): void {
    this.#put(this.#slotOf(learner_id), encode(remembered), round);
  }

  /** Marks a learner who is in the table. */
  see(learner_id: string, round: boolean): void {
    const slot = this.#slotOf(learner_id);
    const value = this.#values[slot]!;
    if (value !== 0) this.#values[slot] = round ? value | ROUND : value & ~ROUND;
  }

  /** Forgets all that were not seen in this round: erased learners. */
  forgetOthers(round: boolean): void {
    const words = this.#words;
    const values = this.#values;
    const mark = FULL | (round ? ROUND : 0);
    const isSeen = (value: number): boolean => (value & (FULL | ROUND)) === mark;
    let kept = 0;
    for (const value of values) if (isSeen(value)) kept++;
    if (kept === this.#size) return;
    this.#allocate(values.length);
    for (let i = 0; i < values.length; i++) if (isSeen(values[i]!)) this.#insert(words[2 * i]!, words[2 * i + 1]!, values[i]!);
  }

  encode(): Uint8Array {
    const bytes = new Uint8Array(this.#size * ENTRY_BYTES);
    const view = new DataView(bytes.buffer);
    let at = 0;
    for (let i = 0; i < this.#values.length; i++) {
      if (this.#values[i] === 0) continue;
      view.setInt32(at, this.#words[2 * i]!);
      view.setInt32(at + 4, this.#words[2 * i + 1]!);
      bytes[at + 8] = this.#values[i]! & ~ROUND;
      at += ENTRY_BYTES;
    }
    return bytes;
  }

  /** Reads what encode wrote; undefined when it is not that. All count as not seen in the round `true`. */
  static decode(bytes: Uint8Array): ToldTable | undefined {
    if (bytes.length % ENTRY_BYTES !== 0) return undefined;
    const table = new ToldTable();
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
      const value = bytes[at + 8]!;
      if ((value & FULL) === 0 || value > FULL + COLD + ALERTED + 3) return undefined;
      table.#insert(view.getInt32(at), view.getInt32(at + 4), value);
    }
    return table;
  }

  #put(slot: number, value: number, round: boolean): void {
    const added = this.#values[slot] === 0;
    this.#values[slot] = value | FULL | (round ? ROUND : 0);
    if (!added) return;
    this.#words[2 * slot] = this.#hash[0]!;
    this.#words[2 * slot + 1] = this.#hash[1]!;
    this.#size++;
    if (this.#size > LOAD_MAX * this.#values.length) this.#grow();
  }

  #grow(): void {
    const words = this.#words;
    const values = this.#values;
    this.#allocate(2 * values.length);
    for (let i = 0; i < values.length; i++) if (values[i] !== 0) this.#insert(words[2 * i]!, words[2 * i + 1]!, values[i]!);
  }

  #allocate(capacity: number): void {
    this.#words = new Int32Array(2 * capacity);
    this.#values = new Uint8Array(capacity);
    this.#size = 0;
  }

  #insert(first: number, second: number, value: number): void {
    const slot = this.#find(first, second);
    const added = this.#values[slot] === 0;
    this.#words[2 * slot] = first;
    this.#words[2 * slot + 1] = second;
    this.#values[slot] = value;
    if (!added) return;
    this.#size++;
    if (this.#size > LOAD_MAX * this.#values.length) this.#grow();
  }

  #slotOf(learner_id: string): number {
    hashText(learner_id, this.#hash);
    return this.#find(this.#hash[0]!, this.#hash[1]!);
  }

  /** The learner's slot, or the empty one to use. */
  #find(first: number, second: number): number {
    const mask = this.#values.length - 1;
    for (let slot = first & mask; ; slot = (slot + 1) & mask) {
      if (this.#values[slot] === 0 || (this.#words[2 * slot] === first && this.#words[2 * slot + 1] === second)) return slot;
    }
  }
}
