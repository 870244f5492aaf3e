import type { Artifact } from "../contracts/artifact.ts";
import { defaultPolicy } from "../contracts/policy.ts";
import { courseFeatureIndex, courseFeatureNames } from "../features/course-view.ts";
import { logit, sigmoid } from "../lib/linear-algebra.ts";
import type { CompiledModel } from "../models/compiled.ts";
import type { PricingInputs } from "./inputs.ts";

const artifact: Artifact = {
  format: 1,
  family: "elasticity",
  version: "test-1",
  feature_names: ["log_price"],
  champion: "test",
  model: { kind: "log_linear", mean: [0], scale: [1], coefficients: [-1.5], intercept: 0 },
  candidates: [
    { name: "test", metrics: { rows: 1, poisson_deviance: 1, skill: 0, r2_log: 0, rmse_log: 0, mape_log: 0, wape: 0 }, elasticity: -1.5, importance: {}, backend: "test", training_seconds: 0 },
  ],
  elasticity: { global: { value: -1.5, se: 0.1, sales: 1000, identified: true, source: "test" }, tau_category: 0.3, tau_course: 0.3, categories: {} },
  level_sd: 0.5,
  dispersion: { "": 1 },
  lineage: { run_id: "test", seed: 1, stream: "EVENTS", stream_created: "", first_sequence: 1, last_sequence: 1, trained_at: "", data_from: "", data_to: "", rows: 1, code_version: "test" },
};

export interface TestModel {
  conversion?: number;
  reference_price?: number;
  slope?: number;
  elasticity?: number;
  se?: number;
  level_sd?: number;
  dispersion?: number;
}

/** A model of one logit curve, the same for every course: `conversion` at `reference_price`. */
export function testModel({ conversion = 0.08, reference_price = 100, slope = 1.6, elasticity = -1.5, se = 0.4, level_sd = 0.5, dispersion = 1 }: TestModel = {}): CompiledModel {
  return {
    digest: "test-digest",
    version: artifact.version,
    artifact,
    conversionRate: (_view, log_price) => sigmoid(logit(conversion) - slope * (log_price - Math.log(reference_price))),
    elasticityPrior: () => ({ value: elasticity, se, source: "category" }),
    levelSd: level_sd,
    dispersion: () => dispersion,
  };
}

/** A course vector with the named features, 0 elsewhere. */
export function testFeatures(values: Readonly<Record<string, number>>): number[] {
  const features = courseFeatureNames.map(() => 0);
  for (const [name, value] of Object.entries(values)) features[courseFeatureIndex(name)] = value;
  return features;
}

export const plainFeatures: Readonly<Record<string, number>> = {
  price_tokens: 100,
  reference_price_tokens: 100,
  base_price_tokens: 100,
  days_since_launch: 200,
  exposures_30d: 300,
  exposures_90d: 900,
  enrollments_30d: 24,
  enrollments_90d: 72,
  category_conversion_90d: 0.08,
};

/** A course at 100 tokens with 300 views and 24 enrollments at that price. */
export function testInputs(changes: Partial<Omit<PricingInputs, "features">> & { features?: Readonly<Record<string, number>> } = {}): PricingInputs {
  const { features, ...rest } = changes;
  return {
    course_id: "C00001",
    course_features: null,
    now_ms: 1_760_000_000_000,
    cells: [0, 300, 24],
    category: "programming",
    updated_at_ms: 1_760_000_000_000,
    current_price: 100,
    current_enrollments: null,
    objective: "revenue",
    model_digest: "test-digest",
    policy_version: defaultPolicy.version,
    record_sequence: 7,
    degraded: [],
    ...rest,
    features: testFeatures({ ...plainFeatures, ...features }),
  };
}
