import * as fc from "fast-check";
import type { Artifact } from "../contracts/artifact.ts";
import type { PriceTerms } from "../contracts/decision.ts";
import { defaultPolicy, type Policy } from "../contracts/policy.ts";
import { courseFeatureIndex, courseFeatureNames } from "../features/course-view.ts";
import { logit, sigmoid } from "../lib/linear-algebra.ts";
import type { CompiledModel } from "../models/compiled.ts";
import { noBand } from "../features/teacher-band.ts";
import type { PricingInputs } from "./inputs.ts";
import { termsFor } from "./price-terms.ts";

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

export function testTerms(policy: Policy = defaultPolicy): PriceTerms {
  return termsFor(policy, "C00001", "programming", noBand);
}

/** A course vector with the named features, 0 elsewhere. */
export function testFeatures(values: Readonly<Record<string, number>>): number[] {
  const features = courseFeatureNames.map(() => 0);
  for (const [name, value] of Object.entries(values)) features[courseFeatureIndex(name)] = value;
  return features;
}

/** The same course under a policy's bounds. */
export function under(policy: Policy, inputs: PricingInputs): PricingInputs {
  return { ...inputs, policy_version: policy.version, terms: termsFor(policy, inputs.course_id, inputs.category, noBand) };
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
    jitter_cells: [],
    exposure: "views",
    category: "programming",
    updated_at_ms: 1_760_000_000_000,
    current_price: 100,
    current_enrollments: null,
    objective: "revenue",
    model_digest: "test-digest",
    policy_version: defaultPolicy.version,
    terms: testTerms(),
    record_sequence: 7,
    degraded: [],
    ...rest,
    features: testFeatures({ ...plainFeatures, ...features }),
  };
}

const count = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 300, noNaN: true }), fc.double({ min: 0, max: 1e9, noNaN: true }));
const log_ratio = fc.oneof(fc.double({ min: -0.7, max: 0.7, noNaN: true }), fc.double({ min: -20.8, max: 20.8, noNaN: true }));
const tokens = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constantFrom(1, 2, 1_000_000_000), fc.integer({ min: 1, max: 1_000_000_000 }));

/** Anything that the contracts allow, extremes included. */
export const anyInputs: fc.Arbitrary<PricingInputs> = fc
  .record({
    cells: fc.array(fc.tuple(log_ratio, count, count), { maxLength: 32 }),
    current_price: tokens,
    current_enrollments: fc.option(fc.double({ min: 0, max: 1e9, noNaN: true })),
    objective: fc.constantFrom("revenue" as const, "enrollments" as const),
    reference_price_tokens: fc.oneof(fc.constant(0), tokens),
    competitor_price_tokens: fc.oneof(fc.constant(0), tokens),
    category_price_loo_tokens: fc.oneof(fc.constant(0), tokens),
    exposures_30d: count,
    enrollments_30d: count,
    category_conversion_90d: fc.double({ min: 0, max: 1, noNaN: true }),
    days_since_launch: fc.double({ min: -1, max: 4000, noNaN: true }),
  })
  .map(({ cells, current_price, current_enrollments, objective, ...features }) => testInputs({ cells: cells.flat(), current_price, current_enrollments, objective, features }));

export const anyModel: fc.Arbitrary<CompiledModel | null> = fc.option(
  fc
    .record({
      conversion: fc.double({ min: 1e-6, max: 0.999, noNaN: true }),
      slope: fc.double({ min: 0, max: 5, noNaN: true }),
      elasticity: fc.double({ min: -6, max: -0.05, noNaN: true }),
      se: fc.double({ min: 0.01, max: 5, noNaN: true }),
      level_sd: fc.double({ min: 0.01, max: 3, noNaN: true }),
      dispersion: fc.double({ min: 1, max: 20, noNaN: true }),
    })
    .map((parameters) => testModel(parameters)),
);

export const anyPolicy: fc.Arbitrary<Policy> = fc
  .record({
    elasticity: fc.constantFrom(0, 0.5, 0.85),
    competitive: fc.constantFrom(0, 0.15),
    span: fc.double({ min: 1, max: 10, noNaN: true }),
    points: fc.integer({ min: 2, max: 512 }),
    bound: tokens,
    other_bound: tokens,
    step_log_max: fc.double({ min: 0, max: 2, noNaN: true }),
    hold_probability: fc.double({ min: 0, max: 1, noNaN: true }),
    hold_loss: fc.double({ min: 0, max: 1, noNaN: true }),
    horizon_days: fc.integer({ min: 1, max: 365 }),
  })
  .map(
    ({ elasticity, competitive, span, points, bound, other_bound, ...rules }): Policy =>
      Object.assign({}, defaultPolicy, rules, {
        weights: { elasticity, competitive, lifecycle: 0, time: 0, bundle: 1 },
        grid: { span, points },
        floor_tokens: Math.min(bound, other_bound),
        ceiling_tokens: Math.max(bound, other_bound),
      }),
  );
