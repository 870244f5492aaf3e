import { courseFeatureIndex } from "../features/course-view.ts";
import { log } from "../lib/exp-log.ts";

/**
 * The row that elasticity models see, built by one function for training and serving. Price enters through the
 * first columns only, each log price minus something known before the price was set.
 */
export const elasticityFeatureNames: readonly string[] = [
  "log_price_vs_reference",
  "log_price_vs_category",
  "log_price_vs_competitor",
  "log_base_price",
  "log_conversion_30d",
  "log_conversion_90d",
  "log_category_conversion",
  "log_exposures_7d",
  "log_exposures_30d",
  "log_days_since_launch",
  "difficulty_level",
  "quality_tier",
  "rating",
];

/** Columns below this index rise one for one with log price: demand may not rise along them. */
export const PRICE_COLUMNS = 3;
/** Position of the shrunk trailing conversion that the naive forecast uses, as a logarithm. */
export const TRAILING_CONVERSION_COLUMN = elasticityFeatureNames.indexOf("log_conversion_90d");

/** Exposures' worth of the category's conversion that a course's own is shrunk with. */
const PSEUDO_EXPOSURES = 20;
/** Conversion of a platform about which nothing is known. */
const PRIOR_CONVERSION = 0.05;

const REFERENCE = courseFeatureIndex("reference_price_tokens");
const BASE = courseFeatureIndex("base_price_tokens");
const CATEGORY_PRICE = courseFeatureIndex("category_price_loo_tokens");
const COMPETITOR = courseFeatureIndex("competitor_price_tokens");
const LAUNCH = courseFeatureIndex("days_since_launch");
const DIFFICULTY = courseFeatureIndex("difficulty_level");
const QUALITY = courseFeatureIndex("quality_tier");
const RATING = courseFeatureIndex("rating_mean");
const EXPOSURES_7D = courseFeatureIndex("exposures_7d");
const EXPOSURES_30D = courseFeatureIndex("exposures_30d");
const EXPOSURES_90D = courseFeatureIndex("exposures_90d");
const ENROLLMENTS_30D = courseFeatureIndex("enrollments_30d");
const ENROLLMENTS_90D = courseFeatureIndex("enrollments_90d");
const CATEGORY_EXPOSURES = courseFeatureIndex("category_exposures_30d");
const CATEGORY_ENROLLMENTS = courseFeatureIndex("category_enrollments_30d");

/** Enrollments over exposures, shrunk towards `towards`; an enrollment without its exposure counts as one. */
function shrunkConversion(enrollments: number, exposures: number, towards: number): number {
  return (enrollments + PSEUDO_EXPOSURES * towards) / (Math.max(exposures, enrollments) + PSEUDO_EXPOSURES);
}

/** 0, "as elsewhere", when the other price is unknown. */
function against(log_price: number, price_tokens: number): number {
  return price_tokens > 0 ? log_price - log(price_tokens) : 0;
}

const log1p = (x: number): number => (x > 0 ? log(1 + x) : 0);

/** Writes the row of a course view (courseFeatureNames order) at a log price; no allocation. */
export function fillElasticityRow(view: ArrayLike<number>, log_price: number, out: Float64Array, offset: number): void {
  const category = shrunkConversion(view[CATEGORY_ENROLLMENTS]!, view[CATEGORY_EXPOSURES]!, PRIOR_CONVERSION);
  out[offset] = against(log_price, view[REFERENCE]!);
  out[offset + 1] = against(log_price, view[CATEGORY_PRICE]!);
  out[offset + 2] = against(log_price, view[COMPETITOR]!);
  out[offset + 3] = log1p(view[BASE]!);
  out[offset + 4] = log(shrunkConversion(view[ENROLLMENTS_30D]!, view[EXPOSURES_30D]!, category));
  out[offset + 5] = log(shrunkConversion(view[ENROLLMENTS_90D]!, view[EXPOSURES_90D]!, category));
  out[offset + 6] = log(category);
  out[offset + 7] = log1p(view[EXPOSURES_7D]!);
  out[offset + 8] = log1p(view[EXPOSURES_30D]!);
  out[offset + 9] = log1p(view[LAUNCH]!);
  out[offset + 10] = view[DIFFICULTY]!;
  out[offset + 11] = view[QUALITY]!;
  out[offset + 12] = view[RATING]!;
}
