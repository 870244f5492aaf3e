import type { DatasetName } from "../contracts/worker-protocol.ts";
import { courseFeatureNames } from "../features/course-view.ts";
import { learnerFeatureNames, learnerOutcomeNames } from "../features/learner-replay.ts";
import { courseBlockNames } from "../features/replay.ts";
import { elasticityFeatureNames, fillElasticityRow } from "../models/elasticity-features.ts";

/** Texts of a row before its numbers: the entity, and for courses their category. */
export const textColumns: Readonly<Record<DatasetName, readonly string[]>> = { elasticity: ["course_id", "category"], propensity: ["learner_id"] };

const courseLabels = ["label_exposures", "label_enrollments", "label_mean_log_price", "label_jitter_exposures", "label_jitter_enrollments", "label_mean_jitter"] as const;

/** Numbers of a row as they are stored: features as of the cut-off, then what happened in its window. */
export const numberColumns: Readonly<Record<DatasetName, { readonly features: readonly string[]; readonly labels: readonly string[] }>> = {
  elasticity: { features: courseBlockNames, labels: courseLabels },
  propensity: { features: learnerFeatureNames, labels: learnerOutcomeNames.map((name) => `label_${name}`) },
};

/** Columns that follow from others. */
export interface DerivedColumns {
  readonly names: readonly string[];
  readonly from: readonly string[];
  of(...values: readonly number[]): readonly number[];
}

const derive = (name: string, from: readonly string[], of: (...values: readonly number[]) => number): DerivedColumns => ({ names: [name], from, of: (...values) => [of(...values)] });
const same = (name: string, from: string): DerivedColumns => derive(name, [from], (value) => value!);
const over = (name: string, a: string, b: string): DerivedColumns => derive(name, [a, b], (x, y) => (y! > 0 ? x! / y! : 0));
const flag = (name: string, from: readonly string[], of: (...values: readonly number[]) => boolean): DerivedColumns => derive(name, from, (...values) => (of(...values) ? 1 : 0));

/**
 * What the elasticity models of training and serving see, by the same function: whoever trains elsewhere, to import the model here, trains on these. Columns
 * that a row takes from the features as they are, are there already.
 */
function elasticityRow(): DerivedColumns {
  const columns = [...elasticityFeatureNames.keys()].filter((column) => !courseFeatureNames.includes(elasticityFeatureNames[column]!));
  const row = new Float64Array(elasticityFeatureNames.length);
  return {
    names: columns.map((column) => elasticityFeatureNames[column]!),
    from: ["label_mean_log_price", ...courseFeatureNames],
    of: (log_price, ...view) => {
      fillElasticityRow(view, log_price!, row, 0);
      return columns.map((column) => row[column]!);
    },
  };
}

/**
 * Beside the stored columns: what models are trained on, and the names of the description. Its targets were read off features of the same moment, which gives
 * the answer away; here they are what happened after the cut-off.
 */
export const derivedColumns: Readonly<Record<DatasetName, readonly DerivedColumns[]>> = {
  elasticity: [
    elasticityRow(),
    // An enrollment without its exposure counts as one, as in training.
    derive("exposure", ["label_exposures", "label_enrollments"], (exposures, enrollments) => Math.max(exposures!, enrollments!)),
    derive("token_price", ["label_mean_log_price"], (mean) => Math.exp(mean!)),
    derive("log_token_price", ["label_mean_log_price"], (mean) => Math.log1p(Math.exp(mean!))),
    same("enrollments", "label_enrollments"),
    derive("log_enrollments", ["label_enrollments"], (count) => Math.log1p(count!)),
    same("category_avg_price", "category_price_loo_tokens"),
    derive("price_vs_category_avg", ["label_mean_log_price", "category_price_loo_tokens"], (mean, average) => (average! > 0 ? Math.exp(mean!) / average! : 0)),
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
