import { z } from "zod";
import { changeFields } from "./change.ts";
import { idSchema, timeSchema, tokensSchema } from "./fields.ts";

const price = tokensSchema.min(1);
const quote_id = idSchema.optional();

/** Body of POST /courses/{id}/price. */
export const priceActionBodySchema = z.discriminatedUnion("action", [
  /** Becomes the list price; outside the teacher's band it becomes a proposal. */
  z.object({ action: z.literal("accept"), price, quote_id, ...changeFields }),
  /** Waits for an approval, whatever the band. */
  z.object({ action: z.literal("propose"), price, quote_id, ...changeFields }),
  /** The proposal that waits becomes the list price; `price` says which one was looked at. */
  z.object({ action: z.literal("approve"), price, ...changeFields }),
  /** Takes back the proposal, and whatever is scheduled, at this price; nothing applies it by itself for a while. */
  z.object({ action: z.literal("reject"), price, quote_id, ...changeFields }),
  /** Becomes the list price at its time, if it keeps the policy's rules then. */
  z.object({ action: z.literal("schedule"), price, at: timeSchema, quote_id, ...changeFields }),
]);
export type PriceAction = z.infer<typeof priceActionBodySchema>;

export const priceActionAnswerSchema = z.object({
  course_id: z.string(),
  outcome: z.enum(["accepted", "proposed", "rejected", "scheduled"]),
  price: z.int(),
  /** Of CONTROL, for `expected_sequence`. */
  sequence: z.int(),
  /** Id of the `course.repriced` that follows, now or at its time; null: none does. */
  event_id: z.string().nullable(),
  /** Why a price that was to be accepted waits for approval. */
  detail: z.string().optional(),
});
export type PriceActionAnswer = z.infer<typeof priceActionAnswerSchema>;

export const PRICE_CHANGES_MAX = 1_000;
const limitHint = `must be a whole number from 1 to ${PRICE_CHANGES_MAX}`;
export const priceChangesQuerySchema = z.object({ limit: z.string().regex(/^\d{1,4}$/, limitHint).transform(Number).pipe(z.int().min(1, limitHint).max(PRICE_CHANGES_MAX, limitHint)).default(50) });

export const priceChangesAnswerSchema = z.object({
  course_id: z.string(),
  list_price: z.int(),
  /** When a list price was set last, by whomever; null: never. */
  list_price_since: z.string().nullable(),
  policy: z.string(),
  /** Prices that would be accepted now, but for the cool-down, and those of them that need no approval. */
  allowed: z.object({ min: z.int(), max: z.int() }),
  teacher_band: z.object({ min_price: z.number().nullable(), max_price: z.number().nullable() }).nullable(),
  /** Until when the price stays; null: it may change now. */
  cooling_down_until: z.string().nullable(),
  proposal: z.object({ sequence: z.int(), price: z.int(), author: z.string(), reason: z.string(), time: z.string() }).nullable(),
  scheduled: z.array(z.object({ sequence: z.int(), price: z.int(), at: z.string() })),
  sequence: z.int(),
  /** Newest first. */
  changes: z.array(
    z.object({
      sequence: z.int(),
      type: z.string(),
      price: z.int(),
      author: z.string(),
      reason: z.string(),
      time: z.string(),
      at: z.string().optional(),
      quote_id: z.string().optional(),
      /** What was recommended when it was decided: another price was set by hand. */
      recommended: z.int().optional(),
      automatic: z.boolean().optional(),
      event_id: z.string().nullable(),
    }),
  ),
  /** How many there are, of which the newest are kept. */
  total: z.int(),
});
export type PriceChangesAnswer = z.infer<typeof priceChangesAnswerSchema>;
