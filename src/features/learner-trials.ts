import type { EventOf } from "../contracts/events.ts";
import { log } from "../lib/exp-log.ts";
import { hash32 } from "../lib/prng.ts";
import { DAY_MS, MINUTE_MS } from "../lib/time.ts";
import { affordability } from "./affordability.ts";
import { insertListPrice, jitterBase, type ListPrice, listPriceInForce } from "./price-jitter.ts";
import { TrailingConversions } from "./trailing-conversion.ts";

/** Views of prices with a random part by learners who have a row, in the order in which they became known. */
export interface LearnerTrials {
  /** Of the row: the learner's latest cut-off before the view. */
  readonly period: Int32Array;
  readonly row: Int32Array;
  /** log(price / price before its random part). */
  readonly jitter: Float64Array;
  /** Whether the view became an enrollment. */
  readonly enrolled: Uint8Array;
  /** Whether the learner's balance covered the price then. */
  readonly affordable: Uint8Array;
  /** The course's trailing conversion as of the view. */
  readonly expected: Float64Array;
}

/** An enrollment belongs to the learner's last view of the course at that price, so long before it at most. */
const ATTRIBUTION_MS = DAY_MS;
/** What becomes known later than this is left out: by then the balance may already have paid for it. Whether it became an enrollment plays no part in that. */
const LATENESS_MAX_MS = 5 * MINUTE_MS;

const NONE = -1;
const COURSES_MAX = 2 ** 31;

interface JitteredPrice extends ListPrice {
  /** NaN without a random part. */
  readonly base: number;
}

/** A column each. */
type Views = Record<"pair" | "time_ms" | "price" | "period" | "row" | "jitter" | "affordable" | "expected", number[]>;

interface Enrollment {
  readonly time_ms: number;
  readonly price: number;
  /** Its last view of those that were seen so far. */
  view: number;
}

export interface View {
  readonly event: EventOf<"exposure.viewed">;
  readonly time_ms: number;
  readonly known_at_ms: number;
  /** Where the learner has a row. */
  readonly trial: { readonly balance_tokens: number; readonly period: number; readonly row: number } | undefined;
}

/**
 * Collects trials of prices on single learners, 90 bytes a view. When there are more views than `views_max`, half of the learners, by their ids' hashes, are let go of with all that they viewed, so that
 * what is left is a fair sample of learners and whole for each.
 */
export class LearnerTrialLog {
  readonly #views_max: number;
  /** Learners whose hash lies below it are followed. */
  #hash_end = 2 ** 32;
  readonly #prices = new Map<string, JitteredPrice[]>();
  readonly #conversions = new TrailingConversions();
  readonly #learners = new Map<string, number>();
  readonly #courses = new Map<string, number>();
  /** By pair of learner and course. */
  readonly #enrollments = new Map<number, Enrollment[]>();
  readonly #hashes: number[] = [];
  #views: Views = { pair: [], time_ms: [], price: [], period: [], row: [], jitter: [], affordable: [], expected: [] };

  constructor(views_max = Number.POSITIVE_INFINITY) {
    this.#views_max = views_max;
  }

  reprice(event: EventOf<"course.repriced">, time_ms: number): void {
    const prices = this.#prices.get(event.course_id) ?? [];
    this.#prices.set(event.course_id, prices);
    insertListPrice(prices, { time_ms, price: event.price, base: jitterBase(event) });
  }

  /** Of any learner: what a course converts is everybody's. */
  exposure({ course_id }: EventOf<"exposure.viewed">, time_ms: number): void {
    this.#conversions.exposure(course_id, time_ms);
  }

  enrollment({ course_id }: EventOf<"enrollment.created">, time_ms: number): void {
    this.#conversions.enrollment(course_id, time_ms);
  }

  /** An enrollment of a learner who may have a row. */
  enrolled({ learner_id, course_id, price }: EventOf<"enrollment.created">, time_ms: number): void {
    if (!this.#follows(learner_id)) return;
    const pair = this.#pair(learner_id, course_id);
    const found = this.#enrollments.get(pair) ?? [];
    this.#enrollments.set(pair, found);
    found.push({ time_ms, price, view: NONE });
  }

  /** A view by a learner who may have a row, before it counts as an exposure. One that is no trial may still be what an enrollment came of. */
  view({ event: { learner_id, course_id, price }, time_ms, known_at_ms, trial }: View): void {
    if (!this.#follows(learner_id)) return;
    const base = trial === undefined || known_at_ms - time_ms > LATENESS_MAX_MS ? undefined : listPriceInForce(this.#prices.get(course_id) ?? [], time_ms, price)?.base;
    const views = this.#views;
    views.pair.push(this.#pair(learner_id, course_id));
    views.time_ms.push(time_ms);
    views.price.push(price);
    views.period.push(trial?.period ?? NONE);
    views.row.push(trial?.row ?? NONE);
    views.jitter.push(base === undefined ? Number.NaN : log(price) - log(base));
    views.affordable.push(trial !== undefined && affordability(trial.balance_tokens, price) >= 1 ? 1 : 0);
    views.expected.push(trial === undefined ? Number.NaN : this.#conversions.at(course_id, time_ms));
    if (views.pair.length > this.#views_max) this.#halve();
  }

  /** `to_ms`: the end of the data. Views are left out whose enrollment may still come. */
  finish(to_ms: number): LearnerTrials {
    const { pair, time_ms, price, period, row, jitter, affordable, expected } = this.#views;
    const views = Int32Array.from(time_ms.keys());
    for (const view of views) {
      for (const enrollment of this.#enrollments.get(pair[view]!) ?? []) {
        const before_ms = enrollment.time_ms - time_ms[view]!;
        if (enrollment.price !== price[view] || before_ms < 0 || before_ms > ATTRIBUTION_MS) continue;
        if (enrollment.view < 0 || time_ms[view]! >= time_ms[enrollment.view]!) enrollment.view = view;
      }
    }
    const converted = new Uint8Array(views.length);
    for (const enrollments of this.#enrollments.values()) for (const { view } of enrollments) if (view >= 0) converted[view] = 1;
    const trials = views.filter((view) => !Number.isNaN(jitter[view]!) && time_ms[view]! + ATTRIBUTION_MS <= to_ms);
    return {
      period: trials.map((view) => period[view]!),
      row: trials.map((view) => row[view]!),
      jitter: Float64Array.from(trials, (view) => jitter[view]!),
      enrolled: Uint8Array.from(trials, (view) => converted[view]!),
      affordable: Uint8Array.from(trials, (view) => affordable[view]!),
      expected: Float64Array.from(trials, (view) => expected[view]!),
    };
  }

  #follows(learner_id: string): boolean {
    return this.#hash_end === 2 ** 32 || hashOf(learner_id) < this.#hash_end;
  }

  #halve(): void {
    this.#hash_end /= 2;
    const followed = (pair: number): boolean => this.#hashes[Math.floor(pair / COURSES_MAX)]! < this.#hash_end;
    const kept = this.#views.pair.map(followed);
    const own = (column: readonly number[]): number[] => column.filter((_, view) => kept[view]);
    const { pair, time_ms, price, period, row, jitter, affordable, expected } = this.#views;
    this.#views = { pair: own(pair), time_ms: own(time_ms), price: own(price), period: own(period), row: own(row), jitter: own(jitter), affordable: own(affordable), expected: own(expected) };
    for (const other of this.#enrollments.keys()) if (!followed(other)) this.#enrollments.delete(other);
  }

  /** Below 2^53 for up to 4 M learners. */
  #pair(learner_id: string, course_id: string): number {
    const learner = numberOf(this.#learners, learner_id);
    this.#hashes[learner] ??= hashOf(learner_id);
    return learner * COURSES_MAX + numberOf(this.#courses, course_id);
  }
}

/** Not the one that partitions are made by. */
function hashOf(learner_id: string): number {
  return hash32(`views of ${learner_id}`);
}

function numberOf(numbers: Map<string, number>, id: string): number {
  const number = numbers.get(id) ?? numbers.size;
  numbers.set(id, number);
  return number;
}
