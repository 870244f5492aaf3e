import type { Definer } from "./define.ts";
import { type FeatureDefinition, NEVER_DAYS } from "./definition.ts";

const RECENCY_DAYS = 90;
const STREAK_DAYS = 30;
const FINANCIAL_TOKENS = 200;
const INACTIVITY_DAYS = 60;
/** Where no rating was given. */
const SATISFACTION_UNKNOWN = 0.5;

const clip = (share: number): number => Math.min(1, Math.max(0, share));

/**
 * The parts, 0 to 1 each, of the hand-weighted enrollment and churn scores: the baselines of the propensity models, and what they fall
 * back on. Derived when they are read; nothing of them is stored.
 */
export function handScoreFeatures({ derived }: Definer): readonly FeatureDefinition[] {
  return [
    derived(
      { name: "recency_score", unit: "score", description: `1 - days since the latest enrollment/${RECENCY_DAYS}, at least 0` },
      ["days_since_last_enrollment"],
      (days) => clip(1 - days / RECENCY_DAYS),
    ),
    derived(
      { name: "engagement_score", unit: "score", description: `0.4 min(streak days/${STREAK_DAYS}, 1) + 0.3 forum participation + 0.3 assignment submission rate` },
      ["streak_days", "forum_participation", "assignment_submission_rate"],
      (streak, forum, assignments) => 0.4 * clip(streak / STREAK_DAYS) + 0.3 * forum + 0.3 * assignments,
    ),
    derived({ name: "financial_score", unit: "score", description: `balance/${FINANCIAL_TOKENS}, 0 to 1` }, ["balance_tokens"], (balance) => clip(balance / FINANCIAL_TOKENS)),
    derived({ name: "success_score", unit: "score", description: "the completion rate" }, ["completion_rate"], (rate) => rate),
    derived(
      { name: "satisfaction_score", unit: "score", description: `mean rating given/5; ${SATISFACTION_UNKNOWN} when none was given`, default: SATISFACTION_UNKNOWN },
      ["rating_given_mean", "ratings_given"],
      (mean, ratings) => (ratings > 0 ? mean / 5 : SATISFACTION_UNKNOWN),
    ),
    derived(
      { name: "inactivity_score", unit: "score", description: `days since the latest activity/${INACTIVITY_DAYS}, at most 1`, default: clip(NEVER_DAYS / INACTIVITY_DAYS) },
      ["days_since_last_activity"],
      (days) => clip(days / INACTIVITY_DAYS),
    ),
    derived(
      { name: "engagement_decline", unit: "score", description: "1 - minutes of the last 14 days/minutes of the 14 before, 0 to 1; 0 when there were none before" },
      ["session_minutes_14d", "session_minutes_previous_14d"],
      (recent, previous) => (previous > 0 ? clip(1 - recent / previous) : 0),
    ),
  ];
}
