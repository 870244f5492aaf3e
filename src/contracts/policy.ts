import { z } from "zod";
import { tokensSchema } from "./fields.ts";

const weight = z.number().min(0).max(1);

/** What a price may do. The document that is in force is named in every decision by its version. */
export const policySchema = z.object({
  version: z.string().min(1).max(100),
  objective: z.enum(["revenue", "enrollments"]),
  /** How much each strategy's proposal pulls on the target, in log price, relative to the others that propose. */
  weights: z.object({ elasticity: weight, competitive: weight }),
  grid: z.object({
    /** The grid spans price / span … price · span, cut by floor and ceiling; the step is a guardrail after it. */
    span: z.number().min(1).max(10),
    points: z.int().min(2).max(512),
  }),
  floor_tokens: tokensSchema.min(1),
  ceiling_tokens: tokensSchema.min(1),
  /** Largest |Δ log price| of one change, or one token where that is more; 0 forbids every change. */
  step_log_max: z.number().min(0).max(2),
  /** Hold the price when the probability of losing more than `hold_loss` of revenue exceeds this. */
  hold_probability: z.number().min(0).max(1),
  hold_loss: z.number().min(0).max(1),
  horizon_days: z.int().min(1).max(365),
  /** Answers are marked as degraded once the fold is behind its stream and has not moved for longer than this. */
  stale_after_ms: z.number().positive(),
});
export type Policy = z.infer<typeof policySchema>;

export const defaultPolicy: Policy = policySchema.parse({
  version: "default-1",
  objective: "revenue",
  weights: { elasticity: 0.85, competitive: 0.15 },
  grid: { span: 2, points: 64 },
  floor_tokens: 1,
  ceiling_tokens: 100_000,
  step_log_max: 0.1,
  hold_probability: 0.1,
  hold_loss: 0.05,
  horizon_days: 30,
  stale_after_ms: 10_000,
});
