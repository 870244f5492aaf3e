import type { CategorySnapshot, FeatureReader } from "../features/feature-reader.ts";
import { SECOND_MS } from "../lib/time.ts";

/** One category as last read. `snapshot.sequence` is what cached answers compare. */
export interface CategorySlot {
  snapshot: CategorySnapshot;
  read_at_ms: number;
}

const REFRESH_MS = SECOND_MS;
/** Categories come from producers: a hostile one must not fill the memory. */
const CATEGORIES_MAX = 10_000;

/**
 * Category snapshots, read again at most once a second each. Every event of a category changes its record; without
 * this bound, one busy category would invalidate the cached answers of all its courses at every event. A course's own
 * record is never that old: the next price after an enrollment already reflects it.
 */
export class CategoryCache {
  readonly #reader: FeatureReader;
  readonly #slots = new Map<string, CategorySlot>();

  constructor(reader: FeatureReader) {
    this.#reader = reader;
  }

  /** The slot of a category, refreshed when it is due; undefined when there is no such category. */
  get(category: string, now_ms: number): CategorySlot | undefined {
    const known = this.#slots.get(category);
    if (known !== undefined) {
      this.refresh(known, now_ms);
      return known;
    }
    const snapshot = this.#reader.category(category);
    if (snapshot === undefined) return undefined;
    if (this.#slots.size >= CATEGORIES_MAX) this.#slots.clear();
    const slot = { snapshot, read_at_ms: now_ms };
    this.#slots.set(category, slot);
    return slot;
  }

  refresh(slot: CategorySlot, now_ms: number): void {
    if (now_ms - slot.read_at_ms < REFRESH_MS) return;
    slot.read_at_ms = now_ms;
    slot.snapshot = this.#reader.category(slot.snapshot.category) ?? slot.snapshot;
  }
}
