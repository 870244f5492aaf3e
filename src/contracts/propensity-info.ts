import { z } from "zod";
import { definitionSchema, dimensions } from "./propensity.ts";

const candidateSchema = z.object({
  name: z.string(),
  champion: z.boolean(),
  metrics: z.record(z.string(), z.number()),
  /** Why it may not serve; null: it may. */
  barred: z.string().nullable(),
});

/** The body of GET /model_info?family=propensity. */
export const propensityInfoAnswerSchema = z.object({
  family: z.string(),
  version: z.string(),
  digest: z.string(),
  dimensions: z.array(
    z.object({
      ...definitionSchema.shape,
      dimension: z.enum(dimensions),
      /** Which candidate serves. */
      champion: z.string(),
      /** Mean label; null of price sensitivity, which has none. */
      base_rate: z.number().nullable(),
      candidates: z.array(candidateSchema),
    }),
  ),
  run_id: z.string().nullable(),
  /** Replaced only by hand. */
  pinned: z.boolean(),
  trained_at: z.string().nullable(),
  data_range: z.object({ from: z.string(), to: z.string(), first_sequence: z.int(), last_sequence: z.int() }),
  rows: z.int(),
  training_seconds: z.number().nullable(),
});
export type PropensityInfoAnswer = z.infer<typeof propensityInfoAnswerSchema>;
