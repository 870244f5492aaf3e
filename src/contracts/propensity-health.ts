import { z } from "zod";
import { binaryDimensions } from "./propensity.ts";

/** Bumped when a reader of the old shape could not use the new one. */
export const HEALTH_FORMAT = 1;

const finite = z.number().refine(Number.isFinite, "must be finite");
/** null where there are too few rows to take it from. */
const figure = finite.nullable();

/** A figure beyond its limit. */
export const breachSchema = z.object({ what: z.string(), value: finite, limit: finite, detail: z.string() });
export type Breach = z.infer<typeof breachSchema>;

const dimensionHealthSchema = z.object({
  dimension: z.enum(binaryDimensions),
  /** Learners at cut-offs whose window has passed, and to how many of them it happened. */
  rows: z.int(),
  positives: z.int(),
  auc: figure,
  /** Of the area under the curve, clustered by learner. */
  auc_se: figure,
  /** On the rows that were held out when the champion was trained. */
  auc_trained: figure,
  ece: figure,
  slope: figure,
  slope_se: figure,
  /** Population stability index of the scores against those of the rows that the champion was trained on. */
  score_psi: figure,
  /** The same by cut-off, oldest first. */
  rolling: z.array(z.object({ at: z.string(), rows: z.int(), auc: figure, ece: figure })),
});
export type DimensionHealth = z.infer<typeof dimensionHealthSchema>;

/** How the champion does on labels that have matured since it was trained: what an admin page shows. Object store RUNS, `propensity-health/health.json`. */
export const propensityHealthSchema = z.object({
  format: z.literal(HEALTH_FORMAT),
  time: z.string(),
  model_version: z.string(),
  fitted_to: z.string(),
  dimensions: z.array(dimensionHealthSchema),
  /** Population stability index of each input against the rows that the champion was trained on. */
  inputs: z.array(z.object({ name: z.string(), psi: finite })),
  breaches: z.array(breachSchema),
  /** The champion that a breach opened a retrain of: one is opened once. */
  retrain_opened_for: z.string().nullable(),
});
export type PropensityHealth = z.infer<typeof propensityHealthSchema>;
