import { z } from "zod";
import { difficultySchema, idSchema, qualityTierSchema, timeSchema, tokensSchema } from "./fields.ts";

/** The largest event that is accepted, in bytes of JSON. */
export const EVENT_BYTES_MAX = 64 * 1024;
/** How far an event's time may lie after the broker's timestamp. */
export const EVENT_FUTURE_MAX_MS = 5 * 60_000;

const envelope = { id: idSchema, time: timeSchema, known_at: timeSchema.optional() };

function event<Type extends string, Shape extends z.ZodRawShape>(type: Type, shape: Shape) {
  return z.object({ ...envelope, type: z.literal(type), ...shape });
}

const jitterSchema = z.object({
  /** The price before the random part, in tokens; not rounded. */
  base: z.number().positive().max(1e9),
  /** Standard deviation of the log-normal jitter. */
  sigma: z.number().min(0).max(1),
  /** Exact probability of the integer price that rounding gave. */
  probability: z.number().min(0).max(1),
});

const learnerCourse = { learner_id: idSchema, course_id: idSchema };
const learnerAmount = { learner_id: idSchema, amount: tokensSchema, course_id: idSchema.optional() };
const learnerActivity = {
  learner_id: idSchema,
  course_id: idSchema.optional(),
  minutes: z.number().min(0).max(1440).optional(),
  submitted: z.boolean().optional(),
  score: z.number().min(0).max(1).optional(),
  rating: z.number().min(1).max(5).optional(),
};

/** Every event type of EVENTS. Unknown fields are dropped; an unknown type is a dead letter. */
export const eventSchemas = {
  "course.upserted": event("course.upserted", {
    course_id: idSchema,
    teacher_id: idSchema,
    category: idSchema,
    difficulty_level: difficultySchema,
    quality_tier: qualityTierSchema,
    base_price: tokensSchema.min(1),
    launched_at: timeSchema,
    title: z.string().max(200).optional(),
    prerequisites: z.array(idSchema).max(50).optional(),
  }),
  "course.repriced": event("course.repriced", { course_id: idSchema, price: tokensSchema.min(1), jitter: jitterSchema.optional() }),
  "learner.upserted": event("learner.upserted", {
    learner_id: idSchema,
    registered_at: timeSchema,
    country: z.string().max(2).optional(),
    attributes: z.record(z.string().max(64), z.union([z.string().max(200), z.number(), z.boolean()])).optional(),
  }),
  "learner.erased": event("learner.erased", { learner_id: idSchema }),
  "teacher.upserted": event("teacher.upserted", {
    teacher_id: idSchema,
    quality_score: z.number().min(0).max(1).optional(),
    min_price: tokensSchema.optional(),
    max_price: tokensSchema.optional(),
  }),
  "exposure.viewed": event("exposure.viewed", { ...learnerCourse, price: tokensSchema, quote_id: idSchema.optional() }),
  "enrollment.created": event("enrollment.created", { enrollment_id: idSchema, ...learnerCourse, price: tokensSchema, quote_id: idSchema.optional() }),
  "enrollment.completed": event("enrollment.completed", { enrollment_id: idSchema, ...learnerCourse }),
  "enrollment.dropped": event("enrollment.dropped", { enrollment_id: idSchema, ...learnerCourse }),
  "enrollment.refunded": event("enrollment.refunded", { enrollment_id: idSchema, ...learnerCourse }),
  "token.purchased": event("token.purchased", learnerAmount),
  "token.earned": event("token.earned", learnerAmount),
  "token.spent": event("token.spent", learnerAmount),
  "token.refunded": event("token.refunded", learnerAmount),
  "token.expired": event("token.expired", learnerAmount),
  "activity.session": event("activity.session", learnerActivity),
  "activity.assignment": event("activity.assignment", learnerActivity),
  "activity.forum": event("activity.forum", learnerActivity),
  "activity.rating": event("activity.rating", { ...learnerActivity, rating: z.number().min(1).max(5) }),
  "market.competitor_price": event("market.competitor_price", { category: idSchema, price: tokensSchema.min(1), course_id: idSchema.optional() }),
} as const;

export type EventType = keyof typeof eventSchemas;
export type EventOf<Type extends EventType> = z.infer<(typeof eventSchemas)[Type]>;
export type Event = { [Type in EventType]: EventOf<Type> }[EventType];

export const eventTypes = Object.keys(eventSchemas) as EventType[];

export function isEventType(type: unknown): type is EventType {
  return typeof type === "string" && Object.hasOwn(eventSchemas, type);
}

/**
 * An accepted event with what the stream adds. `known_at_ms` is when the platform knew it: the broker's timestamp,
 * or for backfilled history its own `known_at` (default: its time).
 */
export interface StreamEvent {
  readonly sequence: number;
  readonly broker_time_ms: number;
  readonly event_time_ms: number;
  readonly known_at_ms: number;
  readonly event: Event;
}
