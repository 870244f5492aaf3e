import type { DegradedReason, OptimizeBody, PredictBody } from "../contracts/api.ts";
import type { Policy } from "../contracts/policy.ts";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { courseFeatureIndex, courseFeatureNames } from "../features/course-view.ts";
import type { Clock } from "../lib/clock.ts";
import { hash32 } from "../lib/prng.ts";
import { MINUTE_MS } from "../lib/time.ts";
import { decide } from "../pricing/decision.ts";
import { predictEnrollments } from "../pricing/forecast.ts";
import type { PricingInputs } from "../pricing/price-course.ts";
import { AnswerCache } from "./answer-cache.ts";
import { CourseLookup } from "./course-lookup.ts";
import type { FoundCourse } from "./course-lookup.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { Degradation } from "./degradation.ts";
import { mustFeatures } from "./feature-source.ts";
import type { FeatureSource, OpenFeatures } from "./feature-source.ts";
import type { ServedModel } from "./model-holder.ts";

const PRICE = courseFeatureIndex("price_tokens");
/** About 2 KB each: 32 MB a process at most. */
const KNOWN_ANSWERS_MAX = 16_384;
/**
 * A view moves a course's evidence by one in hundreds, and most events are views: an answer may rest on a record that lacks
 * the views of the last five seconds. Everything else that happens to a course is in its next price.
 */
const VIEWS_MS = 5_000;
/** Apart from the known courses', so that made-up ones cannot push them out. */
const COLD_ANSWERS_MAX = 2_048;

export interface PriceServiceDeps {
  readonly features: FeatureSource;
  readonly models: { readonly current: ServedModel | undefined };
  readonly degradation: Degradation;
  readonly decisions: DecisionLog;
  /** In force for the life of the process, so it is no part of a cached answer's validity. */
  readonly policy: Policy;
  readonly clock: Clock;
}

/** An answer and what must still hold for it to be the answer: together, every input of the price. */
interface CachedAnswer {
  /** EVENTS sequence of the course record that was priced; 0 for a cold start. */
  readonly sequence: number;
  /** The record that was last found to differ from it by views alone. */
  seen_sequence: number;
  /** The course's features as priced, and until when later views alone change nothing. */
  readonly features: Float64Array;
  readonly views_until_ms: number;
  readonly category: string;
  readonly model: ServedModel | undefined;
  /** End of the course's minute: the features' time, and with it the category's side, hold until then. */
  readonly until_ms: number;
  readonly reasons: readonly DegradedReason[];
  /** The answer's JSON up to where `freshness_ms` belongs, the one part that is the call's own. */
  readonly head: string;
  readonly updated_at_ms: number;
  readonly degraded: boolean;
}

/** Features that events other than views change. The category's side is read once a minute in any case. */
const decisive = courseFeatureNames.flatMap((name, i) => (/^(exposures|conversion|category|price_over)_/.test(name) ? [] : [i]));

function onlyViewsDiffer(before: Float64Array, after: Float64Array): boolean {
  for (let k = 0; k < decisive.length; k++) if (before[decisive[k]!] !== after[decisive[k]!]) return false;
  return true;
}

function age(now_ms: number, updated_at_ms: number): number {
  return Math.max(0, Math.round(now_ms - updated_at_ms));
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
 * Answers price calls. Whole answers are shared between calls whose inputs are identical: same course record (but for
 * views of the last seconds), minute (with the category as it was read in that minute), model, policy, degradation and
 * body. Everything else is computed again and recorded as a decision.
 */
export class PriceService {
  readonly #deps: PriceServiceDeps;
  readonly #known = new AnswerCache<CachedAnswer>(KNOWN_ANSWERS_MAX);
  readonly #cold = new AnswerCache<CachedAnswer>(COLD_ANSWERS_MAX);
  #open: OpenFeatures | undefined;
  #lookup: CourseLookup | undefined;
  #hits = 0;
  #misses = 0;
  #degraded_answers = 0;

  constructor(deps: PriceServiceDeps) {
    this.#deps = deps;
  }

  get hits(): number {
    return this.#hits;
  }

  get misses(): number {
    return this.#misses;
  }

  get entries(): number {
    return this.#known.size + this.#cold.size;
  }

  get evictions(): number {
    return this.#known.evicted + this.#cold.evicted;
  }

  get degraded_answers(): number {
    return this.#degraded_answers;
  }

  /** The body of POST /optimize_price. Throws ProblemError. */
  optimize(body: OptimizeBody): string {
    const lookup = this.#lookupOf(mustFeatures(this.#deps.features));
    const now_ms = this.#deps.clock.now_ms();
    const sequence = body.course_id === undefined ? undefined : lookup.reader.courseSequence(body.course_id);
    const cache = sequence === undefined ? this.#cold : this.#known;
    const key = sequence === undefined ? coldKeyOf(body) : keyOf(body);
    const cached = cache.get(key);
    const kept = cached !== undefined && this.#holds(cached, now_ms) ? cached : undefined;
    const views_may_lack = kept !== undefined && now_ms < kept.views_until_ms;
    if (kept !== undefined && (kept.sequence === (sequence ?? 0) || (views_may_lack && kept.seen_sequence === sequence))) return this.#hit(kept, now_ms);
    const found = lookup.find(body, now_ms, minuteOf(key, now_ms), cached?.category);
    if (views_may_lack && onlyViewsDiffer(kept.features, found.view.features)) {
      kept.seen_sequence = found.view.sequence;
      return this.#hit(kept, now_ms);
    }
    this.#misses++;
    const answer = this.#price(body, found, now_ms);
    cache.set(key, answer);
    if (answer.degraded) this.#degraded_answers++;
    return withFreshness(answer.head, now_ms, answer.updated_at_ms);
  }

  #hit(cached: CachedAnswer, now_ms: number): string {
    this.#hits++;
    if (cached.degraded) this.#degraded_answers++;
    return withFreshness(cached.head, now_ms, cached.updated_at_ms);
  }

  /** The body of POST /predict_enrollments. Throws ProblemError. */
  predict(body: PredictBody): string {
    const { features, clock, models, policy } = this.#deps;
    const lookup = this.#lookupOf(mustFeatures(features));
    const now_ms = clock.now_ms();
    const found = lookup.find(body, now_ms, minuteOf(body.course_id ?? "", now_ms));
    const model = models.current?.model ?? null;
    const answer = predictEnrollments(this.#inputs({}, found), model, policy, body.price_points, body.horizon_days ?? policy.horizon_days);
    if (answer.degraded !== undefined) this.#degraded_answers++;
    return withFreshness(JSON.stringify(answer).slice(0, -1), now_ms, found.view.updated_at_ms);
  }

  #holds(cached: CachedAnswer, now_ms: number): boolean {
    return now_ms < cached.until_ms && cached.model === this.#deps.models.current && cached.reasons === this.#deps.degradation.reasons;
  }

  /** Prices, and queues the decision. */
  #price(body: OptimizeBody, found: FoundCourse, now_ms: number): CachedAnswer {
    const { models, policy, decisions, degradation, features } = this.#deps;
    const model = models.current;
    const inputs = this.#inputs(body, found);
    const decision = decide(inputs, model?.model ?? null, policy);
    const cursor_sequence = features.current?.store.cursor(STREAM_EVENTS)?.sequence ?? 0;
    decisions.record(decision, { decided_at_ms: now_ms, cursor_sequence });
    return {
      sequence: found.view.sequence,
      seen_sequence: found.view.sequence,
      features: found.view.features,
      views_until_ms: now_ms + VIEWS_MS,
      category: found.view.category,
      model,
      until_ms: inputs.now_ms + MINUTE_MS,
      reasons: degradation.reasons,
      head: decision.answer_json.slice(0, -1),
      updated_at_ms: found.view.updated_at_ms,
      degraded: decision.answer.degraded !== undefined,
    };
  }

  #inputs(body: Pick<OptimizeBody, "current_price" | "current_enrollments" | "objective">, { view, course_id, course_features }: FoundCourse): PricingInputs {
    const { models, policy, degradation } = this.#deps;
    return {
      course_id,
      course_features,
      now_ms: view.now_ms,
      features: view.features,
      cells: view.cells,
      category: view.category,
      updated_at_ms: view.updated_at_ms,
      current_price: body.current_price ?? Math.max(1, Math.round(view.features[PRICE]!)),
      current_enrollments: body.current_enrollments ?? null,
      objective: body.objective ?? policy.objective,
      model_digest: models.current?.model.digest ?? null,
      policy_version: policy.version,
      record_sequence: view.sequence,
      degraded: [...degradation.reasons],
    };
  }

  /** What is cached of one store says nothing about another. */
  #lookupOf(open: OpenFeatures): CourseLookup {
    if (this.#lookup === undefined || this.#open !== open) {
      this.#open = open;
      this.#lookup = new CourseLookup(open.reader);
      this.#known.clear();
      this.#cold.clear();
    }
    return this.#lookup;
  }
}

/**
 * Start of the minute that holds `now_ms` on the clock of a cache key: calls within one share their decision. Every key
 * has a phase of its own, or all courses would be priced again in the same instant.
 */
function minuteOf(key: string, now_ms: number): number {
  const phase_ms = hash32(key) % MINUTE_MS;
  return Math.floor((now_ms - phase_ms) / MINUTE_MS) * MINUTE_MS + phase_ms;
}
