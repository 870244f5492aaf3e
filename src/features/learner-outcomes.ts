import type { Event } from "../contracts/events.ts";
import { assert } from "../lib/assert.ts";
import { DAY_MS } from "../lib/time.ts";
import type { KnownEnrollments } from "./learner-history.ts";

/**
 * What a learner did in (at + gap, at + gap + horizon], by event time, whenever it became known: sums and one maximum, then how long after the window's start something
 * first happened, in ms; 0 = not within the window. `in_progress` is 1 of rows that `completed_after_ms` is asked of: an enrollment of the IN_PROGRESS_DAYS before the
 * cut-off, the latest, was in progress as far as was known there, and did not end before the window began.
 */
export const learnerOutcomeNames = [
  "exposures",
  "enrollments",
  "price_paid_tokens",
  "price_paid_max_tokens",
  "completions",
  "drops",
  "refunds",
  "activities",
  "minutes",
  "tokens_purchased",
  "first_activity_after_ms",
  "first_enrollment_after_ms",
  "upsold_after_ms",
  "in_progress",
  "completed_after_ms",
] as const;
export type LearnerOutcome = (typeof learnerOutcomeNames)[number];

/** What nobody ended or completed for longer is abandoned. */
export const IN_PROGRESS_DAYS = 90;

const OUTCOMES = learnerOutcomeNames.length;
const column = Object.fromEntries(learnerOutcomeNames.map((name, i) => [name, i])) as Readonly<Record<LearnerOutcome, number>>;
/** A row without anything. */
export const NO_ROW = -1;

type EnrollmentEnd = Extract<Event, { readonly type: "enrollment.completed" | "enrollment.dropped" | "enrollment.refunded" }>;

/** An event of a window whose cut-off has not been passed yet. */
interface Early {
  readonly event: Event & { readonly learner_id: string };
  readonly time_ms: number;
  readonly tier: number;
}

/** The rows of a cut-off that was passed, and what their labels are relative to. */
interface Rows {
  /** 1 + row, by the learner's number. */
  readonly row: Int32Array;
  readonly values: Float64Array;
  readonly highest_price_tokens: Float64Array;
  readonly highest_tier: Int8Array;
  readonly in_progress: (string | undefined)[];
  /** Rows whose learner was erased after the cut-off. */
  readonly erased: Set<number>;
}

/** The labels of learners at several cut-offs, final once the stream has ended: 140 bytes a row. */
export class LearnerOutcomes {
  readonly #at_ms: readonly number[];
  readonly #starts_ms: readonly number[];
  readonly #horizon_ms: number;
  /** Dense numbers of learners. */
  readonly #numbers = new Map<string, number>();
  readonly #passed: Rows[] = [];
  readonly #early = new Map<number, Early[]>();

  constructor(at_ms: readonly number[], gap_ms: number, horizon_ms: number) {
    assert(at_ms.every((at, i) => i === 0 || at > at_ms[i - 1]!), "cut-offs must ascend");
    assert(gap_ms >= 0 && horizon_ms > 0, "the gap must not be negative, the horizon must be positive");
    this.#at_ms = at_ms;
    this.#starts_ms = at_ms.map((at) => at + gap_ms);
    this.#horizon_ms = horizon_ms;
  }

  /** The next cut-off is passed: these learners have rows, in this order. */
  pass(ids: readonly string[], known: (learner_id: string) => KnownEnrollments): void {
    const period = this.#passed.length;
    const oldest_ms = this.#at_ms[period]! - IN_PROGRESS_DAYS * DAY_MS;
    const enrollments = ids.map(known);
    const values = new Float64Array(ids.length * OUTCOMES);
    const in_progress = enrollments.map(({ in_progress: open }, row) => {
      if (open === undefined || open.enrolled_at_ms < oldest_ms) return undefined;
      values[row * OUTCOMES + column.in_progress] = 1;
      return open.enrollment_id;
    });
    const numbers = ids.map((id) => this.#number(id));
    const row = new Int32Array(this.#numbers.size);
    numbers.forEach((number, i) => {
      row[number] = i + 1;
    });
    const highest_price_tokens = Float64Array.from(enrollments, (own) => own.highest_price_tokens);
    const highest_tier = Int8Array.from(enrollments, (own) => own.highest_tier);
    this.#passed.push({ row, values, highest_price_tokens, highest_tier, in_progress, erased: new Set() });
    for (const { event, time_ms, tier } of this.#early.get(period) ?? []) this.#count(period, event, time_ms, tier);
    this.#early.delete(period);
  }

  /** An event of a learner; `tier` is that of its course as the catalogue has it, −1 while it is not known. */
  observe(event: Event & { readonly learner_id: string }, time_ms: number, tier: number): void {
    if (event.type === "learner.erased") return this.#erase(event.learner_id);
    if (event.type === "enrollment.completed" || event.type === "enrollment.dropped" || event.type === "enrollment.refunded") this.#end(event, time_ms);
    const starts = this.#starts_ms;
    // The last window that begins before it; windows may overlap.
    for (let period = this.#startsBefore(time_ms) - 1; period >= 0 && time_ms <= starts[period]! + this.#horizon_ms; period--) {
      if (period < this.#passed.length) this.#count(period, event, time_ms, tier);
      else this.#earlyOf(period).push({ event, time_ms, tier });
    }
  }

  /** Labels of a period's rows, in their order: rows × learnerOutcomeNames.length. Final once the stream has ended. */
  values(period: number): Float64Array {
    return this.#passed[period]?.values ?? new Float64Array(0);
  }

  /** Rows of a period whose learner was erased since. Final once the stream has ended. */
  erased(period: number): ReadonlySet<number> {
    return this.#passed[period]?.erased ?? new Set();
  }

  /** The latest cut-off that was passed and lies no later than a time; −1 without one. */
  periodAt(time_ms: number): number {
    let period = this.#passed.length - 1;
    while (period >= 0 && this.#at_ms[period]! > time_ms) period--;
    return period;
  }

  /** The learner's row of a cut-off that was passed, or NO_ROW. */
  row(period: number, learner_id: string): number {
    const number = this.#numbers.get(learner_id);
    return number === undefined ? NO_ROW : (this.#passed[period]!.row[number] ?? 0) - 1;
  }

  #number(learner_id: string): number {
    const number = this.#numbers.get(learner_id) ?? this.#numbers.size;
    this.#numbers.set(learner_id, number);
    return number;
  }

  #startsBefore(time_ms: number): number {
    let low = 0;
    let high = this.#starts_ms.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts_ms[middle]! < time_ms) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #earlyOf(period: number): Early[] {
    const found = this.#early.get(period) ?? [];
    this.#early.set(period, found);
    return found;
  }

  #erase(learner_id: string): void {
    for (const [period, early] of this.#early) this.#early.set(period, early.filter(({ event }) => event.learner_id !== learner_id));
    for (const [period, { erased }] of this.#passed.entries()) {
      const row = this.row(period, learner_id);
      if (row !== NO_ROW) erased.add(row);
    }
  }

  /** The end of an enrollment that some rows are asked about: its completion within the window, or an end before the window began. */
  #end({ type, learner_id, enrollment_id }: EnrollmentEnd, time_ms: number): void {
    for (let period = this.#passed.length - 1; period >= 0; period--) {
      const start_ms = this.#starts_ms[period]!;
      if (time_ms > start_ms + this.#horizon_ms) return;
      const { values, in_progress } = this.#passed[period]!;
      const row = this.row(period, learner_id);
      if (row === NO_ROW || in_progress[row] !== enrollment_id) continue;
      const at = row * OUTCOMES;
      if (time_ms <= start_ms) {
        in_progress[row] = undefined;
        values[at + column.in_progress] = 0;
        values[at + column.completed_after_ms] = 0;
      } else if (type === "enrollment.completed") first(values, at + column.completed_after_ms, time_ms - start_ms);
    }
  }

  /** Adds an event of a window to the learner's row. Who was not known at the cut-off has none. */
  #count(period: number, event: Early["event"], time_ms: number, tier: number): void {
    const row = this.row(period, event.learner_id);
    if (row === NO_ROW) return;
    const { values, highest_price_tokens, highest_tier } = this.#passed[period]!;
    const at = row * OUTCOMES;
    const after_ms = time_ms - this.#starts_ms[period]!;
    const add = (outcome: LearnerOutcome, value: number): void => {
      values[at + column[outcome]]! += value;
    };
    switch (event.type) {
      case "exposure.viewed":
        add("exposures", 1);
        break;
      case "enrollment.created": {
        add("enrollments", 1);
        add("price_paid_tokens", event.price);
        values[at + column.price_paid_max_tokens] = Math.max(values[at + column.price_paid_max_tokens]!, event.price);
        first(values, at + column.first_enrollment_after_ms, after_ms);
        const [price_before, tier_before] = [highest_price_tokens[row]!, highest_tier[row]!];
        // Without an enrollment before, or of unknown tiers, nothing is higher.
        if ((price_before >= 0 && event.price > price_before) || (tier_before >= 0 && tier > tier_before)) first(values, at + column.upsold_after_ms, after_ms);
        break;
      }
      case "token.purchased":
        add("tokens_purchased", event.amount);
        break;
      case "activity.session":
        add("minutes", event.minutes ?? 0);
        add("activities", 1);
        break;
      case "activity.assignment":
      case "activity.forum":
      case "activity.rating":
        add("activities", 1);
        break;
      case "enrollment.completed":
        return add("completions", 1);
      case "enrollment.dropped":
        return add("drops", 1);
      case "enrollment.refunded":
        return add("refunds", 1);
      default:
        // What the platform does to a learner is no activity of theirs.
        return;
    }
    first(values, at + column.first_activity_after_ms, after_ms);
  }
}

/** The least of the times that are above 0. */
function first(values: Float64Array, at: number, after_ms: number): void {
  if (values[at] === 0 || after_ms < values[at]!) values[at] = after_ms;
}
