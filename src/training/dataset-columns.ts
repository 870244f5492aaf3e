import type { DatasetName } from "../contracts/worker-protocol.ts";
import { learnerFeatureNames, learnerOutcomeNames } from "../features/learner-replay.ts";
import { courseBlockNames } from "../features/replay.ts";

/** Texts of a row before its numbers: the entity, and for courses their category. */
export const textColumns: Readonly<Record<DatasetName, readonly string[]>> = { elasticity: ["course_id", "category"], propensity: ["learner_id"] };

const courseLabels = ["label_exposures", "label_enrollments", "label_mean_log_price", "label_jitter_exposures", "label_jitter_enrollments", "label_mean_jitter"] as const;

/** Numbers of a row as they are stored: features as of the cut-off, then what happened in its window. */
export const numberColumns: Readonly<Record<DatasetName, { readonly features: readonly string[]; readonly labels: readonly string[] }>> = {
  elasticity: { features: courseBlockNames, labels: courseLabels },
  propensity: { features: learnerFeatureNames, labels: learnerOutcomeNames.map((name) => `label_${name}`) },
};

/** A column that follows from others, under the name that the product description has for it. */
export interface DerivedColumn {
  readonly name: string;
  readonly from: readonly string[];
  of(...values: readonly number[]): number;
}

const same = (name: string, from: string): DerivedColumn => ({ name, from: [from], of: (value) => value! });
const over = (name: string, a: string, b: string): DerivedColumn => ({ name, from: [a, b], of: (x, y) => (y! > 0 ? x! / y! : 0) });
const flag = (name: string, from: readonly string[], of: (...values: readonly number[]) => boolean): DerivedColumn => ({ name, from, of: (...values) => (of(...values) ? 1 : 0) });

/**
 * Names of the description beside ours. Its targets were read off features of the same moment, which gives the answer away; here they are what
 * happened after the cut-off.
 */
export const derivedColumns: Readonly<Record<DatasetName, readonly DerivedColumn[]>> = {
  elasticity: [
    { name: "token_price", from: ["label_mean_log_price"], of: (mean) => Math.exp(mean!) },
    { name: "log_token_price", from: ["label_mean_log_price"], of: (mean) => Math.log1p(Math.exp(mean!)) },
    same("enrollments", "label_enrollments"),
    { name: "log_enrollments", from: ["label_enrollments"], of: (count) => Math.log1p(count!) },
    same("category_avg_price", "category_price_loo_tokens"),
    { name: "price_vs_category_avg", from: ["label_mean_log_price", "category_price_loo_tokens"], of: (mean, average) => (average! > 0 ? Math.exp(mean!) / average! : 0) },
    over("competitive_index", "price_tokens", "category_price_loo_tokens"),
  ],
  propensity: [
    same("total_courses_enrolled", "enrolled"),
    same("token_balance", "balance_tokens"),
    same("learning_streak_days", "streak_days"),
    same("forum_participation_score", "forum_participation"),
    same("avg_course_rating_given", "rating_given_mean"),
    flag("enrolled_next", ["label_enrollments"], (count) => count! > 0),
    flag("churned", ["label_exposures", "label_enrollments", "label_activities", "label_tokens_purchased"], (...counts) => counts.every((count) => count === 0)),
    flag("completed_next", ["label_completions"], (count) => count! > 0),
    flag("upsold", ["label_price_paid_max_tokens", "price_paid_mean_tokens"], (dearest, mean) => mean! > 0 && dearest! > mean!),
  ],
};
