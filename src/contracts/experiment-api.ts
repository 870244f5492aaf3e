import { z } from "zod";
import { experimentResultsSchema } from "./experiment-results.ts";
import { experimentSchema } from "./experiment.ts";
import { idSchema } from "./fields.ts";

const reasonSchema = z.string().max(1_000).default("");

export const defineExperimentBodySchema = z.object({ experiment_id: idSchema, reason: reasonSchema, experiment: experimentSchema });

export const validateExperimentBodySchema = z.object({ experiment: experimentSchema });
export const validateExperimentAnswerSchema = z.object({ valid: z.literal(true) });

export const changeExperimentBodySchema = z.object({ reason: reasonSchema });
export const stopExperimentBodySchema = z.object({ reason: reasonSchema, /** What was concluded, in words. */ verdict: z.string().max(1_000).optional() });

const summaryShape = {
  experiment_id: z.string(),
  phase: z.enum(["draft", "scheduled", "running", "ended", "stopped"]),
  /** CONTROL sequence of the last change. */
  sequence: z.int(),
  /** When units are assigned from, and until when; null: not started, without an end. */
  from: z.string().nullable(),
  until: z.string().nullable(),
  /** Started experiments that set the same prices: they are in a draft's way, and a started one assigns nobody because of them. */
  conflicts_with: z.array(z.string()),
  experiment: experimentSchema,
};
const summarySchema = z.object(summaryShape);

const limitHint = "must be a whole number from 1 to 200";
export const experimentsQuerySchema = z.object({
  phase: summaryShape.phase.optional(),
  /** `next` of the page before. */
  after: idSchema.optional(),
  limit: z.string().regex(/^\d{1,3}$/, limitHint).transform(Number).pipe(z.int().min(1, limitHint).max(200, limitHint)).default(50),
});
/** In order of ids; `next` is null on the last page. */
export const experimentsAnswerSchema = z.object({ experiments: z.array(summarySchema), next: z.string().nullable() });
export type ExperimentsAnswer = z.infer<typeof experimentsAnswerSchema>;

export const experimentAnswerSchema = z.object({
  ...summaryShape,
  stopped_arms: z.record(z.string(), z.string()),
  /** What was concluded at the stop, in words; null before it, or where nobody said. */
  verdict: z.string().nullable(),
  /** null of a draft. */
  results: experimentResultsSchema.nullable(),
});
export type ExperimentAnswer = z.infer<typeof experimentAnswerSchema>;

const shareSchema = z.number().min(1e-4).max(1);

/** One outcome of a unit: either its mean and sd, or the conversion and the price that make both. */
const baselineSchema = z.union([
  z.strictObject({ mean: z.number().min(0).max(1e9), sd: z.number().gt(0).max(1e9) }),
  /** Revenue of a unit that buys with this probability, at prices of this mean and sd; without prices the metric is conversion. */
  z.strictObject({ conversion: z.number().gt(0).lt(1), price_mean: z.number().gt(0).max(1e9).optional(), price_sd: z.number().min(0).max(1e9).optional() }),
]);
export type Baseline = z.infer<typeof baselineSchema>;

export const powerBodySchema = z
  .object({
    baseline: baselineSchema,
    /** Difference of means to be found, in the metric's unit, or as a share of the baseline's mean. */
    effect: z.number().gt(0).max(1e9).optional(),
    relative_effect: z.number().gt(0).max(100).optional(),
    /** Instead of an effect: what can be found in so many days. */
    days: z.int().min(1).max(3_650).optional(),
    /** Units that come a day: learners with their first quote, or clusters over the days of a period. */
    units_per_day: z.number().gt(0).max(1e9),
    /** Days until a unit's outcome is final. */
    outcome_days: z.int().min(0).max(365).default(14),
    arm_share: shareSchema.default(0.5),
    control_share: shareSchema.default(0.5),
    arms: z.int().min(2).max(8).default(2),
    alpha: z.number().min(1e-6).max(0.2).default(0.05),
    power: z.number().min(0.5).max(0.999).default(0.8),
    tau2: z.number().gt(0).max(1e18).optional(),
    /** Correlation of the outcome with what was known before: CUPED leaves 1 − ρ² of the variance. */
    covariate_correlation: z.number().min(-0.999).max(0.999).default(0),
    /** Mean units of a cluster, and correlation of outcomes within one. */
    cluster_size: z.number().min(1).max(1e6).default(1),
    cluster_correlation: z.number().min(0).max(1).default(0),
  })
  .refine(({ effect, relative_effect, days }) => [effect, relative_effect, days].filter((one) => one !== undefined).length === 1, { message: "give one of effect, relative_effect and days", path: ["effect"] })
  .refine(({ arm_share, control_share }) => arm_share + control_share <= 1 + 1e-9, { message: "conflicts with arm_share: shares add up to more than 1", path: ["control_share"] });
export type PowerBody = z.infer<typeof powerBodySchema>;

export const powerAnswerSchema = z.object({
  effect: z.number(),
  relative_effect: z.number().nullable(),
  baseline: z.object({ mean: z.number(), sd: z.number() }),
  /** Units in all, whatever arm they are in, and days until the last outcome is final; null: no number is enough. */
  units: z.number().nullable(),
  days: z.number().nullable(),
  /** What a test with one look at the end would need: the difference is the price of looking every day. */
  units_of_one_look: z.number(),
  power: z.number(),
  /** Level of each comparison with the control arm. */
  alpha: z.number(),
  design_effect: z.number(),
});
export type PowerAnswer = z.infer<typeof powerAnswerSchema>;
