import { type DegradedReason, degradedReasons, type ElasticityAnswer, type OptimizeBody, type PredictBody, type PriceExploration } from "../contracts/api.ts";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import type { Clock } from "../lib/clock.ts";
import { HOUR_MS } from "../lib/time.ts";
import { batchRow } from "../pricing/batch.ts";
import { decide } from "../pricing/decision.ts";
import { predictEnrollments } from "../pricing/forecast.ts";
import { CourseLookup } from "./course-lookup.ts";
import type { FoundCourse } from "./course-lookup.ts";
import type { DecisionLog } from "./decision-log.ts";
import { featuresUnavailable, mustFeatures } from "./feature-source.ts";
import type { FeatureSource, OpenFeatures } from "./feature-source.ts";
import { minuteOf, type PricingContext, pricingOf } from "./pricing-inputs.ts";
import { ProblemError } from "./problem.ts";
import { basisOf, type SharedAnswer, SharedAnswers } from "./shared-answers.ts";

/** About 2 KB each: 32 MB a process at most. */
const KNOWN_ANSWERS_MAX = 16_384;
/** How long a price outlives the features that it was made of: list prices and demand go on without it. */
const LAST_SAFE_MS = 24 * HOUR_MS;
/** Apart from the known courses', so that made-up ones cannot push them out. */
const COLD_ANSWERS_MAX = 2_048;
/** Of known courses: who asks for the demand of made-up ones asks for another each time. */
const PREDICTIONS_MAX = 4_096;

export interface PriceServiceDeps extends PricingContext {
  readonly features: FeatureSource;
  readonly decisions: DecisionLog;
  readonly clock: Clock;
}

/** A decision as POST /optimize_price answers it, all but the age of its features. */
export interface PriceDecision {
  readonly json: string;
  readonly optimal_price: number;
  readonly elasticity: ElasticityAnswer;
}

/** What a known course's decision recommends, for whoever may make it the list price. */
export interface PriceRecommendation {
  readonly quote_id: string;
  readonly optimal_price: number;
  /** How the price was drawn; undefined where it was not. */
  readonly exploration: PriceExploration | undefined;
  readonly degraded: boolean;
}

/** A decision as a batch of prices tells it. */
export interface PriceRow {
  readonly json: string;
  readonly quote_id: string;
  readonly updated_at_ms: number;
}

interface PricedAnswer extends SharedAnswer {
  /** Written when a batch first asks for it. */
  row: PriceRow | undefined;
  readonly quote_id: string;
  readonly optimal_price: number;
  readonly exploration: PriceExploration | undefined;
  readonly elasticity: ElasticityAnswer;
}

function age(now_ms: number, updated_at_ms: number): number {
  return Math.max(0, Math.round(now_ms - updated_at_ms));
}

/** The same answer, marked with more reasons. Its quote is that of the decision that the price comes from. */
function degradedHead(head: string, reasons: readonly DegradedReason[]): string {
  const answer = JSON.parse(`${head}}`) as { degraded?: readonly DegradedReason[] };
  const degraded = degradedReasons.filter((reason) => reasons.includes(reason) || answer.degraded?.includes(reason) === true);
  return JSON.stringify({ ...answer, degraded }).slice(0, -1);
}

/** `open` is a JSON object without its closing brace. */
function withFreshness(open: string, now_ms: number, updated_at_ms: number): string {
  return `${open},"freshness_ms":${age(now_ms, updated_at_ms)}}`;
}

/** What a call asks for, as a cache key. Ids hold no separator, so different calls have different keys. */
function keyOf({ course_id, current_price, current_enrollments, objective }: OptimizeBody): string {
  if (current_price === undefined && current_enrollments === undefined && objective === undefined) return course_id ?? "";
  return `${course_id ?? ""}|${current_price ?? ""}|${current_enrollments ?? ""}|${objective ?? ""}`;
}

function coldKeyOf(body: OptimizeBody): string {
  const cold = body.course_features;
  return `${cold?.category}|${cold?.base_price}|${cold?.difficulty_level ?? ""}|${cold?.quality_tier ?? ""}|${keyOf(body)}`;
}

/**
 * Answers price calls. Whole answers are shared between calls whose inputs are identical: same course record, minute (with the category and the
 * course's own views as they were read in that minute), model, policy, degradation and body. Everything else is computed again and recorded as a decision.
 * A minute's views are one in tens of thousands of the months that the demand cells remember, and most events are views; all else is in the next price.
 */
export class PriceService {
  readonly #deps: PriceServiceDeps;
  readonly #known: SharedAnswers<PricedAnswer>;
  readonly #cold: SharedAnswers<PricedAnswer>;
  readonly #predictions: SharedAnswers<SharedAnswer>;
  #open: OpenFeatures | undefined;
  #lookup: CourseLookup | undefined;
  #hits = 0;
  #misses = 0;
  #degraded_answers = 0;

  constructor(deps: PriceServiceDeps) {
    this.#deps = deps;
    this.#known = new SharedAnswers(deps, KNOWN_ANSWERS_MAX);
    this.#cold = new SharedAnswers(deps, COLD_ANSWERS_MAX);
    this.#predictions = new SharedAnswers(deps, PREDICTIONS_MAX);
  }

  get hits(): number {
    return this.#hits;
  }

  get misses(): number {
    return this.#misses;
  }

  get entries(): number {
    return this.#known.size + this.#cold.size + this.#predictions.size;
  }

  get evictions(): number {
    return this.#known.evicted + this.#cold.evicted + this.#predictions.evicted;
  }

  get degraded_answers(): number {
    return this.#degraded_answers;
  }

  /** The body of POST /optimize_price. Throws ProblemError. */
  optimize(body: OptimizeBody): string {
    const now_ms = this.#deps.clock.now_ms();
    if (this.#deps.features.current === undefined) return this.#lastSafe(body, now_ms);
    const { head, updated_at_ms } = this.#answer(body, now_ms);
    return withFreshness(head, now_ms, updated_at_ms);
  }

  /** Without features: what the same question got last, which was inside its guardrails then, unless that is too long ago. Throws the ProblemError that says what is missing. */
  #lastSafe(body: OptimizeBody, now_ms: number): string {
    const { features, degradation } = this.#deps;
    const kept = this.#known.last(keyOf(body)) ?? this.#cold.last(coldKeyOf(body));
    if (kept === undefined || now_ms - kept.until_ms > LAST_SAFE_MS) throw featuresUnavailable(features);
    this.#degraded_answers++;
    return withFreshness(degradedHead(kept.head, [...degradation.reasons, "features_unavailable"]), now_ms, kept.updated_at_ms);
  }

  /** The decision that `optimize` answers for a known course. Throws ProblemError. */
  decision(course_id: string): PriceDecision {
    const { head, optimal_price, elasticity } = this.#answer({ course_id }, this.#deps.clock.now_ms());
    return { json: `${head}}`, optimal_price, elasticity };
  }

  /** The same decision, for applying it. Throws ProblemError. */
  recommendation(course_id: string): PriceRecommendation {
    return this.#answer({ course_id }, this.#deps.clock.now_ms());
  }

  /** The same decision in short; undefined for a course that nobody knows. */
  row(course_id: string, objective: OptimizeBody["objective"]): PriceRow | undefined {
    try {
      const answer = this.#answer({ course_id, objective }, this.#deps.clock.now_ms());
      return (answer.row ??= { json: JSON.stringify(batchRow(JSON.parse(`${answer.head}}`))), quote_id: answer.quote_id, updated_at_ms: answer.updated_at_ms });
    } catch (error) {
      if (error instanceof ProblemError && error.code === "unknown_course") return undefined;
      throw error;
    }
  }

  /** Nobody gets what was answered before, nor what was read for it. */
  forget(): void {
    this.#lookup = undefined;
  }

  /** Shared where it may be, else priced and recorded. */
  #answer(body: OptimizeBody, now_ms: number): PricedAnswer {
    const lookup = this.#lookupOf(mustFeatures(this.#deps.features));
    const sequence = body.course_id === undefined ? undefined : lookup.reader.courseSequence(body.course_id);
    const answers = sequence === undefined ? this.#cold : this.#known;
    const key = sequence === undefined ? coldKeyOf(body) : keyOf(body);
    const kept = answers.holding(key, lookup.reader, body.course_id, sequence, now_ms);
    if (kept !== undefined) return this.#counted(kept, true);
    const answer = this.#price(body, lookup, lookup.find(body, now_ms, minuteOf(key, now_ms)), now_ms);
    answers.set(key, answer);
    return this.#counted(answer, false);
  }

  #counted<Answer extends SharedAnswer>(answer: Answer, shared: boolean): Answer {
    if (shared) this.#hits++;
    else this.#misses++;
    if (answer.degraded) this.#degraded_answers++;
    return answer;
  }

  /** The body of POST /predict_enrollments. Throws ProblemError. */
  predict(body: PredictBody): string {
    const now_ms = this.#deps.clock.now_ms();
    const { head, updated_at_ms } = this.#prediction(body, now_ms);
    return withFreshness(head, now_ms, updated_at_ms);
  }

  #prediction(body: PredictBody, now_ms: number): SharedAnswer {
    const lookup = this.#lookupOf(mustFeatures(this.#deps.features));
    const { course_id } = body;
    const sequence = course_id === undefined ? undefined : lookup.reader.courseSequence(course_id);
    const key = sequence === undefined ? "" : `${course_id}|${body.price_points.join()}|${body.horizon_days ?? ""}`;
    const kept = key === "" ? undefined : this.#predictions.holding(key, lookup.reader, course_id, sequence, now_ms);
    if (kept !== undefined) return this.#counted(kept, true);
    const found = lookup.find(body, now_ms, minuteOf(course_id ?? "", now_ms));
    const { inputs, model, policy } = pricingOf(this.#deps, found);
    const answer = predictEnrollments(inputs, model, policy, body.price_points, body.horizon_days ?? policy.horizon_days);
    const shared = { ...basisOf(this.#deps, lookup.reader, found), head: JSON.stringify(answer).slice(0, -1), degraded: answer.degraded !== undefined };
    // What stands in for a course without a known price is the call's own.
    if (key !== "" && found.view.sequence > 0) this.#predictions.set(key, shared);
    return this.#counted(shared, false);
  }

  /** Prices, and queues the decision. */
  #price(body: OptimizeBody, { reader }: CourseLookup, found: FoundCourse, now_ms: number): PricedAnswer {
    const { decisions, features } = this.#deps;
    const { inputs, model, policy } = pricingOf(this.#deps, found, body);
    const decision = decide(inputs, model, policy);
    const cursor_sequence = features.current?.store.cursor(STREAM_EVENTS)?.sequence ?? 0;
    decisions.record(decision, { decided_at_ms: now_ms, cursor_sequence });
    return {
      ...basisOf(this.#deps, reader, found),
      head: decision.answer_json.slice(0, -1),
      row: undefined,
      quote_id: decision.id,
      optimal_price: decision.answer.optimal_price,
      exploration: decision.exploration,
      elasticity: decision.answer.elasticity,
      degraded: decision.answer.degraded !== undefined,
    };
  }

  /** What is cached of one store says nothing about another. */
  #lookupOf(open: OpenFeatures): CourseLookup {
    if (this.#lookup === undefined || this.#open !== open) {
      this.#open = open;
      this.#lookup = new CourseLookup(open.reader);
      this.#known.clear();
      this.#cold.clear();
      this.#predictions.clear();
    }
    return this.#lookup;
  }
}
