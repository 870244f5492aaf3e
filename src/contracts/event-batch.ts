import { z } from "zod";
import { deadLetterReasons } from "./dead-letter.ts";
import { idSchema } from "./fields.ts";
import { problemSchema } from "./problem.ts";

/** The most events that one POST /events may carry. */
export const EVENT_BATCH_MAX = 1_000;
/** The largest body of POST /events, in bytes. */
export const EVENT_BATCH_BYTES_MAX = 4 * 1024 * 1024;

/** What became of one event. `duplicate`: an event with this id was stored before; `sequence` is where. */
export const eventVerdictSchema = z.object({
  /** Null when the event has none that is valid. */
  id: idSchema.nullable(),
  status: z.enum(["accepted", "duplicate", "rejected"]),
  /** In EVENTS; absent when rejected. */
  sequence: z.int().positive().optional(),
  /** Why it was rejected: what a dead letter of it would say. */
  reason: z.enum(deadLetterReasons).optional(),
  field: z.string().optional(),
  detail: z.string().optional(),
});
export type EventVerdict = z.infer<typeof eventVerdictSchema>;

export const eventBatchAnswerSchema = z.object({
  accepted: z.int(),
  duplicates: z.int(),
  rejected: z.int(),
  /** One for each event, in the order of the body. */
  results: z.array(eventVerdictSchema),
});
export type EventBatchAnswer = z.infer<typeof eventBatchAnswerSchema>;

/** The problem that answers a batch of which nothing could be accepted. */
export const eventBatchProblemSchema = problemSchema.extend(eventBatchAnswerSchema.shape);
