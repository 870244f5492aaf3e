import { parseTime, DAY_MS, formatTime } from "../lib/time.ts";
import type { Evaluator } from "./evaluator.ts";
import { offsetOf } from "./feature-set.ts";

/** Where days' records come from. */
export interface DayRecords {
  /** All days that have a record, ascending. */
  days(): Iterable<string>;
  /** Sequence of the record's last change; undefined without a record. */
  sequence(day: string): number | undefined;
  /** The record decoded, the caller's own. */
  slots(day: string): Float64Array | undefined;
}

/** Decoded days that stay, 4 KB each: eleven years, 17 MB, of somebody who reads them all. */
const DAYS_KEPT_MAX = 4_096;

interface Merge {
  readonly offset: number;
  readonly width: number;
  readonly from_days: number;
  readonly to_days: number;
  readonly step: Evaluator["days"][number];
  readonly into: Float64Array;
}

const dayIndex = (day: string): number => parseTime(`${day}T00:00:00Z`) / DAY_MS;

/**
 * Reads what a day's features say of several days, by merging the state of each: sums are exact, sketches give what one sketch of all
 * the days would. Days are decoded once, for as long as they do not change: most never do again.
 */
export class PlatformDays {
  readonly #records: DayRecords;
  readonly #evaluator: Evaluator;
  readonly #merges: readonly Merge[];
  readonly #window_days: number;
  readonly #kept = new Map<string, { readonly sequence: number; readonly slots: Float64Array }>();

  constructor(records: DayRecords, evaluator: Evaluator) {
    this.#records = records;
    this.#evaluator = evaluator;
    this.#merges = evaluator.days.map((step) => {
      const { state, from_days, to_days } = step.source;
      const { width } = state.aggregator;
      return { offset: offsetOf(state), width, from_days, to_days, step, into: new Float64Array(width) };
    });
    this.#window_days = Math.max(0, ...this.#merges.map(({ from_days }) => from_days));
  }

  /** Puts the values into the evaluator's. */
  read(day: string, now_ms: number): void {
    const index = dayIndex(day);
    for (const { into } of this.#merges) into.fill(0);
    for (const other of this.#covered(day, index)) {
      const slots = this.#slots(other);
      if (slots === undefined) continue;
      const back = index - dayIndex(other);
      for (const { offset, from_days, to_days, step, into } of this.#merges) {
        if (back <= from_days && back >= to_days) step.source.state.aggregator.merge(into, 0, slots, offset);
      }
    }
    for (const { step, into } of this.#merges) this.#evaluator.values[step.into] = step.source.reading(into, 0, now_ms, 0);
  }

  #slots(day: string): Float64Array | undefined {
    const sequence = this.#records.sequence(day);
    const kept = this.#kept.get(day);
    if (kept !== undefined && kept.sequence === sequence) return kept.slots;
    const slots = this.#records.slots(day);
    if (slots === undefined || sequence === undefined) return undefined;
    if (this.#kept.size >= DAYS_KEPT_MAX) this.#kept.clear();
    this.#kept.set(day, { sequence, slots });
    return slots;
  }

  /** The days that any feature of this day reads, ascending. */
  *#covered(day: string, index: number): Iterable<string> {
    if (Number.isFinite(this.#window_days)) {
      for (let back = this.#window_days; back >= 0; back--) yield formatTime((index - back) * DAY_MS).slice(0, 10);
      return;
    }
    for (const other of this.#records.days()) {
      if (other > day) return;
      yield other;
    }
  }
}
