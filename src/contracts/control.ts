import { z } from "zod";
import { idSchema, timeSchema } from "./fields.ts";

/** CONTROL messages that this version folds. Others are kept in the stream and ignored. */
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
});
export type ModelPromoted = z.infer<typeof modelPromotedSchema>;
