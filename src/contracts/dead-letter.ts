import { z } from "zod";
import { timeSchema } from "./fields.ts";

export const deadLetterReasons = ["not_json", "too_large", "unknown_type", "invalid_field", "time_in_future", "subject_mismatch"] as const;

/** What the DLQ stream holds: why a message was refused, and the message itself, byte for byte. */
export const deadLetterSchema = z.object({
  stream: z.string(),
  sequence: z.int().positive(),
  subject: z.string(),
  broker_time_ms: z.number(),
  reason: z.enum(deadLetterReasons),
  /** The field at fault, such as `price`, when there is one. */
  field: z.string().optional(),
  detail: z.string(),
  payload_base64: z.string(),
});
export type DeadLetter = z.infer<typeof deadLetterSchema>;
export type DeadLetterReason = DeadLetter["reason"];

/** What stands beside a dead letter whose message was published again. */
export const deadLetterRetrySchema = z.object({
  time: timeSchema,
  /** Sequence that the message has now, in its own stream. */
  sequence: z.int().positive(),
});
export type DeadLetterRetry = z.infer<typeof deadLetterRetrySchema>;
