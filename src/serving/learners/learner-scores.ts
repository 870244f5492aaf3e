import { dimensions } from "../../contracts/propensity.ts";
import { EntityReader } from "../../features/entity-reader.ts";
import type { Clock } from "../../lib/clock.ts";
import { hash32 } from "../../lib/prng.ts";
import { MINUTE_MS } from "../../lib/time.ts";
import type { PropensityScorer } from "../../models/propensity/scorer.ts";
import type { CompiledRules } from "../../pricing/learners/action-rules.ts";
import type { PriceEffect } from "../../pricing/learners/discount.ts";
import { isColdStart, type Standing, standingOf } from "../../pricing/learners/standing.ts";
import { AnswerCache } from "../answer-cache.ts";
import { type FeatureSource, mustFeatures, type OpenFeatures, PerStore } from "../feature-source.ts";

/** About 4 KB each with its answer: 32 MB a process at most. */
const LEARNERS_KEPT_MAX = 8_192;
/** Scores follow every event of a learner at once, and time at this pace: what changes without an event is counted in days. */
const SCORED_ANEW_MS = 5 * MINUTE_MS;

/** A learner's scores and what follows from them alone. */
export interface ScoredLearner {
  readonly learner_id: string;
  /** EVENTS sequence of the record that was scored. */
  readonly sequence: number;
  readonly updated_at_ms: number;
  /** Time that the features were read at. */
  readonly at_ms: number;
  readonly scorer: PropensityScorer;
  /** In learnerFeatureNames order. */
  readonly features: Float64Array;
  /** In the order of `dimensions`. */
  readonly scores: Float64Array;
  readonly effect: PriceEffect | null;
  readonly cold_start: boolean;
  readonly standing: Standing;
}

export interface LearnerScoresDeps {
  readonly features: FeatureSource;
  /** The promoted model; without one the fallback scores. */
  readonly propensity: { readonly current: { readonly model: PropensityScorer } | undefined };
  readonly fallback: PropensityScorer;
  readonly rules: CompiledRules;
  readonly clock: Clock;
}

/** Start of the five minutes that hold `now_ms` on the learner's own clock: not all learners are scored anew in the same instant. */
function scoredAt(learner_id: string, now_ms: number): number {
  const phase_ms = hash32(learner_id) % SCORED_ANEW_MS;
  return Math.floor((now_ms - phase_ms) / SCORED_ANEW_MS) * SCORED_ANEW_MS + phase_ms;
}

/** Scores learners from their records. What is kept is valid for the same record, model and five minutes. */
export class LearnerScores {
  readonly #deps: LearnerScoresDeps;
  readonly #kept = new AnswerCache<ScoredLearner>(LEARNERS_KEPT_MAX);
  readonly #readers = new PerStore(({ store }) => new EntityReader(store));
  #open: OpenFeatures | undefined;
  #hits = 0;
  #misses = 0;

  constructor(deps: LearnerScoresDeps) {
    this.#deps = deps;
  }

  get hits(): number {
    return this.#hits;
  }

  get misses(): number {
    return this.#misses;
  }

  get entries(): number {
    return this.#kept.size;
  }

  get evictions(): number {
    return this.#kept.evicted;
  }

  /** Whether the fallback scores. */
  get unmodelled(): boolean {
    return this.#deps.propensity.current === undefined;
  }

  get scorer(): PropensityScorer {
    return this.#deps.propensity.current?.model ?? this.#deps.fallback;
  }

  /** undefined when no event has named the learner, or the learner was erased. Throws ProblemError without features. The same object as long as it holds. */
  find(learner_id: string): ScoredLearner | undefined {
    const open = mustFeatures(this.#deps.features);
    if (this.#open !== open) {
      this.#open = open;
      this.#kept.clear();
    }
    const sequence = open.store.sequence("learner", learner_id);
    if (sequence === undefined) return undefined;
    const at_ms = scoredAt(learner_id, this.#deps.clock.now_ms());
    const kept = this.#kept.get(learner_id);
    if (kept !== undefined && kept.sequence === sequence && kept.at_ms === at_ms && kept.scorer === this.scorer) {
      this.#hits++;
      return kept;
    }
    this.#misses++;
    const scored = this.score(open, learner_id, at_ms);
    if (scored !== undefined) this.#kept.set(learner_id, scored);
    return scored;
  }

  /** Reads and scores, and keeps nothing: for whoever goes through all learners. */
  score(open: OpenFeatures, learner_id: string, at_ms: number): ScoredLearner | undefined {
    const read = this.#readers.of(open).read("learner", learner_id, at_ms);
    if (read === undefined) return undefined;
    const { scorer } = this;
    const { sequence, updated_at_ms, values: features } = read;
    const scores = new Float64Array(dimensions.length);
    scorer.score(features, scores);
    const effect = scorer.priceEffect(features);
    return { learner_id, sequence, updated_at_ms, at_ms, scorer, features, scores, effect, cold_start: isColdStart(features), standing: standingOf(scores, features, effect, this.#deps.rules) };
  }
}
