import type { Policy } from "../../contracts/policy.ts";
import type { PersonalInputs, PersonalMode } from "../../contracts/quote.ts";
import { ENROLLMENT } from "../../pricing/learners/standing.ts";
import { learnerLevel } from "../../pricing/learners/recommend.ts";
import { learnerPosition } from "../../models/propensity/learner-vector.ts";
import type { ScoredLearner } from "../learners/learner-scores.ts";
import type { CourseDemand } from "./course-demand.ts";

const BALANCE = learnerPosition("balance_tokens");
const ENROLLED = learnerPosition("enrolled");
const EXPOSURES = learnerPosition("exposures");

/** The learner's side of a personal price. */
export type LearnerPart = Pick<PersonalInputs, "mode" | "level_shift" | "slope_shift" | "slope_shift_se" | "balance_tokens" | "propensity" | "segment">;

/** What is said of somebody whose data may not be looked at, or need not be. */
const impersonal = { level_shift: 0, slope_shift: 0, slope_shift_se: 0 } as const;

/** Why no personal data move the price; undefined: they may. */
export function impersonalMode(opted_out: boolean, policy: Policy | null, scored: ScoredLearner): Exclude<PersonalMode, "personal"> | undefined {
  if (opted_out) return "opted_out";
  if (policy === null) return "hold_out";
  if (!policy.personalisation.enabled) return "disabled";
  return scored.effect === null ? "no_effect" : undefined;
}

/**
 * How the learner differs from the course's other viewers. In readiness: what the learner enrolled in of all that was looked at, against the category's conversion,
 * shrunk. In heeding prices: the R-learner's effect against that of the average learner, in whose place the course's own slope stands where the model does not say it.
 */
export function learnerPart(scored: ScoredLearner, mode: PersonalMode, { category_conversion, slope }: CourseDemand): LearnerPart {
  if (mode === "opted_out") return { mode, ...impersonal, balance_tokens: null, propensity: null, segment: null };
  const { features, scores, standing, effect, scorer } = scored;
  const said = { balance_tokens: features[BALANCE]!, propensity: scores[ENROLLMENT]!, segment: standing.segment };
  if (mode !== "personal" || effect === null) return { mode, ...impersonal, ...said };
  const level_shift = category_conversion > 0 ? learnerLevel(features[ENROLLED]!, features[EXPOSURES]!, category_conversion) : 0;
  return { mode, level_shift, slope_shift: (scorer.average_price_effect ?? -slope) - effect.value, slope_shift_se: effect.se, ...said };
}

/** The groups of a learner by what was declared: `<attribute>=<code>`, 0 for who said nothing. */
export function groupsOf({ features }: ScoredLearner, { fairness }: Policy): string[] {
  return fairness.attributes.map((attribute) => `${attribute}=${features[learnerPosition(attribute)]!}`);
}
