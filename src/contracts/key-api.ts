import { z } from "zod";
import { changeFields } from "./change.ts";
import { roleSchema } from "./control.ts";
import { idSchema } from "./fields.ts";

/** Requests a second that one key may be let make. */
const rate = z.number().positive().max(1e6);

export const keyCreateBodySchema = z.object({
  role: roleSchema.default("price"),
  /** What it is for, as histories show it; the role unless said. */
  name: z.string().trim().min(1).max(100).optional(),
  /** It speaks for one person alone. */
  learner_id: idSchema.optional(),
  teacher_id: idSchema.optional(),
  rate_per_s: rate.optional(),
  reason: changeFields.reason,
});

export const keyRevokeQuerySchema = z.object({ reason: changeFields.reason });

/** A key without what proves it, which is kept nowhere. */
export const keySummarySchema = z.object({
  key_id: z.string(),
  name: z.string(),
  role: roleSchema,
  learner_id: z.string().nullable(),
  teacher_id: z.string().nullable(),
  /** null: what every key may. */
  rate_per_s: z.number().nullable(),
  created: z.string(),
  author: z.string(),
  /** When it was revoked; null: it is in force. */
  revoked: z.string().nullable(),
});
export type KeySummary = z.infer<typeof keySummarySchema>;

export const keyListAnswerSchema = z.object({ keys: z.array(keySummarySchema) });
/** `key` is shown this once. */
export const keyCreatedAnswerSchema = z.object({ key: z.string(), ...keySummarySchema.shape });
