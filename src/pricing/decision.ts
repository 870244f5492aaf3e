import { createHash } from "node:crypto";
import type { CourseFeatures, OptimizeAnswer } from "../contracts/api.ts";
import { type DecisionInputs, type DecisionRecord, decisionRecordSchema } from "../contracts/decision.ts";
import type { Policy } from "../contracts/policy.ts";
import { TidemarkError } from "../lib/errors.ts";
import { formatTime } from "../lib/time.ts";
import type { CompiledModel } from "../models/compiled.ts";
import { optimizeAnswer } from "./answer.ts";
import type { PricingInputs } from "./inputs.ts";
import { priceCourse } from "./price-course.ts";

type Answer = Omit<OptimizeAnswer, "freshness_ms">;

const ID_DIGITS = 32;

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function canonicalFeatures(features: CourseFeatures | null): CourseFeatures | null {
  if (features === null) return null;
  const { base_price, category, difficulty_level, quality_tier } = features;
  return { base_price, category, difficulty_level, quality_tier };
}

/** The inputs as plain data with sorted keys: what a record holds and an id is the hash of. */
export function canonicalInputs(inputs: PricingInputs): DecisionInputs {
  return {
    category: inputs.category,
    cells: Array.from(inputs.cells),
    course_features: canonicalFeatures(inputs.course_features),
    course_id: inputs.course_id,
    current_enrollments: inputs.current_enrollments,
    current_price: inputs.current_price,
    degraded: inputs.degraded,
    features: Array.from(inputs.features),
    model_digest: inputs.model_digest,
    now_ms: inputs.now_ms,
    objective: inputs.objective,
    policy_version: inputs.policy_version,
    record_sequence: inputs.record_sequence,
    updated_at_ms: inputs.updated_at_ms,
  };
}

/** The first 128 bits, hex, of SHA-256 over the canonical JSON of the inputs: identical inputs share one decision. */
export function decisionId(inputs: PricingInputs): string {
  return sha256(JSON.stringify(canonicalInputs(inputs))).slice(0, ID_DIGITS);
}

/** SHA-256, hex, of the answer's JSON without freshness_ms, which belongs to the call and not to the decision. */
export function answerDigest(answer: Answer & { readonly freshness_ms?: number }): string {
  const { freshness_ms: _age, ...decided } = answer;
  return sha256(JSON.stringify(decided));
}

export interface Decision {
  readonly inputs: PricingInputs;
  readonly policy: Policy;
  /** Its quote_id is the decision's id. */
  readonly answer: Answer & { readonly freshness_ms?: number };
  readonly decided_at_ms: number;
  /** EVENTS sequence that the feature store had reached. */
  readonly cursor_sequence: number;
}

export function decisionRecord({ inputs, policy, answer, decided_at_ms, cursor_sequence }: Decision): DecisionRecord {
  return {
    id: answer.quote_id,
    kind: "course",
    decided_at: formatTime(decided_at_ms),
    cursor_sequence,
    policy,
    inputs: canonicalInputs(inputs),
    optimal_price: answer.optimal_price,
    answer_digest: answerDigest(answer),
  };
}

/**
 * Prices a recorded decision again. `identical`: the id is the hash of the recorded inputs and the answer comes out with
 * the recorded digest. Throws ZodError when it is no record, TidemarkError `wrong_model` when `model` is not the one it used.
 */
export function replayDecision(record: unknown, model: CompiledModel | null): { identical: boolean; answer: Answer } {
  const { id, inputs, policy, optimal_price, answer_digest } = decisionRecordSchema.parse(record);
  const digest = model === null ? null : model.digest;
  if (inputs.model_digest !== digest) throw new TidemarkError("wrong_model", `decision ${id} used model ${inputs.model_digest ?? "none"}, not ${digest ?? "none"}`);
  const answer = optimizeAnswer(priceCourse(inputs, model, policy), id);
  return { identical: decisionId(inputs) === id && answer.optimal_price === optimal_price && answerDigest(answer) === answer_digest, answer };
}
