import { z } from "zod";
import { contactFrequencies, channels, interventions, offerTypes } from "./action-rules.ts";
import { intervalSchema } from "./api.ts";
import { idSchema } from "./fields.ts";
import { dimensions } from "./propensity.ts";
import { priorities, riskLevels, segments } from "./segments.ts";

/** The most learners of one POST /propensity_batch. */
export const BATCH_LEARNERS_MAX = 500;
export const RECOMMENDATIONS_MAX = 50;
const RECOMMENDATIONS = 10;

/** `no_propensity_model`: none was promoted, or none could be loaded yet, so the hand-weighted scores answer. */
export const scoreDegradedReasons = ["no_propensity_model", "broker_unreachable", "features_stale"] as const;
export type ScoreDegradedReason = (typeof scoreDegradedReasons)[number];

/** One thing that moves a score away from the average learner's. */
const driverSchema = z.object({
  /** The learner's feature, as GET /features names it. */
  feature: z.string(),
  value: z.number(),
  direction: z.enum(["raises", "lowers"]),
  /** By how much, in log-odds; of price sensitivity, in units of the effect. */
  effect: z.number(),
  /** The same in plain words. */
  text: z.string(),
});
export type Driver = z.infer<typeof driverSchema>;

const scoreSchema = z.object({
  score: z.number().min(0).max(1),
  /** 95 %. */
  interval: intervalSchema,
  /** Which model of the artifact says so. */
  model: z.string(),
  /** The strongest first. Left out of a batch unless asked for. */
  drivers: z.array(driverSchema).optional(),
});

const actionsSchema = z.object({
  /** Of the rule document. */
  rule: z.string(),
  discount_pct: z.number().min(0).max(100),
  /** Tokens that the discount is expected to gain over the scores' horizon, at an effect one standard error weaker than estimated. */
  discount_gain_tokens: z.number().min(0),
  contact_frequency: z.enum(contactFrequencies),
  channel: z.enum(channels),
  offer_type: z.enum(["discount", ...offerTypes]),
  intervention: z.enum(interventions),
});

export const learnerScoresSchema = z.object({
  learner_id: z.string(),
  /** Enrollment, churn, completion and upsell are probabilities; price sensitivity is the share of learners that are less sensitive. */
  scores: z.object(Object.fromEntries(dimensions.map((dimension) => [dimension, scoreSchema])) as Record<(typeof dimensions)[number], typeof scoreSchema>),
  segment: z.enum(segments),
  risk_level: z.enum(riskLevels),
  /** Tercile of value_at_risk_tokens among all learners. */
  priority: z.enum(priorities),
  /** Tokens that the learner is expected to bring over the horizon: P(enrollment) × usual price. */
  expected_tokens: z.number(),
  /** Of them what churn is expected to take, and what the best discount would add. */
  value_at_risk_tokens: z.number(),
  actions: actionsSchema,
  /** Nothing that the learner did is known: the scores say what learners are like of whom that holds. */
  cold_start: z.boolean(),
  /** Version of the artifact, or `none`. */
  model: z.string(),
  /** Version of the rule document. */
  rules: z.string(),
  /** EVENTS sequence of the learner's last change, and the latest event time in the record. */
  sequence: z.int(),
  updated_at: z.string(),
  /** Time that the features were read at. */
  scored_at: z.string(),
  degraded: z.array(z.enum(scoreDegradedReasons)).optional(),
  /** Age of the newest event in the learner's record, by wall clock. */
  freshness_ms: z.number(),
});
export type LearnerScoresAnswer = z.infer<typeof learnerScoresSchema>;

const idsHint = `must be 1 to ${BATCH_LEARNERS_MAX} ids of learners`;
export const propensityBatchBodySchema = z.object({
  /** Whatever is no id of a known learner is answered for itself. */
  learner_ids: z.array(z.string(), idsHint).min(1, idsHint).max(BATCH_LEARNERS_MAX, idsHint),
  /** Reasons of every score, too. */
  drivers: z.boolean().default(false),
});
export type PropensityBatchBody = z.output<typeof propensityBatchBodySchema>;

const itemErrorSchema = z.object({ learner_id: z.string(), error: z.object({ code: z.enum(["unknown_learner", "invalid_field"]), detail: z.string() }) });
export const propensityBatchAnswerSchema = z.object({
  scored: z.int(),
  failed: z.int(),
  /** One for each id, in the order of the body. */
  results: z.array(z.union([learnerScoresSchema, itemErrorSchema])),
});

const averagesSchema = z.object({
  ...(Object.fromEntries(dimensions.map((dimension) => [dimension, z.number()])) as Record<(typeof dimensions)[number], z.ZodNumber>),
  balance_tokens: z.number(),
  completion_rate: z.number(),
  expected_tokens: z.number(),
  value_at_risk_tokens: z.number(),
});

export const segmentsAnswerSchema = z.object({
  /** From hot to dormant. */
  segments: z.array(
    z.object({
      segment: z.enum(segments),
      learners: z.int(),
      share: z.number(),
      risk_levels: z.object({ low: z.int(), medium: z.int(), high: z.int() }),
      /** null without a learner. */
      averages: averagesSchema.nullable(),
    }),
  ),
  learners: z.int(),
  /** How many of them were scored: of more than some thousand an even sample, and sizes are estimated from it. */
  scored: z.int(),
  /** Value at risk above which priority is medium, and high. */
  priority_thresholds_tokens: z.object({ medium: z.number(), high: z.number() }),
  /** Signals of changed segments; null while the broker has not told of them. */
  movement: z
    .object({
      since: z.string(),
      /** `from` null: the first segment of a learner of whom nothing was known before. */
      moves: z.array(z.object({ from: z.enum(segments).nullable(), to: z.enum(segments), learners: z.int() })),
    })
    .nullable(),
  model: z.string(),
  /** When the learners were gone through. */
  as_of: z.string(),
  degraded: z.array(z.enum(scoreDegradedReasons)).optional(),
});
export type SegmentsAnswer = z.infer<typeof segmentsAnswerSchema>;

const limitHint = `must be a whole number from 1 to ${RECOMMENDATIONS_MAX}`;
export const recommendationsQuerySchema = z.object({
  limit: z.string().regex(/^\d{1,3}$/, limitHint).transform(Number).pipe(z.int().min(1, limitHint).max(RECOMMENDATIONS_MAX, limitHint)).default(RECOMMENDATIONS),
  category: idSchema.optional(),
});
export type RecommendationsQuery = z.output<typeof recommendationsQuerySchema>;

export const recommendationsAnswerSchema = z.object({
  learner_id: z.string(),
  /** The most valuable first. */
  recommendations: z.array(
    z.object({
      course_id: z.string(),
      title: z.string().nullable(),
      category: z.string().nullable(),
      /** Tokens that the course costs now. */
      price: z.int(),
      /** The learner's own price of the course, where one was quoted and can still be redeemed. */
      quote: z.object({ quote_id: z.string(), price: z.int(), expires_at: z.string() }).nullable(),
      /** Probability that the learner enrolls when shown the course. */
      enrollment_probability: z.number(),
      /** Expected tokens: probability × price, whatever was quoted, of which half counts for what the balance does not cover. */
      expected_value_tokens: z.number(),
      /** Share of what the learner would pay, the quoted price where there is one, that the balance covers. */
      affordability: z.number(),
      reason: z.string(),
    }),
  ),
  balance_tokens: z.number(),
  cold_start: z.boolean(),
  model: z.string(),
  /** When the courses to choose from were gone through. */
  indexed_at: z.string(),
});
export type RecommendationsAnswer = z.infer<typeof recommendationsAnswerSchema>;
export type Recommendation = RecommendationsAnswer["recommendations"][number];
