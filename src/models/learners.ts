import type { ElasticityModel } from "../contracts/artifact.ts";
import type { BinnedMatrix, LearnerName } from "../contracts/worker-protocol.ts";
import { boostingDefaults, fitBoosting, type CountRows } from "./boosting.ts";
import { elasticityFeatureNames, PRICE_COLUMNS } from "./elasticity-features.ts";
import { fitForest, forestDefaults } from "./forest.ts";
import { fitGam } from "./gam.ts";
import { fitLogLinear, logLinearDefaults, type Gram } from "./log-linear.ts";
import { fitPolynomial } from "./polynomial.ts";
import { LocalTeam } from "./trees/tree-grower.ts";

export interface LearnerContext {
  readonly seed: number;
  /** XᵀWX on the tensor backend; tree learners do not use it. */
  readonly gram: Gram;
  /** The rows in bins, where there are any already; others than tree learners do not use them. */
  readonly binned?: BinnedMatrix | undefined;
}

/** One kind of demand model: equal rows, seed and Gram give an equal model. */
export interface Learner {
  /** Whether its heavy work is a tensor library's. */
  readonly tensors: boolean;
  /** Whether its predictions never rise with price, whatever the data. */
  readonly monotone: boolean;
  fit(data: CountRows, context: LearnerContext): ElasticityModel;
}

const positions = (names: readonly string[]): number[] => names.map((name) => elasticityFeatureNames.indexOf(name));
const SQUARED = positions(["log_price_vs_reference", "log_price_vs_category", "log_price_vs_competitor", "log_base_price", "log_conversion_30d", "log_conversion_90d", "log_category_conversion", "log_exposures_30d", "log_days_since_launch"]);
/** Fewer in the cubic: its terms grow with the third power of their number. */
const CUBED = positions(["log_price_vs_reference", "log_price_vs_category", "log_conversion_90d", "log_category_conversion", "log_exposures_30d", "log_days_since_launch"]);

/** The product description's six, in its order. */
export const learners: Record<LearnerName, Learner> = {
  log_linear: { tensors: true, monotone: true, fit: (data, { gram }) => fitLogLinear(data, { ...logLinearDefaults, decreasing_columns: PRICE_COLUMNS }, gram) },
  gam: { tensors: true, monotone: true, fit: (data, { gram }) => fitGam(data, PRICE_COLUMNS, gram) },
  polynomial_2: { tensors: true, monotone: false, fit: (data, { gram }) => fitPolynomial(data, 2, SQUARED, gram) },
  polynomial_3: { tensors: true, monotone: false, fit: (data, { gram }) => fitPolynomial(data, 3, CUBED, gram) },
  random_forest: { tensors: false, monotone: true, fit: (data, { seed, binned }) => fitForest(data, { ...forestDefaults, decreasing_columns: PRICE_COLUMNS, seed }, 0, forestDefaults.trees, binned).model },
  boosting: { tensors: false, monotone: true, fit: (data, { seed, binned }) => fitBoosting(data, { ...boostingDefaults, decreasing_columns: PRICE_COLUMNS, seed }, new LocalTeam(), binned).model },
};
