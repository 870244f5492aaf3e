import { hash } from "node:crypto";
import type { CourseFeatures, OptimizeAnswer, PriceExploration } from "../contracts/api.ts";
import { type DecisionInputs, decisionRecordSchema, type PriceTerms } from "../contracts/decision.ts";
import type { Policy } from "../contracts/policy.ts";
import { must } from "../lib/assert.ts";
import { decodeDoubles, encodeDoubles } from "../lib/doubles.ts";
import { TidemarkError } from "../lib/errors.ts";
import { formatTime } from "../lib/time.ts";
import type { CompiledModel } from "../models/compiled.ts";
import { optimizeAnswer } from "./answer.ts";
import type { PricingInputs } from "./inputs.ts";
import { type PriceOutcome, priceCourse } from "./price-course.ts";

type Answer = Omit<OptimizeAnswer, "freshness_ms">;

const ID_DIGITS = 32;

function sha256(text: string): string {
  return hash("sha256", text, "hex");
}

function canonicalFeatures(features: CourseFeatures | null): CourseFeatures | null {
  if (features === null) return null;
  const { base_price, category, difficulty_level, quality_tier } = features;
  return { base_price, category, difficulty_level, quality_tier };
}

function canonicalTerms({ ceiling_by, ceiling_tokens, cost_tokens, floor_by, floor_tokens }: PriceTerms): PriceTerms {
  return { ceiling_by, ceiling_tokens, cost_tokens, floor_by, floor_tokens };
}

/** The inputs as plain data with sorted keys: what a record holds and an id is the hash of. */
function canonicalInputs(inputs: PricingInputs): DecisionInputs {
  return {
    category: inputs.category,
    cells: encodeDoubles(inputs.cells),
    course_features: canonicalFeatures(inputs.course_features),
    course_id: inputs.course_id,
    current_enrollments: inputs.current_enrollments,
    current_price: inputs.current_price,
    degraded: inputs.degraded,
    exposure: inputs.exposure,
    features: encodeDoubles(inputs.features),
    jitter_cells: encodeDoubles(inputs.jitter_cells),
    model_digest: inputs.model_digest,
    now_ms: inputs.now_ms,
    objective: inputs.objective,
    policy_version: inputs.policy_version,
    record_sequence: inputs.record_sequence,
    terms: canonicalTerms(inputs.terms),
    updated_at_ms: inputs.updated_at_ms,
  };
}

function idOf(inputs_json: string): string {
  return sha256(inputs_json).slice(0, ID_DIGITS);
}

/** The first 128 bits, hex, of SHA-256 over the canonical JSON of the inputs: identical inputs share one decision. */
export function decisionId(inputs: PricingInputs): string {
  return idOf(JSON.stringify(canonicalInputs(inputs)));
}

/** A decision as it is answered and recorded: the texts are written once and serve both. */
export interface Decision {
  readonly id: string;
  readonly course_id: string | null;
  readonly answer: Answer;
  /** The answer's JSON, without freshness_ms, which belongs to the call and not to the decision. */
  readonly answer_json: string;
  /** Canonical JSON of the inputs. */
  readonly inputs_json: string;
  /** undefined where nothing was drawn. */
  readonly exploration: PriceExploration | undefined;
}

/** Prices a course and fixes the decision. */
export function decide(inputs: PricingInputs, model: CompiledModel | null, policy: Policy): Decision {
  return decisionOf(priceCourse(inputs, model, policy));
}

/** Fixes what a course was priced at. */
export function decisionOf(outcome: PriceOutcome): Decision {
  const { inputs, exploration } = outcome;
  const inputs_json = JSON.stringify(canonicalInputs(inputs));
  const id = idOf(inputs_json);
  const answer = optimizeAnswer(outcome, id);
  return { id, course_id: inputs.course_id, answer, answer_json: JSON.stringify(answer), inputs_json, exploration };
}

/** When a decision was made: `cursor_sequence` is the EVENTS sequence that the feature store had reached. */
export interface DecisionMoment {
  readonly decided_at_ms: number;
  readonly cursor_sequence: number;
}

/** The JSON of a DecisionRecord. */
export function decisionRecordJson(decision: Decision, { decided_at_ms, cursor_sequence }: DecisionMoment): string {
  const { id, inputs_json, answer_json, answer, exploration } = decision;
  const decided_at = formatTime(decided_at_ms);
  // The inputs' text goes in as it is: it is what the id is the hash of.
  const head = JSON.stringify({ id, kind: "course", decided_at, cursor_sequence, optimal_price: answer.optimal_price, answer_digest: sha256(answer_json), exploration });
  return `${head.slice(0, -1)},"inputs":${inputs_json}}`;
}

/**
 * Prices a recorded decision again. `identical`: the id is the hash of the recorded inputs and the answer comes out with
 * the recorded digest. Throws ZodError when it is no record, TidemarkError `wrong_model` or `wrong_policy` when it used another one.
 */
export function replayDecision(record: unknown, model: CompiledModel | null, policy: Policy): { identical: boolean; answer: Answer } {
  const { id, inputs, optimal_price, answer_digest } = decisionRecordSchema.parse(record);
  const digest = model === null ? null : model.digest;
  if (inputs.model_digest !== digest) throw new TidemarkError("wrong_model", `decision ${id} used model ${inputs.model_digest ?? "none"}, not ${digest ?? "none"}`);
  if (inputs.policy_version !== policy.version) throw new TidemarkError("wrong_policy", `decision ${id} was made under policy ${inputs.policy_version}, not ${policy.version}`);
  const vector = (text: string): Float64Array => must(decodeDoubles(text), "the schema has checked it");
  const again = decide({ ...inputs, features: vector(inputs.features), cells: vector(inputs.cells), jitter_cells: vector(inputs.jitter_cells) }, model, policy);
  const identical = again.id === id && again.answer.optimal_price === optimal_price && sha256(again.answer_json) === answer_digest;
  return { identical, answer: again.answer };
}
