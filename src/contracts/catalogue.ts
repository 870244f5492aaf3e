import { z } from "zod";
import { degradedReasons, elasticityAnswerSchema, intervalSchema, optimizeAnswerSchema, volumeSourceSchema } from "./api.ts";
import { idSchema } from "./fields.ts";

/** The most items on one page, and how many there are unless asked otherwise. */
export const PAGE_ITEMS_MAX = 500;
const PAGE_ITEMS = 100;
/** A page of categories holds all of them as long as there are no more. */
export const CATEGORIES_PAGE_MAX = 1_000;

/** Query parameters are text. */
function limitSchema(most: number, usual: number) {
  const allowed = `must be a whole number from 1 to ${most}`;
  return z
    .string()
    .regex(/^\d{1,4}$/, allowed)
    .transform(Number)
    .pipe(z.int().min(1, allowed).max(most, allowed))
    .default(usual);
}

/** What GET /courses sorts by; a minus before it: descending. */
export const courseOrders = ["id", "price", "enrollments", "exposures", "revenue", "conversion", "rating"] as const;
export type CourseOrder = (typeof courseOrders)[number];
const sortSchema = z
  .enum(courseOrders.flatMap((order) => [order, `-${order}` as const]), `must be one of ${courseOrders.join(", ")}, with a minus before it for descending`)
  .transform((text) => ({ by: courseOrders.find((order) => text === order || text === `-${order}`)!, descending: text.startsWith("-") }));

const cursorHint = "must be what `next` of the page before says";

export const coursesQuerySchema = z
  .object({
    limit: limitSchema(PAGE_ITEMS_MAX, PAGE_ITEMS),
    /** The place to go on after: a course_id in order of ids, else `<value>~<course_id>`. */
    after: z
      .string()
      .regex(/^(?:[\d.e+-]{1,32}~)?[A-Za-z0-9_-]{1,64}$/, cursorHint)
      .optional(),
    category: idSchema.optional(),
    teacher_id: idSchema.optional(),
    sort: sortSchema.default({ by: "id", descending: false }),
    with: z.literal("recommendation", "must be recommendation").optional(),
  })
  .transform(({ after, ...query }, context) => {
    const [course_id, value] = (after ?? "").split("~").toReversed();
    const fits = after === undefined || (query.sort.by === "id") === (value === undefined);
    if (fits && Number.isFinite(Number(value ?? 0))) return { ...query, after: after === undefined ? undefined : { value: Number(value ?? 0), course_id: course_id! } };
    context.addIssue({ code: "custom", message: cursorHint, path: ["after"] });
    return z.NEVER;
  });
export type CoursesQuery = z.output<typeof coursesQuerySchema>;

export const categoriesQuerySchema = z.object({ limit: limitSchema(CATEGORIES_PAGE_MAX, CATEGORIES_PAGE_MAX), after: idSchema.optional() });
export type CategoriesQuery = z.output<typeof categoriesQuerySchema>;

/** An elasticity as training estimated it from randomised prices. */
export const estimatedElasticitySchema = elasticityAnswerSchema.extend({
  /** Sales at randomised prices behind it. */
  sales: z.number(),
  /** False: not identified. Sales say nothing of it, and the value is what is believed of any other. */
  identified: z.boolean(),
});
export type EstimatedElasticity = z.infer<typeof estimatedElasticitySchema>;

const page = {
  /** Where the next page is; null on the last one. */
  next: z.string().nullable(),
  model: z.string(),
  degraded: z.array(z.enum(degradedReasons)).optional(),
};

const categoryItemSchema = z.object({
  category: z.string(),
  elasticity: estimatedElasticitySchema,
  courses: z.int(),
  /** Mean list price of its courses; null without any. */
  average_price: z.number().nullable(),
  /** Last one known of the category as a whole; null = unknown. */
  competitor_price: z.number().nullable(),
  /** average_price over competitor_price. */
  competitive_index: z.number().nullable(),
  enrollments_30d: z.int(),
  enrollments_90d: z.int(),
  exposures_30d: z.int(),
  exposures_90d: z.int(),
  revenue_30d_tokens: z.int(),
  revenue_90d_tokens: z.int(),
  /** Enrollments per exposure, at most 1. */
  conversion_30d: z.number(),
  conversion_90d: z.number(),
  /** Of the 30 days before the last 30. */
  enrollments_previous_30d: z.int(),
  /** (a − b)/(a + b) of the last 30 days' enrollments, a, and of those of the 30 days before, b: −1 stopped, 1 started; 0 without any. */
  trend: z.number(),
});
export type CategoryItem = z.infer<typeof categoryItemSchema>;

export const categoriesAnswerSchema = z.object({
  /** Of the whole platform. */
  elasticity: estimatedElasticitySchema,
  /** By name. */
  categories: z.array(categoryItemSchema),
  ...page,
});
export type CategoriesAnswer = z.infer<typeof categoriesAnswerSchema>;

/** What POST /optimize_price would answer now, in short. */
const shortRecommendationSchema = z.object({
  optimal_price: z.int(),
  /** Of expected revenue. */
  increase_pct: z.number(),
  ...optimizeAnswerSchema.shape.recommendation.shape,
  degraded: z.array(z.enum(degradedReasons)).optional(),
});
export type ShortRecommendation = z.infer<typeof shortRecommendationSchema>;

const courseItemSchema = z.object({
  course_id: z.string(),
  title: z.string().nullable(),
  /** null: no event has described the course yet. */
  category: z.string().nullable(),
  teacher_id: z.string().nullable(),
  list_price: z.int(),
  elasticity: estimatedElasticitySchema,
  enrollments_30d: z.int(),
  exposures_30d: z.int(),
  revenue_30d_tokens: z.int(),
  conversion_30d: z.number(),
  /** 1 to 5; null without any rating. */
  rating_mean: z.number().nullable(),
  ratings: z.int(),
  recommendation: shortRecommendationSchema.optional(),
});
export type CourseItem = z.infer<typeof courseItemSchema>;

export const coursesAnswerSchema = z.object({
  courses: z.array(courseItemSchema),
  /** When membership and order were read; absent in order of ids without a filter, which are read now. */
  indexed_at: z.string().optional(),
  ...page,
});
export type CoursesAnswer = z.infer<typeof coursesAnswerSchema>;

export const courseDetailSchema = z.object({
  course_id: z.string(),
  title: z.string().nullable(),
  prerequisites: z.array(z.string()),
  category: z.string().nullable(),
  teacher_id: z.string().nullable(),
  /** Prices that the teacher allows; null where none was given. */
  teacher_band: z.object({ min_price: z.int().nullable(), max_price: z.int().nullable() }).nullable(),
  list_price: z.int(),
  /** Every feature, by name; GET /features says what each means. */
  features: z.record(z.string(), z.number()),
  /** Prices that were set, oldest first: the latest 32 of `repricings`. */
  price_history: z.array(z.object({ time: z.string(), price: z.int() })),
  repricings: z.int(),
  /** As training estimated it, and as the course's demand says now, at the list price. */
  elasticity: z.object({ estimated: estimatedElasticitySchema, now: elasticityAnswerSchema }),
  /** Prices with evidence behind them; outside, the prior extrapolates. */
  supported_range: z.object({ min: z.int(), max: z.int() }),
  /** Demand and revenue over the policy's horizon, at every price that the recommendation was chosen from. */
  demand_curve: z.object({
    horizon_days: z.int(),
    volume: volumeSourceSchema,
    points: z.array(
      z.object({
        price: z.int(),
        enrollments: z.number(),
        interval80: intervalSchema,
        interval95: intervalSchema,
        revenue: z.number(),
        revenue_interval80: intervalSchema,
        revenue_interval95: intervalSchema,
      }),
    ),
  }),
  /** The decision that POST /optimize_price gives, under the same quote_id. */
  recommendation: optimizeAnswerSchema.omit({ freshness_ms: true }),
  /** EVENTS sequence of the course's last change, and the latest event time in its record. */
  sequence: z.int(),
  updated_at: z.string(),
  model: z.string(),
  policy: z.string(),
  degraded: z.array(z.enum(degradedReasons)).optional(),
  /** Age of the newest event in the course's record, by wall clock. */
  freshness_ms: z.number(),
});
export type CourseDetail = z.infer<typeof courseDetailSchema>;
