import { learnerAttributes } from "../../contracts/learner-attributes.ts";
import type { Driver } from "../../contracts/learner-scores.ts";
import { NEVER_DAYS } from "../../features/definition.ts";
import { learnerVector } from "../../models/propensity/learner-vector.ts";
import type { Contribution } from "../../models/propensity/scorer.ts";
import { roundRate, twoDecimals } from "../money.ts";

const DRIVERS_MAX = 4;
/** Log-odds that would not move a probability by a thousandth. */
const EFFECT_MIN = 0.004;

/** Features as people would say them; those that are missing here say what their definition says. */
const phrases: Readonly<Record<string, string>> = {
  balance_tokens: "balance",
  spent_tokens: "tokens spent in all",
  earned_tokens: "tokens earned in all",
  purchased_tokens: "tokens purchased in all",
  enrolled: "enrollments in all",
  completed: "courses completed",
  completion_rate: "share of enrollments completed",
  dropped: "courses dropped",
  refunded: "enrollments refunded",
  days_since_last_enrollment: "days since the last enrollment",
  lowest_price_paid_tokens: "lowest price paid",
  highest_price_paid_tokens: "highest price paid",
  discount_uptake: "share of enrollments below list price",
  courses_tried: "different courses tried",
  categories_tried: "different categories tried",
  rating_given_mean: "average rating given",
  ratings_given: "ratings given",
  assignments: "assignments due",
  assignment_submission_rate: "share of assignments submitted",
  days_since_last_activity: "days since the last activity",
  streak_days: "active days in a row",
  longest_streak_days: "longest run of active days",
  session_minutes_previous_14d: "minutes of sessions in the 14 days before the last 14",
  session_minutes_trend: "trend of session minutes, from -1 (stopped) to 1 (started)",
  forum_posts_30d: "forum posts in the last 30 days",
  forum_participation: "forum participation",
  exposures: "courses looked at in all",
  price_viewed_mean_tokens: "average price looked at",
  affordability: "share of usual prices that the balance covers",
  conversion: "enrollments per course looked at",
  price_paid_mean_tokens: "average price paid",
  last_price_paid_tokens: "last price paid",
  assignment_score_mean: "average score of assignments",
  device: "learns mostly with",
  goal: "learns for",
  employer_paid: "paid by an employer",
  recency_score: "recency of the last enrollment",
  engagement_score: "engagement",
  financial_score: "balance, as a share of 200 tokens",
  success_score: "share of enrollments completed",
  satisfaction_score: "satisfaction with courses",
  inactivity_score: "inactivity, as a share of 60 days",
  engagement_decline: "decline of session minutes",
  days_active_since_registration: "days between registration and the last activity",
};

const windowed: readonly (readonly [RegExp, string])[] = [
  [/^session_minutes_(\d+)d$/, "minutes of sessions in the last $1 days"],
  [/^exposures_(\d+)d$/, "courses looked at in the last $1 days"],
  [/^enrollments_(\d+)d$/, "enrollments in the last $1 days"],
  [/^spent_(\d+)d_tokens$/, "tokens spent in the last $1 days"],
];

const definitions = new Map(learnerVector.map((definition) => [definition.name, definition]));

/** What a learner feature is called in a sentence. */
export function phraseOf(feature: string): string {
  const window = windowed.find(([pattern]) => pattern.test(feature));
  if (window !== undefined) return feature.replace(window[0], window[1]).replace("last 1 days", "last day");
  return phrases[feature] ?? definitions.get(feature)?.description ?? feature.replaceAll("_", " ");
}

/** The words behind the code of an attribute; undefined of any other feature. */
const attributeWords = new Map(Object.entries(learnerAttributes).map(([name, values]) => [name, values.map((value) => (typeof value === "string" ? value : value ? "yes" : "no"))]));

function valueText(feature: string, value: number): string {
  const words = attributeWords.get(feature);
  if (words !== undefined) return words[value - 1] ?? "unknown";
  switch (definitions.get(feature)?.unit) {
    case "ratio":
      return `${Math.round(value * 100)} %`;
    case "days":
      return value >= NEVER_DAYS ? "never" : String(Math.round(value));
    case "tokens":
      return `${Math.round(value)} ${Math.round(value) === 1 ? "token" : "tokens"}`;
    default:
      return twoDecimals(value);
  }
}

/** One contribution a feature: a model sees each value of an attribute as an input of its own. */
function byFeature(contributions: readonly Contribution[]): Contribution[] {
  const sums = new Map<string, Contribution>();
  for (const one of contributions) sums.set(one.input, { ...one, contribution: one.contribution + (sums.get(one.input)?.contribution ?? 0) });
  return [...sums.values()].sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
}

/** The strongest contributions in plain words. */
export function driversOf(contributions: readonly Contribution[]): Driver[] {
  const strong = byFeature(contributions).filter(({ contribution }) => Math.abs(contribution) >= EFFECT_MIN).slice(0, DRIVERS_MAX);
  return strong.map(({ input: feature, value, contribution }) => {
    const direction = contribution > 0 ? "raises" : "lowers";
    return { feature, value: roundRate(value), direction, effect: roundRate(contribution), text: `${phraseOf(feature)}: ${valueText(feature, value)}, which ${direction} it` };
  });
}
