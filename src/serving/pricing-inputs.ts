import type { OptimizeBody } from "../contracts/api.ts";
import type { Policy } from "../contracts/policy.ts";
import { courseFeatureIndex } from "../features/course-view.ts";
import { hash32 } from "../lib/prng.ts";
import { MINUTE_MS } from "../lib/time.ts";
import type { CompiledModel } from "../models/compiled.ts";
import type { PricingInputs } from "../pricing/price-course.ts";
import { termsFor } from "../pricing/price-terms.ts";
import type { FoundCourse } from "./course-lookup.ts";
import type { Degradation } from "./degradation.ts";
import type { ServedModel } from "./model-holder.ts";
import type { CourseScope, PolicySource } from "./policy-source.ts";

const PRICE = courseFeatureIndex("price_tokens");

/** What a price rests on besides the course and the call. */
export interface PricingContext {
  readonly models: { readonly current: ServedModel<CompiledModel> | undefined };
  readonly degradation: Degradation;
  readonly policies: PolicySource;
}

/**
 * Start of the minute that holds `now_ms` on the clock of a cache key: calls within one share their decision. Every key
 * has a phase of its own, or all courses would be priced again in the same instant.
 */
export function minuteOf(key: string, now_ms: number): number {
  const phase_ms = hash32(key) % MINUTE_MS;
  return Math.floor((now_ms - phase_ms) / MINUTE_MS) * MINUTE_MS + phase_ms;
}

export function scopeOf({ course_id, view: { category, teacher_id } }: FoundCourse): CourseScope {
  return { course_id, category, teacher_id: teacher_id === "" ? null : teacher_id };
}

/** Everything that the price of a found course is a function of. */
export interface Pricing {
  readonly inputs: PricingInputs;
  readonly model: CompiledModel | null;
  readonly policy: Policy;
}

/** Under the policy that is in force for the course. */
export function pricingOf(context: PricingContext, found: FoundCourse, body: Pick<OptimizeBody, "current_price" | "current_enrollments" | "objective"> = {}): Pricing {
  const policy = context.policies.policyFor(scopeOf(found), found.view.now_ms);
  return { inputs: pricingInputs(context, found, body, policy), model: context.models.current?.model ?? null, policy };
}

function pricingInputs(
  { models, degradation }: PricingContext,
  { view, course_id, course_features }: FoundCourse,
  body: Pick<OptimizeBody, "current_price" | "current_enrollments" | "objective">,
  policy: Policy,
): PricingInputs {
  return {
    course_id,
    course_features,
    now_ms: view.now_ms,
    features: view.features,
    cells: view.cells,
    jitter_cells: view.jitter_cells,
    exposure: view.exposure,
    category: view.category,
    updated_at_ms: view.updated_at_ms,
    current_price: body.current_price ?? Math.max(1, Math.round(view.features[PRICE]!)),
    current_enrollments: body.current_enrollments ?? null,
    objective: body.objective ?? policy.objective,
    model_digest: models.current?.model.digest ?? null,
    policy_version: policy.version,
    terms: termsFor(policy, course_id, view.category, view.band),
    record_sequence: view.sequence,
    degraded: [...degradation.reasons],
  };
}
