import type { BinaryDimension, Dimension, PropensityDefinition } from "../../contracts/propensity.ts";
import { IN_PROGRESS_DAYS } from "../../features/learner-outcomes.ts";
import { DAY_MS } from "../../lib/time.ts";

/**
 * Between a cut-off and the windows of all labels: what a learner is about to do anyway, such as in a visit that is under way, is no merit of a score.
 */
export const GAP_DAYS = 1;
/** Between cut-offs: as long as the shortest window and its gap, so that one ends where the next begins. */
export const CUT_OFF_STEP_DAYS = 31;

/** Churn is a discrete-time hazard: of the first activity, in steps of equal length. */
export const CHURN_STEP_DAYS = 10;
export const CHURN_STEPS = 6;

/** What each score is the probability of. */
export const propensityDefinitions: Readonly<Record<Dimension, PropensityDefinition>> = {
  enrollment: {
    dimension: "enrollment",
    meaning: "probability of at least one enrollment",
    population: "every learner",
    gap_days: GAP_DAYS,
    horizon_days: 30,
  },
  churn: {
    dimension: "churn",
    meaning: "probability that the learner neither views, enrolls, studies, rates, posts nor buys tokens",
    population: "every learner",
    gap_days: GAP_DAYS,
    horizon_days: CHURN_STEPS * CHURN_STEP_DAYS,
  },
  completion: {
    dimension: "completion",
    meaning: "probability that the latest enrollment in progress is completed",
    population: `learners with an enrollment of the last ${IN_PROGRESS_DAYS} days in progress`,
    gap_days: GAP_DAYS,
    horizon_days: 60,
  },
  upsell: {
    dimension: "upsell",
    meaning: "probability of an enrollment that is dearer than any before, or in a course of a higher quality tier than any before",
    population: "learners who have enrolled before",
    gap_days: GAP_DAYS,
    horizon_days: 60,
  },
  price_sensitivity: {
    dimension: "price_sensitivity",
    meaning: "share of the learners who are less sensitive to price: whose log-odds of enrolling, given a price that they can afford, fall less with its logarithm",
    population: "views of prices with a random part that the learner's balance covers",
    gap_days: 0,
    horizon_days: CUT_OFF_STEP_DAYS,
  },
};

/** From a cut-off to the end of a dimension's window. */
export function windowMs({ gap_days, horizon_days }: PropensityDefinition): number {
  return (gap_days + horizon_days) * DAY_MS;
}

/** The longest horizon of what happens or does not: what a replay has to follow. */
export const HORIZON_DAYS = Math.max(...(["enrollment", "churn", "completion", "upsell"] satisfies BinaryDimension[]).map((dimension) => propensityDefinitions[dimension].horizon_days));
