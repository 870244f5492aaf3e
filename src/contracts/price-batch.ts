import { z } from "zod";
import { degradedReasons } from "./api.ts";
import { idSchema } from "./fields.ts";
import { objectiveSchema } from "./policy.ts";

export const PRICE_BATCH_MAX = 500;

export const priceBatchBodySchema = z.object({
  course_ids: z.array(idSchema).min(1).max(PRICE_BATCH_MAX, `must be at most ${PRICE_BATCH_MAX} courses`),
  objective: objectiveSchema.optional(),
});
export type PriceBatchBody = z.infer<typeof priceBatchBodySchema>;

/** What POST /optimize_price answers for the course, in short: the whole answer is its decision's, `quote_id`. */
export const batchRowSchema = z.object({
  course_id: z.string(),
  quote_id: z.string(),
  current_price: z.int(),
  optimal_price: z.int(),
  increase_pct: z.number(),
  confidence: z.number().min(0).max(1),
  risk: z.enum(["low", "medium", "high"]),
  degraded: z.array(z.enum(degradedReasons)).optional(),
});
export type BatchRow = z.infer<typeof batchRowSchema>;

export const priceBatchAnswerSchema = z.object({
  /** Of the batch's own record, which names the decisions of its rows. */
  batch_id: z.string(),
  /** In the order asked for, without those that are not known. */
  prices: z.array(batchRowSchema),
  unknown_courses: z.array(z.string()),
  /** Age of the newest event in the record of the course whose newest event is oldest. */
  freshness_ms: z.number(),
});
export type PriceBatchAnswer = z.infer<typeof priceBatchAnswerSchema>;

/** A batch's decision: `id` is the SHA-256 of what it decided (first 128 bits, hex). The decisions that it names are recorded as any other is. */
export const batchRecordSchema = z.object({
  id: z.string(),
  kind: z.literal("batch"),
  decided_at: z.string(),
  /** EVENTS sequence that the feature store had reached. */
  cursor_sequence: z.int(),
  decisions: z.array(z.string()),
  unknown_courses: z.array(z.string()),
  /** SHA-256 of the rows' JSON, hex. */
  rows_digest: z.string(),
});
export type BatchRecord = z.infer<typeof batchRecordSchema>;
