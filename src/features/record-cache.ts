import { type RecordHeader, decodeRecord } from "./record.ts";
import type { EntityName, FeatureStoreReader } from "./store.ts";

/** A decoded record. `sequence` 0: it does not exist (yet, or any more). */
export interface CachedRecord extends RecordHeader {
  readonly id: string;
  readonly slots: Float64Array;
  /** Changed since the last commit began. */
  changed: boolean;
  /** Used since the eviction hand last passed it. */
  used: boolean;
}

/**
 * Decoded records of one entity over a store: each is decoded when it is first touched, and stays for later batches.
 * Records that are stored, beyond the limit, go at a commit, by second chance (a clock over insertion order). What is kept
 * changes no stored byte: decoding is exact.
 */
export class RecordCache {
  readonly #entity: EntityName;
  readonly #store: FeatureStoreReader;
  readonly #width: number;
  readonly #records_max: number;
  readonly #records = new Map<string, CachedRecord>();
  #changed: CachedRecord[] = [];

  constructor(entity: EntityName, store: FeatureStoreReader, width: number, records_max: number) {
    this.#entity = entity;
    this.#store = store;
    this.#width = width;
    this.#records_max = records_max;
  }

  /** The record, decoded or new, marked as changed by this event. */
  touch(id: string, sequence: number, event_time_ms: number): CachedRecord {
    return this.#touch(this.#records.get(id) ?? this.#load(id), sequence, event_time_ms);
  }

  #touch(record: CachedRecord, sequence: number, event_time_ms: number): CachedRecord {
    record.sequence = sequence;
    if (event_time_ms > record.updated_at_ms) record.updated_at_ms = event_time_ms;
    if (!record.changed) this.#change(record);
    return record;
  }

  /** The record marked as changed by this event if it exists; undefined otherwise. */
  touchExisting(id: string, sequence: number, event_time_ms: number): CachedRecord | undefined {
    const record = this.#records.get(id) ?? this.#load(id);
    return record.sequence === 0 ? undefined : this.#touch(record, sequence, event_time_ms);
  }

  /** The record as it is, decoded or empty, not marked as changed. */
  peek(id: string): CachedRecord {
    return this.#records.get(id) ?? this.#load(id);
  }

  /** The record becomes one that does not exist; a later touch starts it afresh. */
  erase(id: string): void {
    const record = this.#records.get(id) ?? this.#load(id);
    record.slots.fill(0);
    record.sequence = 0;
    record.updated_at_ms = 0;
    if (!record.changed) this.#change(record);
  }

  /** Erases every record whose id starts with `prefix`, stored or not. */
  erasePrefix(prefix: string): void {
    for (const [id, record] of this.#records) if (record.sequence !== 0 && id.startsWith(prefix)) this.erase(id);
    for (const id of this.#store.ids(this.#entity, prefix)) this.erase(id);
  }

  /** Changed since the last commit began, in order of first change. */
  get changed(): readonly CachedRecord[] {
    return this.#changed;
  }

  /** Decoded records, stored or not. */
  get records(): ReadonlyMap<string, CachedRecord> {
    return this.#records;
  }

  /** To be called once `changed` is handed to the store. Nothing goes yet: the store may not have it. */
  written(): void {
    for (const record of this.#changed) record.changed = false;
    this.#changed = [];
  }

  /** To be called once that is stored. Brings the cache back within its limit, but for what changed since. */
  stored(): void {
    let excess = this.#records.size - this.#records_max;
    // Twice round: a second chance is one round more.
    let steps = 2 * this.#records.size;
    if (excess <= 0) return;
    for (const [id, record] of this.#records) {
      if (--steps < 0) return;
      this.#records.delete(id);
      if (record.used || record.changed) {
        // To the end of the order, from where this loop reaches it again if it must.
        record.used = false;
        this.#records.set(id, record);
      } else if (--excess === 0) return;
    }
  }

  #change(record: CachedRecord): void {
    record.changed = true;
    record.used = true;
    this.#changed.push(record);
  }

  #load(id: string): CachedRecord {
    const record: CachedRecord = { id, sequence: 0, updated_at_ms: 0, slots: new Float64Array(this.#width), changed: false, used: false };
    const stored = this.#store.get(this.#entity, id);
    if (stored !== undefined) decodeRecord(stored, record, record.slots);
    this.#records.set(id, record);
    return record;
  }
}
