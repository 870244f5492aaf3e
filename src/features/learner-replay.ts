import type { StreamEvent } from "../contracts/events.ts";
import { assert } from "../lib/assert.ts";
import { Evaluator } from "./evaluator.ts";
import { publicFeatures } from "./feature-catalogue.ts";
import { featureDefinitions } from "./feature-set.ts";
import { FeatureWriter } from "./feature-writer.ts";
import { MemoryStore } from "./memory-store.ts";
import { ownerOf, type Partition } from "./partition.ts";
import type { ReplayOptions } from "./replay.ts";

/** What a learner did in (at + gap, at + gap + horizon], by event time, whenever it became known: sums, and one maximum. */
export const learnerOutcomeNames = ["exposures", "enrollments", "price_paid_tokens", "price_paid_max_tokens", "completions", "drops", "refunds", "activities", "minutes", "tokens_purchased"] as const;
type Outcome = (typeof learnerOutcomeNames)[number];
const OUTCOMES = learnerOutcomeNames.length;
const MAXIMUM: Outcome = "price_paid_max_tokens";

/** The learner features of a dataset, in column order. */
export const learnerFeatureNames: readonly string[] = publicFeatures("learner").map(({ name }) => name);
const positions = featureDefinitions.learner.flatMap((definition, i) => (definition.internal ? [] : [i]));

/** All learners known at a cut-off. */
export interface LearnerBlock {
  /** Index into at_ms. */
  readonly period: number;
  /** Ascending. */
  readonly ids: readonly string[];
  /** ids.length × learnerFeatureNames.length, row by row. */
  readonly features: Float64Array;
}

export interface LearnerReplayOptions extends ReplayOptions {
  /** Only these learners; all unless given. */
  readonly partition?: Partition | undefined;
  /** Called as each cut-off is passed. */
  onBlock(block: LearnerBlock): void;
}

/** An outcome of a cut-off that has not been passed yet. */
interface Early {
  readonly learner_id: string;
  readonly outcome: number;
  readonly value: number;
}

/**
 * The point-in-time dataset of learners, by the rules of DatasetReplay: features of what was known before each cut-off, from the fold that serves;
 * labels of what happened in its window.
 *
 * Memory: a decoded record a learner (2 KB), and 80 bytes a row for the labels, which are not final before the stream ends. Features are handed over.
 */
export class LearnerReplay {
  readonly #options: LearnerReplayOptions;
  readonly #starts_ms: readonly number[];
  readonly #writer: FeatureWriter;
  readonly #evaluator = new Evaluator(featureDefinitions.learner);
  /** Dense numbers of learners, and for each period the row of each of them. */
  readonly #numbers = new Map<string, number>();
  readonly #rows: Int32Array[] = [];
  readonly #outcomes: Float64Array[] = [];
  readonly #early = new Map<number, Early[]>();
  /** Rows of each period whose learner was erased after the cut-off. */
  readonly #erased: Set<number>[] = [];
  #period = 0;

  constructor(options: LearnerReplayOptions) {
    const { at_ms, gap_ms, horizon_ms, partition } = options;
    assert(at_ms.every((at, i) => i === 0 || at > at_ms[i - 1]!), "cut-offs must ascend");
    assert(gap_ms >= 0 && horizon_ms > 0, "the gap must not be negative, the horizon must be positive");
    this.#options = options;
    this.#starts_ms = at_ms.map((at) => at + gap_ms);
    this.#writer = new FeatureWriter(new MemoryStore(), { entities: ["course", "learner"], partition });
  }

  /** A duplicate counts in neither features nor labels, nor does it reach a cut-off. */
  apply(stream: StreamEvent): void {
    if (!this.#writer.accept(stream)) return;
    const { at_ms } = this.#options;
    while (this.#period < at_ms.length && stream.known_at_ms >= at_ms[this.#period]!) this.#emit(this.#period++);
    this.#writer.fold(stream);
    this.#observe(stream);
  }

  /** Labels of a period's rows, in their order: rows × learnerOutcomeNames.length. Final once the stream has ended. */
  outcomes(period: number): Float64Array {
    return this.#outcomes[period] ?? new Float64Array(0);
  }

  /** Rows of a period whose learner was erased since: they are to be kept from everybody. Final once the stream has ended. */
  erased(period: number): ReadonlySet<number> {
    return this.#erased[period] ?? new Set();
  }

  #observe({ event, event_time_ms }: StreamEvent): void {
    switch (event.type) {
      case "learner.erased":
        return this.#erase(event.learner_id);
      case "exposure.viewed":
        return this.#count(event.learner_id, event_time_ms, "exposures", 1);
      case "enrollment.created":
        this.#count(event.learner_id, event_time_ms, "enrollments", 1);
        this.#count(event.learner_id, event_time_ms, "price_paid_tokens", event.price);
        return this.#count(event.learner_id, event_time_ms, MAXIMUM, event.price);
      case "enrollment.completed":
        return this.#count(event.learner_id, event_time_ms, "completions", 1);
      case "enrollment.dropped":
        return this.#count(event.learner_id, event_time_ms, "drops", 1);
      case "enrollment.refunded":
        return this.#count(event.learner_id, event_time_ms, "refunds", 1);
      case "token.purchased":
        return this.#count(event.learner_id, event_time_ms, "tokens_purchased", event.amount);
      case "activity.session":
        this.#count(event.learner_id, event_time_ms, "minutes", event.minutes ?? 0);
        return this.#count(event.learner_id, event_time_ms, "activities", 1);
      case "activity.assignment":
      case "activity.forum":
      case "activity.rating":
        return this.#count(event.learner_id, event_time_ms, "activities", 1);
      default:
    }
  }

  #erase(learner_id: string): void {
    const number = this.#numbers.get(learner_id);
    if (number === undefined) return;
    for (const [period, rows] of this.#rows.entries()) {
      const row = rows[number] ?? 0;
      if (row > 0) this.#erased[period]!.add(row - 1);
    }
  }

  /** Adds to every period whose window the time lies in. */
  #count(learner_id: string, time_ms: number, outcome: Outcome, value: number): void {
    const { partition } = this.#options;
    if (partition !== undefined && ownerOf(learner_id, partition.count) !== partition.index) return;
    const column = learnerOutcomeNames.indexOf(outcome);
    const starts = this.#starts_ms;
    // The last window that begins before it; windows may overlap.
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts[middle]! < time_ms) low = middle + 1;
      else high = middle;
    }
    for (let period = low - 1; period >= 0 && time_ms <= starts[period]! + this.#options.horizon_ms; period--) {
      if (period < this.#period) this.#add(period, learner_id, column, value);
      else this.#earlyOf(period).push({ learner_id, outcome: column, value });
    }
  }

  #earlyOf(period: number): Early[] {
    const found = this.#early.get(period) ?? [];
    this.#early.set(period, found);
    return found;
  }

  #add(period: number, learner_id: string, column: number, value: number): void {
    const number = this.#numbers.get(learner_id);
    const row = number === undefined ? 0 : (this.#rows[period]![number] ?? 0);
    // Who was not known at the cut-off has no row.
    if (row === 0) return;
    const outcomes = this.#outcomes[period]!;
    const at = (row - 1) * OUTCOMES + column;
    outcomes[at] = learnerOutcomeNames[column] === MAXIMUM ? Math.max(outcomes[at]!, value) : outcomes[at]! + value;
  }

  #emit(period: number): void {
    const now_ms = this.#options.at_ms[period]!;
    const known = [...this.#writer.live("learner")].filter(([, { sequence }]) => sequence > 0).sort(([a], [b]) => (a < b ? -1 : 1));
    const columns = positions.length;
    const features = new Float64Array(known.length * columns);
    const numbers = known.map(([id, { slots }], row) => {
      const all = this.#evaluator.evaluate(slots, now_ms);
      for (let column = 0; column < columns; column++) features[row * columns + column] = all[positions[column]!]!;
      const number = this.#numbers.get(id) ?? this.#numbers.size;
      this.#numbers.set(id, number);
      return number;
    });
    const rows = new Int32Array(this.#numbers.size);
    numbers.forEach((number, row) => {
      rows[number] = row + 1;
    });
    this.#rows.push(rows);
    this.#erased.push(new Set());
    this.#outcomes.push(new Float64Array(known.length * OUTCOMES));
    for (const { learner_id, outcome, value } of this.#early.get(period) ?? []) this.#add(period, learner_id, outcome, value);
    this.#early.delete(period);
    this.#options.onBlock({ period, ids: known.map(([id]) => id), features });
  }
}
