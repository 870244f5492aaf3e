import { z } from "zod";

/** An estimate with its interval; null where the data cannot say it yet. */
const figureSchema = z.object({ value: z.number(), low: z.number(), high: z.number() }).nullable();
export type Figure = z.infer<typeof figureSchema>;

const armResultSchema = z.object({
  name: z.string(),
  /** `active`, `list`, or the document and its revision. */
  price: z.string(),
  probability: z.number(),
  stopped_at: z.string().nullable(),
  /** Learners who have had a quote, or cluster-periods that have begun. */
  units: z.int(),
  /** Of them, those whose outcome is final. */
  counted: z.int(),
  mean: z.number().nullable(),
});

const comparisonSchema = z.object({
  arm: z.string(),
  against: z.string(),
  /** Difference of means, in the metric's unit, and relative to the control arm's mean. */
  effect: z.number().nullable(),
  relative_effect: z.number().nullable(),
  /** Always valid: it may be looked at every day. Adjusted for the number of arms. */
  p_value: z.number(),
  /** Covers the effect at every look together, with the experiment's confidence. */
  interval: z.object({ low: z.number(), high: z.number() }).nullable(),
  /** Share of the variance that what learners spent before explains, and the coefficient; null where it is not used. */
  cuped: z.object({ coefficient: z.number(), variance_reduction: z.number() }).nullable(),
});

const sampleRatioSchema = z.object({ chi_square: z.number(), p_value: z.number(), ok: z.boolean() });

const guardrailResultSchema = z.object({
  metric: z.string(),
  arm: z.string(),
  /** How much worse than the control arm, in the metric's unit; below 0: better. Always valid. */
  worse_by: figureSchema,
  worse_by_max: z.number(),
  breached: z.boolean(),
});

export const verdicts = ["not_started", "too_early", "blocked", "better", "worse", "undecided"] as const;

const verdictSchema = z.object({
  decision: z.enum(verdicts),
  /** The arm that is certain to be best; null where there is none. */
  arm: z.string().nullable(),
  reason: z.string(),
});
export type Verdict = z.infer<typeof verdictSchema>;

/** Per learner, or per course and day. Intervals are 95 % ones of this moment, for reading once: what decides is the comparison. */
const businessFigureSchema = z.object({
  arm: z.string(),
  figures: z.record(z.string(), z.object({ arm: figureSchema, holdout: figureSchema, difference: figureSchema })),
});

export const experimentResultsSchema = z.object({
  /** When it was read, and days of the experiment up to then. */
  as_of: z.string(),
  days: z.number(),
  /** Of the units, that the results rest on: below 1 an even sample was read. */
  share_read: z.number(),
  arms: z.array(armResultSchema),
  comparisons: z.array(comparisonSchema),
  /** null before anything was counted. */
  sample_ratio: sampleRatioSchema.nullable(),
  guardrails: z.array(guardrailResultSchema),
  verdict: verdictSchema,
  /** Revenue, conversion, churn rate and lifetime value of each arm beside the hold-out's; empty without a hold-out. */
  business: z.object({ holdout: z.string().nullable(), arms: z.array(businessFigureSchema) }),
});
export type ExperimentResults = z.infer<typeof experimentResultsSchema>;
