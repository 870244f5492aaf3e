import type { DegradedReason } from "../contracts/api.ts";
import type { FeatureReader } from "../features/feature-reader.ts";
import { MINUTE_MS } from "../lib/time.ts";
import type { CompiledModel } from "../models/compiled.ts";
import { AnswerCache } from "./answer-cache.ts";
import type { FoundCourse } from "./course-lookup.ts";
import type { ServedModel } from "./model-holder.ts";
import type { PricingContext } from "./pricing-inputs.ts";

/** What must still hold for an answer to be the answer to the same question: together with the question, everything that it was made of. */
export interface AnswerBasis {
  /** EVENTS sequence of the course record that was read; 0 for a cold start. */
  readonly sequence: number;
  /** The record that was last found to differ from it by views alone. */
  seen_sequence: number;
  /** Of what had happened to the course but views. */
  readonly fingerprint: number | undefined;
  readonly model: ServedModel<CompiledModel> | undefined;
  /** Revision of the policies in force. */
  readonly policies: number;
  /** End of the course's minute: the features' time, and with it the category's side, hold until then. */
  readonly until_ms: number;
  readonly reasons: readonly DegradedReason[];
  readonly updated_at_ms: number;
}

export interface SharedAnswer extends AnswerBasis {
  /** The answer's JSON up to where `freshness_ms` belongs, the one part that is the call's own. */
  readonly head: string;
  readonly degraded: boolean;
}

/** Of an answer that is made of what is in force now and of a course as it was just found. */
export function basisOf({ models, policies, degradation }: PricingContext, reader: FeatureReader, { view }: FoundCourse): AnswerBasis {
  return {
    sequence: view.sequence,
    seen_sequence: view.sequence,
    fingerprint: view.sequence === 0 ? undefined : reader.courseFingerprint(view.course_id),
    model: models.current,
    policies: policies.revision,
    until_ms: view.now_ms + MINUTE_MS,
    reasons: degradation.reasons,
    updated_at_ms: view.updated_at_ms,
  };
}

/** Answers of one kind, by what was asked, for as long as they hold. */
export class SharedAnswers<Answer extends SharedAnswer> {
  readonly #context: PricingContext;
  readonly #cache: AnswerCache<Answer>;

  constructor(context: PricingContext, answers_max: number) {
    this.#context = context;
    this.#cache = new AnswerCache(answers_max);
  }

  get size(): number {
    return this.#cache.size;
  }

  get evicted(): number {
    return this.#cache.evicted;
  }

  /** The answer that holds now. `sequence` is that of the course's record; undefined: a cold start, which has none. */
  holding(key: string, reader: FeatureReader, course_id: string | undefined, sequence: number | undefined, now_ms: number): Answer | undefined {
    const kept = this.#cache.get(key);
    if (kept === undefined || now_ms >= kept.until_ms) return undefined;
    const { models, policies, degradation } = this.#context;
    if (kept.model !== models.current || kept.policies !== policies.revision || kept.reasons !== degradation.reasons) return undefined;
    if (course_id === undefined || sequence === undefined || sequence === kept.sequence || sequence === kept.seen_sequence) return kept;
    if (kept.fingerprint !== reader.courseFingerprint(course_id)) return undefined;
    kept.seen_sequence = sequence;
    return kept;
  }

  /** The last answer, whether it still holds or not. */
  last(key: string): Answer | undefined {
    return this.#cache.get(key);
  }

  set(key: string, answer: Answer): void {
    this.#cache.set(key, answer);
  }

  clear(): void {
    this.#cache.clear();
  }
}
