import { z } from "zod";
import { metricsSchema } from "./artifact.ts";
import { difficultySchema, idSchema, qualityTierSchema, TOKENS_MAX } from "./fields.ts";
import { objectiveSchema } from "./policy.ts";

/** The largest request body, in bytes. */
export const BODY_BYTES_MAX = 64 * 1024;

const anyPrice = `must be a whole number of tokens from 1 to ${TOKENS_MAX}`;
const priceSchema = z.int(anyPrice).min(1, anyPrice).max(TOKENS_MAX, anyPrice);

/** A course that the engine has not seen: priced from its category. */
export const courseFeaturesSchema = z.object({
  category: idSchema,
  base_price: priceSchema,
  difficulty_level: difficultySchema.optional(),
  quality_tier: qualityTierSchema.optional(),
});
export type CourseFeatures = z.infer<typeof courseFeaturesSchema>;

const courseReference = { course_id: idSchema.optional(), course_features: courseFeaturesSchema.optional() };
const oneCourse = (body: { course_id?: string | undefined; course_features?: CourseFeatures | undefined }): boolean =>
  body.course_id !== undefined || body.course_features !== undefined;
const oneCourseError = { message: "course_id or course_features is required", path: ["course_id"] };

export const optimizeBodySchema = z
  .object({
    ...courseReference,
    current_price: priceSchema.optional(),
    current_enrollments: z.number().min(0).max(1e9).optional(),
    objective: objectiveSchema.optional(),
  })
  .refine(oneCourse, oneCourseError);
export type OptimizeBody = z.infer<typeof optimizeBodySchema>;

export const predictBodySchema = z
  .object({
    ...courseReference,
    price_points: z.array(priceSchema).min(1).max(100),
    horizon_days: z.int().min(1).max(365).optional(),
  })
  .refine(oneCourse, oneCourseError);
export type PredictBody = z.infer<typeof predictBodySchema>;

export const intervalSchema = z.object({ low: z.number(), high: z.number() });
export type Interval = z.infer<typeof intervalSchema>;

export const waterfallStepSchema = z.object({
  step: z.enum(["base", "strategy", "model", "personal", "exploration", "guardrail", "rounding"]),
  name: z.string(),
  price: z.number(),
  reason: z.string(),
  /** Expected tokens over the horizon that a binding guardrail costs. */
  cost_tokens: z.number().optional(),
});
export type WaterfallStep = z.infer<typeof waterfallStepSchema>;

export const elasticityAnswerSchema = z.object({
  value: z.number(),
  type: z.enum(["elastic", "inelastic", "unit"]),
  ci95: z.tuple([z.number(), z.number()]),
  /** Where it comes from: `course` (own data dominates), `category`, `global` or `prior`. */
  source: z.string(),
});
export type ElasticityAnswer = z.infer<typeof elasticityAnswerSchema>;

/** Whose views the expected volume comes from: the course's own, its category's average course, or the caller's enrollments. */
export const volumeSourceSchema = z.enum(["course", "category", "caller"]);
export type VolumeSource = z.infer<typeof volumeSourceSchema>;

/** A price drawn at random: around which price, and with what probability it came out as it did. */
export const priceExplorationSchema = z.object({
  kind: z.enum(["jitter", "thompson"]),
  /** What the price would have been without the draw, before rounding. */
  pre_price: z.number(),
  /** Standard deviation of the draw in log price; only of jitter. */
  sigma: z.number().optional(),
  probability: z.number().min(0).max(1),
});
export type PriceExploration = z.infer<typeof priceExplorationSchema>;

/** `features_unavailable`: the feature store is away, and the price is the last one that was computed for the same question. */
export const degradedReasons = ["no_model", "broker_unreachable", "features_stale", "features_unavailable", "not_converged"] as const;
export type DegradedReason = (typeof degradedReasons)[number];

export const optimizeAnswerSchema = z.object({
  quote_id: z.string(),
  course_id: z.string().nullable(),
  current_price: z.int(),
  optimal_price: z.int(),
  price_range: z.object({ min: z.int(), max: z.int(), recommended: z.int() }),
  discount_pct: z.number(),
  expected: z.object({
    horizon_days: z.int(),
    current_revenue: z.number(),
    optimized_revenue: z.number(),
    increase_pct: z.number(),
    current_enrollments: z.number(),
    optimized_enrollments: z.number(),
    volume: volumeSourceSchema,
    /** 95 % intervals of the optimised revenue, of the current price's, and of the optimised enrollments. */
    interval: intervalSchema,
    current_interval: intervalSchema,
    enrollments_interval: intervalSchema,
    /** Revenue less the cost of the enrollments, where margin is the objective. */
    current_margin: z.number().optional(),
    optimized_margin: z.number().optional(),
  }),
  elasticity: elasticityAnswerSchema,
  recommendation: z.object({
    action: z.enum(["increase", "decrease", "hold"]),
    confidence: z.number().min(0).max(1),
    risk: z.enum(["low", "medium", "high"]),
  }),
  strategies: z.array(z.object({ name: z.string(), price: z.number(), weight: z.number(), reason: z.string() })),
  waterfall: z.array(waterfallStepSchema),
  reasoning: z.string(),
  /** Where the price was drawn. */
  exploration: priceExplorationSchema.optional(),
  model: z.string(),
  policy: z.string(),
  /** Age of the newest event in the course's record, by wall clock. */
  freshness_ms: z.number(),
  degraded: z.array(z.enum(degradedReasons)).optional(),
});
export type OptimizeAnswer = z.infer<typeof optimizeAnswerSchema>;

export const predictAnswerSchema = z.object({
  course_id: z.string().nullable(),
  horizon_days: z.int(),
  predictions: z.array(
    z.object({
      price: z.int(),
      enrollments: z.number(),
      interval80: intervalSchema,
      interval95: intervalSchema,
      revenue: z.number(),
      revenue_interval: intervalSchema,
    }),
  ),
  volume: volumeSourceSchema,
  revenue_scenarios: z.object({ pessimistic: z.number(), expected: z.number(), optimistic: z.number() }),
  best_price: z.int(),
  /** Prices with evidence behind them; outside, the prior extrapolates. */
  supported_range: z.object({ min: z.int(), max: z.int() }),
  model: z.string(),
  freshness_ms: z.number(),
  degraded: z.array(z.enum(degradedReasons)).optional(),
});
export type PredictAnswer = z.infer<typeof predictAnswerSchema>;

const learnerCourse = /^[A-Za-z0-9_-]{1,64}\/[A-Za-z0-9_-]{1,64}$/;

/** How each entity that has features is named in a URL. */
export const entityIdSchemas = {
  course: idSchema,
  category: idSchema,
  learner: idSchema,
  teacher: idSchema,
  learner_course: z.string().regex(learnerCourse, "must be <learner_id>/<course_id>"),
  platform: z.string().regex(/^\d{4}-\d{2}-\d{2}$/, "must be a UTC day, such as 2026-01-31"),
  /** That of the course. */
  price_history: idSchema,
} as const;

const featureDefinitionSchema = z.object({
  entity: z.string(),
  name: z.string(),
  unit: z.string(),
  description: z.string(),
  /** Event types that change it. */
  events: z.array(z.string()),
  aggregators: z.array(z.string()),
  /** Empty: no window. */
  windows_ms: z.array(z.number()),
  /** How late an event may come and still count; null = for ever. */
  lateness_ms: z.number().nullable(),
  /** The value where nothing is known. */
  default: z.number(),
  /** Whether it says something about a person. */
  personal: z.boolean(),
});

export const featuresAnswerSchema = z.object({ features: z.array(featureDefinitionSchema) });
export type FeaturesAnswer = z.infer<typeof featuresAnswerSchema>;

export const entityFeaturesAnswerSchema = z.object({
  entity: z.string(),
  id: z.string(),
  /** EVENTS sequence of the record's last change. */
  sequence: z.int(),
  /** Latest event time in the record. */
  updated_at: z.string(),
  age_ms: z.number(),
  features: z.record(z.string(), z.number()),
});
export type EntityFeaturesAnswer = z.infer<typeof entityFeaturesAnswerSchema>;

const candidateInfoSchema = z.object({
  name: z.string(),
  champion: z.boolean(),
  metrics: metricsSchema,
  elasticity: z.number(),
  feature_importance: z.record(z.string(), z.number()),
  backend: z.string(),
  /** null where the promotion does not say. */
  training_seconds: z.number().nullable(),
});

/** Families of models that answer, the one that prices come from first. */
export const modelInfoQuerySchema = z.object({ family: z.enum(["elasticity", "propensity"], "must be elasticity or propensity").default("elasticity") });

export const modelInfoAnswerSchema = z.object({
  family: z.string(),
  version: z.string(),
  digest: z.string(),
  champion: z.string(),
  candidates: z.array(candidateInfoSchema),
  elasticity_coefficient: z.object({ value: z.number(), ci95: z.tuple([z.number(), z.number()]), identified: z.boolean(), source: z.string() }),
  run_id: z.string().nullable(),
  /** Replaced only by hand. */
  pinned: z.boolean(),
  trained_at: z.string().nullable(),
  data_range: z.object({ from: z.string(), to: z.string(), first_sequence: z.int(), last_sequence: z.int() }),
  training_seconds: z.number().nullable(),
});
export type ModelInfoAnswer = z.infer<typeof modelInfoAnswerSchema>;

export const healthAnswerSchema = z.object({
  status: z.enum(["ok", "degraded", "unavailable"]),
  uptime_s: z.number(),
  version: z.string(),
  model: z.string().nullable(),
  broker: z.enum(["connected", "disconnected"]),
  features: z.object({
    available: z.boolean(),
    sequence: z.int(),
    lag_events: z.int().nullable(),
    /** The greatest event time folded, and the greatest broker's timestamp of an event folded; null before the first event. */
    watermark: z.object({ event_time: z.string(), broker_time: z.string() }).nullable(),
  }),
  decisions: z.object({ recorded: z.int(), pending: z.int(), dropped: z.int() }),
  degraded: z.array(z.enum(degradedReasons)),
});
export type HealthAnswer = z.infer<typeof healthAnswerSchema>;
