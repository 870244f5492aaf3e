import type { BinaryDimension } from "../contracts/propensity.ts";
import type { DatasetName } from "../contracts/worker-protocol.ts";
import { courseFeatureNames } from "../features/course-view.ts";
import { learnerOutcomeNames } from "../features/learner-outcomes.ts";
import { learnerFeatureNames } from "../features/learner-replay.ts";
import { courseBlockNames } from "../features/replay.ts";
import { DAY_MS } from "../lib/time.ts";
import { elasticityFeatureNames, fillElasticityRow } from "../models/elasticity-features.ts";
import { propensityDefinitions } from "./propensity/definitions.ts";

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

/** Whether something first happened within the window that the models are asked about; in a shorter window of labels, within that. */
function within(dimension: BinaryDimension, after_ms: number): boolean {
  return after_ms > 0 && after_ms <= propensityDefinitions[dimension].horizon_days * DAY_MS;
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
    flag("enrolled_next", ["label_first_enrollment_after_ms"], (after_ms) => within("enrollment", after_ms!)),
    flag("churned", ["label_first_activity_after_ms"], (after_ms) => !within("churn", after_ms!)),
    flag("completed_next", ["label_completed_after_ms"], (after_ms) => within("completion", after_ms!)),
    flag("upsold", ["label_upsold_after_ms"], (after_ms) => within("upsell", after_ms!)),
  ],
};
