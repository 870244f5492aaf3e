import { HashQueue } from "../lib/hash-queue.ts";
import { HASH_BYTES, HASH_WORDS, hashText, writeHash } from "../lib/hash128.ts";
import type { FeatureStoreReader, StoreBatch } from "./store.ts";

/**
 * Which enrollments have been counted, for ever, by the hash of their ids. Those of the open batch and a bounded number
 * of earlier ones are in memory; the store, whose pages the system keeps in memory, is asked about the rest. What is kept
 * changes no stored byte.
 */
export class EnrollmentLedger {
  readonly #store: FeatureStoreReader;
  readonly #kept_max: number;
  readonly #known = new HashQueue(Number.POSITIVE_INFINITY);
  /** Pairs of an ordinal in `known` and the sequence, since the last commit began. */
  #unwritten: number[] = [];
  readonly #hash = new Int32Array(HASH_WORDS);
  readonly #bytes = new Uint8Array(HASH_BYTES);

  constructor(store: FeatureStoreReader, kept_max: number) {
    this.#store = store;
    this.#kept_max = kept_max;
  }

  /** Whether the enrollment is new. If so it is known from now on. */
  accept(enrollment_id: string, sequence: number): boolean {
    const hash = this.#hash;
    hashText(enrollment_id, hash);
    if (this.#known.has(hash)) return false;
    writeHash(hash, this.#bytes, 0);
    if (this.#store.enrollment(this.#bytes) !== undefined) return false;
    this.#unwritten.push(this.#known.end, sequence);
    this.#known.add(hash);
    return true;
  }

  write(batch: StoreBatch): void {
    for (let i = 0; i < this.#unwritten.length; i += 2) {
      this.#known.write(this.#unwritten[i]!, this.#bytes, 0);
      batch.putEnrollment(this.#bytes, this.#unwritten[i + 1]!);
    }
  }

  /** To be called once `write` has put everything. */
  written(): void {
    this.#unwritten = [];
  }

  /** To be called once that is stored, so that the store can be asked; not yet about what came since. */
  stored(): void {
    const stored = (this.#unwritten[0] ?? this.#known.end) - this.#known.first;
    this.#known.drop(Math.max(0, Math.min(stored, this.#known.length - this.#kept_max)));
  }
}
