import { z } from "zod";
import { lineageSchema } from "./lineage.ts";

/** Bumped when a reader of the old shape could not use the new one. */
export const ARTIFACT_FORMAT = 1;

const finite = z.number().refine(Number.isFinite, "must be finite");
const finites = z.array(finite);

/** Poisson regression with log link on standardised columns: log rate = intercept + Σ coefficient·(x − mean)/scale. */
const linearModelSchema = z.object({
  kind: z.literal("log_linear"),
  mean: finites,
  scale: z.array(finite.positive()),
  coefficients: finites,
  intercept: finite,
});

/**
 * Boosted trees, flattened: node i tests x[feature[i]] <= threshold[i] (left) or goes right; feature −1 marks a leaf
 * with `value`. `roots` are the trees' first nodes. log rate = base + Σ leaf values (learning rate applied). A node in
 * `category_sets` splits a column of codes instead: those listed go left, all others right.
 */
const boostingModelSchema = z.object({
  kind: z.literal("boosting"),
  base: finite,
  roots: z.array(z.int().min(0)),
  feature: z.array(z.int().min(-1)),
  threshold: finites,
  left: z.array(z.int().min(0)),
  right: z.array(z.int().min(0)),
  value: finites,
  category_sets: z.record(z.string(), finites).optional(),
});

/** Trees as in boosting, without categories: rate = mean of the trees' leaf values, each positive. */
const forestModelSchema = z.object({
  kind: z.literal("forest"),
  roots: z.array(z.int().min(0)).min(1),
  feature: z.array(z.int().min(-1)),
  threshold: finites,
  left: z.array(z.int().min(0)),
  right: z.array(z.int().min(0)),
  value: finites,
});

const position = z.int().min(0);

/**
 * log rate = intercept + Σ splines + Σ linear terms. A spline is cubic on equal segments of [low, high]; beyond them it goes on as a straight line, or
 * stays at its end.
 */
const gamModelSchema = z.object({
  kind: z.literal("gam"),
  intercept: finite,
  splines: z.array(z.object({ column: position, low: finite, high: finite, penalty: finite.positive(), beyond: z.enum(["line", "end"]), coefficients: finites })),
  linear: z.array(z.object({ column: position, mean: finite, scale: finite.positive(), coefficient: finite })),
});

/** log rate = intercept + Σ coefficient·term; terms: all products of up to `degree` standardised columns in `inputs`, then the columns in `others`. */
const polynomialModelSchema = z.object({
  kind: z.literal("polynomial"),
  degree: z.int().min(2).max(3),
  inputs: z.array(position).max(16),
  others: z.array(position),
  mean: finites,
  scale: z.array(finite.positive()),
  coefficients: finites,
  intercept: finite,
});

/**
 * Trees that XGBoost trained, walked in its single precision: at node i float32(x) < float32(threshold[i]) goes left, else right; a missing x goes where
 * `missing_left` says. A node in `category_sets` sends the codes listed there right, all others left. Trees as in boosting otherwise; margin = base_margin +
 * Σ leaf values, added in float32 tree after tree. Link `log`: log rate = margin; `logit`: log rate = log(1/(1 + e^−margin)).
 */
const xgboostModelSchema = z.object({
  kind: z.literal("xgboost"),
  link: z.enum(["log", "logit"]),
  base_margin: finite,
  roots: z.array(position),
  feature: z.array(z.int().min(-1)),
  threshold: finites,
  missing_left: z.array(z.boolean()),
  left: z.array(position),
  right: z.array(position),
  value: finites,
  category_sets: z.record(z.string(), z.array(position)).optional(),
  /** Where it is from: the file's own words. */
  trained: z.object({ version: z.string(), objective: z.string(), rounds: z.int(), rounds_used: z.int() }),
});

export const elasticityModelSchema = z.discriminatedUnion("kind", [linearModelSchema, gamModelSchema, polynomialModelSchema, forestModelSchema, boostingModelSchema, xgboostModelSchema]);
export type ElasticityModel = z.infer<typeof elasticityModelSchema>;
export type LinearModel = z.infer<typeof linearModelSchema>;
export type BoostingModel = z.infer<typeof boostingModelSchema>;
export type GamModel = z.infer<typeof gamModelSchema>;
export type PolynomialModel = z.infer<typeof polynomialModelSchema>;
export type ForestModel = z.infer<typeof forestModelSchema>;
export type XgboostModel = z.infer<typeof xgboostModelSchema>;

/** Held-out metrics of one candidate, on rows after everything it was trained or selected on. */
export const metricsSchema = z.object({
  rows: z.int(),
  /** Mean Poisson deviance; lower is better. */
  poisson_deviance: finite,
  /** 1 − deviance / deviance of the naive forecast (each course's trailing conversion); above 0 beats it. */
  skill: finite,
  /** On log(1 + count), as the product description reports them. */
  r2_log: finite,
  rmse_log: finite,
  mape_log: finite,
  /** Weighted absolute percentage error of counts, in levels. */
  wape: finite,
});
export type Metrics = z.infer<typeof metricsSchema>;

/** How a learner does on whole courses that it was not fitted to: one row is one course over the whole period. */
export const courseMetricsSchema = z.object({
  courses: z.int(),
  r2_log: finite,
  rmse_log: finite,
  mape_log: finite,
  /** What the same figures would be on counts drawn from the predictions themselves: no model can be expected to do better on counts this small. */
  ceiling: z.object({ r2_log: finite, rmse_log: finite, mape_log: finite }),
});
export type CourseMetrics = z.infer<typeof courseMetricsSchema>;

const candidateSchema = z.object({
  name: z.string(),
  metrics: metricsSchema,
  courses: courseMetricsSchema.optional(),
  /** Share of held-out rows at which the prediction rises somewhere along the price; only a candidate without any may serve. */
  rising: finite.optional(),
  /** d log rate / d log price, averaged over held-out rows, by finite differences. */
  elasticity: finite,
  importance: z.record(z.string(), finite),
  backend: z.string(),
  /** Of artifacts made before runs had records of their own. */
  training_seconds: finite.optional(),
});
export type Candidate = z.infer<typeof candidateSchema>;

/** A causal elasticity of enrollments per exposure with its uncertainty. */
export const elasticityEstimateSchema = z.object({
  value: finite,
  se: finite.positive(),
  /** Sales at randomised prices behind it. */
  sales: finite,
  /** False: randomised prices say nothing of it; `value` is what is believed of any other (`source` global), or of the world at large (prior). */
  identified: z.boolean(),
  /** What most of its weight rests on: course, category, global or prior. */
  source: z.string(),
});
export type ElasticityEstimate = z.infer<typeof elasticityEstimateSchema>;

/** A course's elasticity; `prior` is the same without what the course's demand cells held at the end of the data, so that pricing counts no sale twice. */
export const courseElasticitySchema = elasticityEstimateSchema.extend({ prior: elasticityEstimateSchema.pick({ value: true, se: true }) });
export type CourseElasticity = z.infer<typeof courseElasticitySchema>;

export const artifactSchema = z.object({
  format: z.literal(ARTIFACT_FORMAT),
  family: z.literal("elasticity"),
  version: z.string().min(1).max(100),
  feature_names: z.array(z.string()).min(1),
  champion: z.string(),
  model: elasticityModelSchema,
  candidates: z.array(candidateSchema).min(1),
  elasticity: z.object({
    global: elasticityEstimateSchema,
    /** Between-category and between-course standard deviations of elasticity. */
    tau_category: finite.min(0),
    tau_course: finite.min(0),
    categories: z.record(z.string(), elasticityEstimateSchema),
    /** Courses whose own sales weigh in their estimates. Of any other its category's value holds, with variance se² + tau_course². */
    courses: z.record(z.string(), courseElasticitySchema).optional(),
  }),
  /** Standard deviation, on the logit scale, of courses' true conversion around the champion's prediction. */
  level_sd: finite.positive(),
  /** Over-dispersion φ ≥ 1 of enrollments given exposures, per category, and pooled under "". */
  dispersion: z.record(z.string(), finite.min(1)),
  /** Of artifacts made before runs had records of their own: without the end of what they were fitted to, with the run that made them. */
  lineage: lineageSchema.extend({ fitted_to: z.string().optional(), run_id: z.string().optional(), trained_at: z.string().optional() }),
});
export type Artifact = z.infer<typeof artifactSchema>;
