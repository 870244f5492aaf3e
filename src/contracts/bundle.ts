import { z } from "zod";
import { decodeDoubles } from "../lib/doubles.ts";
import { degradedReasons, intervalSchema, waterfallStepSchema } from "./api.ts";
import { idSchema } from "./fields.ts";
import { objectiveSchema, roundingSchema } from "./policy.ts";

export const BUNDLE_PARTS_MAX = 20;
const twoToTwenty = `must name 2 to ${BUNDLE_PARTS_MAX} courses`;

export const bundleBodySchema = z.object({
  course_ids: z
    .array(idSchema)
    .min(2, twoToTwenty)
    .max(BUNDLE_PARTS_MAX, twoToTwenty)
    .refine((ids) => new Set(ids).size === ids.length, "names a course twice"),
  /** Courses that the learner has are left out; the price is nobody's own. */
  learner_id: idSchema.optional(),
});
export type BundleBody = z.infer<typeof bundleBodySchema>;

const doublesSchema = z.string().refine((text) => decodeDoubles(text) !== undefined, "must be base64 of 8-byte doubles");

/** One course of a bundle, as it enters the price. */
const bundlePartInputsSchema = z.object({
  course_id: z.string(),
  price: z.int().min(1),
  cost_tokens: z.number().min(0),
  floor_tokens: z.int().min(0),
  /** The course's demand posterior around its price (src/pricing/quadrature.ts). */
  slopes: doublesSchema,
  odds: doublesSchema,
});

/** Everything that a bundle's price is a function of: replaying it needs neither model nor policy. */
export const bundleInputsSchema = z.object({
  /** In the order of their ids: the order that a caller names them in says nothing. */
  parts: z.array(bundlePartInputsSchema).min(2).max(BUNDLE_PARTS_MAX),
  /** Correlations of log willingness to pay, row-major, and what they were estimated from. */
  correlations: doublesSchema,
  co_enrollments: z.int().min(0),
  learners: z.int().min(0),
  objective: objectiveSchema,
  revenue_floor_share: z.number().min(0).max(1),
  /** Pull of the bundle's own optimum against the sum of its parts, in log price. */
  weight: z.number().min(0).max(1),
  /** Share of the sum of the parts. */
  max_discount: z.number().min(0).max(1),
  rounding: roundingSchema,
  policy_version: z.string(),
  model: z.string(),
  degraded: z.array(z.enum(degradedReasons)),
});
export type BundleInputs = z.infer<typeof bundleInputsSchema>;

const figureSchema = z.object({ value: z.number(), interval: intervalSchema });

export const bundleAnswerSchema = z.object({
  quote_id: z.string(),
  /** Those that the price is for. */
  course_ids: z.array(z.string()),
  /** Those that the learner has already. */
  left_out: z.array(z.string()),
  parts: z.array(z.object({ course_id: z.string(), price: z.int(), /** Share of its viewers that the course converts alone. */ conversion: z.number() })),
  price: z.int(),
  sum_of_parts: z.int(),
  discount_pct: z.number(),
  price_range: z.object({ min: z.int(), max: z.int() }),
  /** Per learner who sees the offer, with 95 % intervals from what is not known of the courses' demand. Tokens; with objective `margin` less costs. */
  expected: z.object({
    conversion: z.number(),
    courses: z.number(),
    revenue: figureSchema,
    revenue_without_bundle: z.number(),
    increase: figureSchema,
    increase_pct: z.number(),
  }),
  /** Mean over the pairs, and how many learners took two of the courses. */
  correlation: z.object({ mean: z.number(), co_enrollments: z.int(), learners: z.int() }),
  waterfall: z.array(waterfallStepSchema),
  reasoning: z.string(),
  model: z.string(),
  policy: z.string(),
  degraded: z.array(z.enum(degradedReasons)).optional(),
});
export type BundleAnswer = z.infer<typeof bundleAnswerSchema>;

export const bundleRecordSchema = z.object({
  id: z.string(),
  kind: z.literal("bundle"),
  decided_at: z.string(),
  inputs: bundleInputsSchema,
  price: z.int(),
  /** SHA-256 of the answer's JSON for nobody in particular, hex. */
  answer_digest: z.string(),
});
export type BundleRecord = z.infer<typeof bundleRecordSchema>;
