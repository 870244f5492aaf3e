import type { CompiledModel } from "../../models/compiled.ts";
import { courseDemand } from "../course-demand.ts";
import type { PricingInputs } from "../inputs.ts";
import { conversionAt } from "../quadrature.ts";

/** A learner's past with one category. */
export interface CategoryTaste {
  readonly enrollments: number;
  /** Share of all learners' enrollments that the category has. */
  readonly share: number;
}

/** Enrollments that the category's share weighs as much as. */
const TASTE_PRIOR = 4;
/** Views that the platform's conversion weighs as much as. */
const LEVEL_PRIOR = 20;
const RATE_MIN = 1e-6;

const logit = (rate: number): number => {
  const clipped = Math.min(1 - RATE_MIN, Math.max(RATE_MIN, rate));
  return Math.log(clipped / (1 - clipped));
};

/** Log-odds by which a learner enrolls more readily than others, over all that was looked at: of the conversion, shrunk to the platform's. */
export function learnerLevel(enrolled: number, exposures: number, platform_conversion: number): number {
  const views = Math.max(exposures, enrolled);
  return logit((enrolled + LEVEL_PRIOR * platform_conversion) / (views + LEVEL_PRIOR)) - logit(platform_conversion);
}

/** Log of how much more often than others the learner chooses the category, shrunk to not at all: (n_c + m·share)/(n + m)/share. */
export function tasteLift({ enrollments, share }: CategoryTaste, enrollments_in_all: number): number {
  if (!(share > 0)) return 0;
  return Math.log((enrollments + TASTE_PRIOR * share) / (enrollments_in_all + TASTE_PRIOR) / share);
}

/** Probability that the learner enrolls in a course when shown it: the course's conversion at its price, moved on the log-odds scale by what is known of the learner. */
export function enrollmentProbability(conversion: number, level: number, lift: number): number {
  return 1 / (1 + Math.exp(-(logit(conversion) + level + lift)));
}

/** How much an enrollment counts for that cannot be paid from the balance at all: tokens can be bought, but not all who would have to do. An assumption, not an estimate. */
const TOP_UP = 0.5;

/** Tokens that showing a course is expected to bring; `covered` is the share of the price that the balance covers. */
export function expectedValue(probability: number, price_tokens: number, covered: number): number {
  return probability * price_tokens * (TOP_UP + (1 - TOP_UP) * covered);
}

/** Enrollments per view of a course at the price that it has now. */
export function conversionNow(inputs: PricingInputs, model: CompiledModel | null): number {
  return conversionAt(courseDemand(inputs, model).posterior.nodes, 0).mean;
}
