import { z } from "zod";
import { idSchema, timeSchema } from "./fields.ts";

/**
 * CONTROL messages that this version folds. Others are kept in the stream and ignored. The last one of a family is its whole state: a rollback, a pin and
 * a release are promotions too.
 */
export const modelPromotedSchema = z.object({
  type: z.literal("model.promoted"),
  time: timeSchema,
  family: idSchema,
  /** Name of the artifact in the MODELS object store. */
  artifact: z.string().min(1).max(200),
  /** SHA-256 of the artifact's bytes, hex. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  version: z.string().min(1).max(100),
  reason: z.string().max(1000),
  /** Replaced only by hand. */
  pinned: z.boolean().optional(),
  /** The run that made the artifact, when, and the seconds that each candidate took: not in the artifact, whose bytes depend on data, seed and code alone. */
  run_id: idSchema.optional(),
  trained_at: timeSchema.optional(),
  training_seconds: z.record(z.string().max(64), z.number().min(0)).optional(),
});
export type ModelPromoted = z.infer<typeof modelPromotedSchema>;
