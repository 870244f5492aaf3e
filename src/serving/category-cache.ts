import type { CategorySnapshot, FeatureReader } from "../features/feature-reader.ts";
import { SECOND_MS } from "../lib/time.ts";

const REFRESH_MS = SECOND_MS;
/** Categories come from producers: a hostile one must not fill the memory. */
const CATEGORIES_MAX = 10_000;

/**
 * Category snapshots, read again at most once a second each: many courses share one, and decoding it costs as much as a
 * course. A course's own record is never that old: the next price after an enrollment already reflects it.
 */
export class CategoryCache {
  readonly #reader: FeatureReader;
  readonly #kept = new Map<string, { readonly snapshot: CategorySnapshot; readonly read_at_ms: number }>();

  constructor(reader: FeatureReader) {
    this.#reader = reader;
  }

  /** undefined when there is no such category. */
  get(category: string, now_ms: number): CategorySnapshot | undefined {
    const kept = this.#kept.get(category);
    if (kept !== undefined && now_ms - kept.read_at_ms < REFRESH_MS) return kept.snapshot;
    const snapshot = this.#reader.category(category);
    if (snapshot === undefined) return undefined;
    if (this.#kept.size >= CATEGORIES_MAX) this.#kept.clear();
    this.#kept.set(category, { snapshot, read_at_ms: now_ms });
    return snapshot;
  }
}
