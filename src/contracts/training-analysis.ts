import { z } from "zod";
import { elasticityEstimateSchema } from "./artifact.ts";
import { dimensions } from "./propensity.ts";
import { riskLevels, segments } from "./segments.ts";

const finite = z.number().refine(Number.isFinite, "must be finite");
const finites = z.array(finite);
const count = z.int().min(0);
const interval = z.tuple([finite, finite]);

/** Training rows against the rows held out at the end: `edges` has one value more than the counts. The last bin includes its upper edge. */
export const histogramSchema = z.object({
  name: z.string(),
  unit: z.string(),
  /** How the axis is best drawn; edges are in the unit itself either way. */
  scale: z.enum(["linear", "log"]),
  edges: finites,
  train: z.array(count),
  held_out: z.array(count),
  missing: count,
});
export type Histogram = z.infer<typeof histogramSchema>;

/** Pearson's correlations over the training rows; null where a column is constant. The label comes last. */
export const correlationSchema = z.object({ names: z.array(z.string()), values: z.array(z.array(finite.nullable())) });

/** The part of the split that a period belongs to. */
export const blockSchema = z.enum(["train", "validation", "test"]);

/** By period, oldest first; every series has a value for each, null where there is none. */
export const trendSchema = z.object({
  /** Starts of the periods, RFC 3339. */
  at: z.array(z.string()),
  block: z.array(blockSchema),
  series: z.array(z.object({ name: z.string(), unit: z.string(), values: z.array(finite.nullable()) })),
});

/** Population stability index of a feature: Σ (held out − train)·ln(held out / train) over the bins' shares. */
export const driftSchema = z.object({ feature: z.string(), psi: finite, status: z.enum(["ok", "warn", "fail"]) });

export const categoryRowSchema = z.object({
  category: z.string(),
  courses: count,
  exposures: count,
  enrollments: count,
  /** Enrollments per exposure. */
  conversion: finite,
  /** Over exposures. */
  mean_price_tokens: finite,
  revenue_tokens: finite,
  /** null until the causal estimate is there. */
  elasticity: elasticityEstimateSchema.nullable(),
});
export type CategoryRow = z.infer<typeof categoryRowSchema>;

/** Whether prices vary enough to learn from, and how much of that variation was random. */
export const pricesSchema = z.object({
  /** log(price / the course's reference price) by course-week. */
  variation: histogramSchema,
  /** Standard deviation of log price around a course's own mean, and of those means. */
  within_course_sd: finite,
  between_course_sd: finite,
  /** The random, logged part of prices. */
  jitter: z.object({ exposure_share: finite, course_week_share: finite, courses: count, sd: finite }),
});

/** Pearson residuals (count − expected) / √expected of the selected candidate on the test rows. */
export const residualsSchema = z.object({
  candidate: z.string(),
  mean: finite,
  sd: finite,
  edges: finites,
  counts: z.array(count),
  /** By tenth of the expected count: whether errors depend on size. */
  by_prediction: z.array(z.object({ predicted: finite, mean: finite, sd: finite, rows: count })),
  by_period: z.array(z.object({ at: z.string(), mean: finite, sd: finite, rows: count })),
});

/** A tenth of the test rows by predicted rate; `observed` with its 95 % interval. Rates are enrollments per exposure. */
export const calibrationBinSchema = z.object({ rows: count, predicted: finite, observed: finite, ci95: interval });
export const calibrationSchema = z.object({ candidate: z.string(), bins: z.array(calibrationBinSchema) });

/** Expected weekly demand of one course over its price, as a price call would believe it before the course's own posterior. */
export const curveSchema = z.object({
  course_id: z.string(),
  category: z.string(),
  price_tokens: finite,
  exposures_per_week: finite,
  elasticity: z.object({ value: finite, ci95: interval, identified: z.boolean() }),
  points: z.array(z.object({ price_tokens: finite, enrollments: finite, enrollments_ci95: interval, revenue_tokens: finite, revenue_ci95: interval })),
  /** Of the highest expected revenue on the curve. */
  best_price_tokens: finite,
  /** Prices that the course has had in the data. */
  supported: interval,
});
export type Curve = z.infer<typeof curveSchema>;

/** Learners of a segment at the last cut-off whose windows have passed. */
export const segmentRowSchema = z.object({
  segment: z.enum(segments),
  learners: count,
  /** Means. */
  scores: z.record(z.enum(dimensions), finite),
  risk: z.array(z.object({ level: z.enum(riskLevels), learners: count })),
  /** What came of it; null where the windows have not passed, or there is nobody. */
  enrolled_share: finite.nullable(),
  churned_share: finite.nullable(),
  /** Of all of them, so far. */
  spent_tokens: finite,
  /** Of all of them, expected within a year. */
  lifetime_tokens: finite,
});
export type SegmentRow = z.infer<typeof segmentRowSchema>;

/** What a notebook would show of a run: empty or null as far as the run did not come, or the family has no such thing. */
export const analysisSchema = z.object({
  histograms: z.array(histogramSchema),
  correlation: correlationSchema.nullable(),
  trend: trendSchema.nullable(),
  drift: z.array(driftSchema),
  categories: z.array(categoryRowSchema),
  prices: pricesSchema.nullable(),
  elasticity: z.object({ global: elasticityEstimateSchema, tau_category: finite, tau_course: finite }).nullable(),
  residuals: residualsSchema.nullable(),
  calibration: z.array(calibrationSchema),
  curves: z.array(curveSchema),
  /** Hottest first. */
  segments: z.array(segmentRowSchema).default([]),
});
export type Analysis = z.infer<typeof analysisSchema>;

export const noAnalysis: Analysis = { histograms: [], correlation: null, trend: null, drift: [], categories: [], prices: null, elasticity: null, residuals: null, calibration: [], curves: [], segments: [] };
