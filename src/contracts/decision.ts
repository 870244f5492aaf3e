import { z } from "zod";
import { decodeDoubles } from "../lib/doubles.ts";
import { courseFeaturesSchema } from "./api.ts";
import { policySchema } from "./policy.ts";

/** Doubles as base64 of their bytes, little end first (src/lib/doubles.ts). */
const doublesSchema = z.string().refine((text) => decodeDoubles(text) !== undefined, "must be base64 of 8-byte doubles");

/**
 * Everything that a course-level price is a function of, and the price. Replaying `inputs` through the artifact and
 * policy named here gives `answer` again, byte for byte. `id` is the SHA-256 of the canonical inputs (first 128 bits,
 * hex), so identical inputs share one decision, recorded once.
 */
export const decisionInputsSchema = z.object({
  course_id: z.string().nullable(),
  course_features: courseFeaturesSchema.nullable(),
  /** Time that the features were read at, ms: the start of the course's current minute, so that calls within one share a decision. */
  now_ms: z.number(),
  /** Course features in the order of the course view, and the occupied demand cells as x, exposures, enrollments. */
  features: doublesSchema,
  cells: doublesSchema,
  category: z.string(),
  updated_at_ms: z.number(),
  current_price: z.int(),
  current_enrollments: z.number().nullable(),
  objective: z.enum(["revenue", "enrollments"]),
  model_digest: z.string().nullable(),
  policy_version: z.string(),
  /** EVENTS sequence at which the course record was last changed. */
  record_sequence: z.int(),
  degraded: z.array(z.string()),
});
export type DecisionInputs = z.infer<typeof decisionInputsSchema>;

export const decisionRecordSchema = z.object({
  id: z.string(),
  kind: z.literal("course"),
  decided_at: z.string(),
  /** EVENTS sequence that the feature store had reached. Informative: not part of the identity. */
  cursor_sequence: z.int(),
  policy: policySchema,
  inputs: decisionInputsSchema,
  optimal_price: z.int(),
  /** SHA-256 of the answer's JSON without freshness_ms, hex. */
  answer_digest: z.string(),
});
export type DecisionRecord = z.infer<typeof decisionRecordSchema>;
