import { z } from "zod";
import { lineageSchema } from "./lineage.ts";

/** Bumped when a reader of the old shape could not use the new one. */
export const PROPENSITY_FORMAT = 1;
export const PROPENSITY_FAMILY = "propensity" as const;

/** What is known of a learner's next weeks, in the order of every vector of scores. */
export const dimensions = ["enrollment", "churn", "completion", "upsell", "price_sensitivity"] as const;
export type Dimension = (typeof dimensions)[number];
/** Those whose label is something that happens or does not. */
export const binaryDimensions = ["enrollment", "churn", "completion", "upsell"] as const;
export type BinaryDimension = (typeof binaryDimensions)[number];

const finite = z.number().refine(Number.isFinite, "must be finite");
const finites = z.array(finite);
const position = z.int().min(0);

/** What a dimension's score is the probability of, of whom, and in which window after the cut-off: (gap, gap + horizon]. */
export const definitionSchema = z.object({
  dimension: z.enum(dimensions),
  /** Of the score, for people. */
  meaning: z.string(),
  /** Whom it is asked of; others have the population's mean. */
  population: z.string(),
  gap_days: finite.min(0),
  horizon_days: finite.positive(),
});
export type PropensityDefinition = z.infer<typeof definitionSchema>;

/** Margin = intercept + Σ coefficient·(x − mean)/scale. */
const logisticSchema = z.object({ kind: z.literal("logistic"), mean: finites, scale: z.array(finite.positive()), coefficients: finites, intercept: finite });

/**
 * Trees, flattened as in the elasticity artifact: node i tests x[feature[i]] <= threshold[i] (left) or goes right; feature −1 marks a leaf with `value`. Boosting:
 * margin = base + Σ leaf values; forest: probability = mean of the leaf values, and the margin is its logit. `cover` is the training weight that passed each node.
 */
const treesSchema = z.object({
  kind: z.enum(["boosting", "forest"]),
  base: finite,
  roots: z.array(position),
  feature: z.array(z.int().min(-1)),
  threshold: finites,
  left: z.array(position),
  right: z.array(position),
  value: finites,
  cover: z.array(finite.min(0)),
});

/** A shared trunk of dense ReLU layers on standardised inputs, and one linear head: margin = head·trunk(x) + bias. Weights are input-major. */
const networkSchema = z.object({
  kind: z.literal("network"),
  mean: finites,
  scale: z.array(finite.positive()),
  layers: z.array(z.object({ units: z.int().min(1), weights: finites, bias: finites })),
  head: z.object({ weights: finites, bias: finite }),
});

/** The hand-weighted score, a probability, and its margin the logit. Its inputs are the hand scores' parts. */
const handSchema = z.object({ kind: z.literal("hand_score") });
const baseRateSchema = z.object({ kind: z.literal("base_rate"), rate: finite.gt(0).lt(1) });

export const propensityModelSchema = z.discriminatedUnion("kind", [logisticSchema, treesSchema, networkSchema, handSchema, baseRateSchema]);
export type PropensityModel = z.infer<typeof propensityModelSchema>;
export type LogisticModel = z.infer<typeof logisticSchema>;
export type PropensityTrees = z.infer<typeof treesSchema>;
export type NetworkModel = z.infer<typeof networkSchema>;

/** From margin to probability: σ(slope·margin + intercept), or steps between which it is linear (x ascending, y not falling). */
export const calibrationSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("platt"), slope: finite.positive(), intercept: finite }),
  z.object({ kind: z.literal("isotonic"), x: finites, y: finites }),
]);
export type Calibration = z.infer<typeof calibrationSchema>;

/** A probability of something that happens or does not. */
const binarySchema = z.object({
  definition: definitionSchema,
  champion: z.string(),
  model: propensityModelSchema,
  /**
   * One step for a window that is asked about as a whole. More: the model's margin plus offsets[k] is the log-odds that it happens in step k, given that it has not
   * before (discrete-time hazard), and the score is the probability that it does not happen in any.
   */
  steps: z.object({ offsets: z.array(finite).min(1) }).nullable(),
  calibration: calibrationSchema,
  base_rate: finite.min(0).max(1),
  /** Standard error of the calibrated probability, by tenth of the score: half of the interval is 1.96 of it. */
  uncertainty: z.object({ upper: finites, se: finites }),
  candidates: z.array(z.object({ name: z.string(), metrics: z.record(z.string(), finite), barred: z.string().nullable() })),
});
export type BinaryPropensity = z.infer<typeof binarySchema>;

/**
 * Effect of log price on the log-odds that an exposure becomes an enrollment, as a function of the learner: effect = intercept + Σ coefficient·(x − mean)/scale, with
 * its covariance (row by row, intercept first). The score is the share of the population that is less sensitive.
 */
const sensitivitySchema = z.object({
  definition: definitionSchema,
  identified: z.boolean(),
  mean: finites,
  scale: z.array(finite.positive()),
  coefficients: finites,
  intercept: finite,
  covariance: finites,
  /** Quantiles 0, 1/n … 1 of sensitivity (−effect) over the population, ascending. */
  quantiles: z.array(finite).min(2),
  candidates: z.array(z.object({ name: z.string(), metrics: z.record(z.string(), finite), barred: z.string().nullable() })),
});
export type SensitivityPropensity = z.infer<typeof sensitivitySchema>;

export const propensityArtifactSchema = z.object({
  format: z.literal(PROPENSITY_FORMAT),
  family: z.literal(PROPENSITY_FAMILY),
  version: z.string().min(1).max(100),
  /** Inputs of every model, in order. */
  input_names: z.array(z.string()).min(1),
  binary: z.record(z.enum(binaryDimensions), binarySchema),
  price_sensitivity: sensitivitySchema,
  /** Quantiles of each input over the training rows (11 each), for drift. */
  inputs: z.array(z.object({ name: z.string(), quantiles: finites })),
  lineage: lineageSchema,
});
export type PropensityArtifact = z.infer<typeof propensityArtifactSchema>;
