import { z } from "zod";
import { decodeDoubles } from "../lib/doubles.ts";
import { courseFeaturesSchema, priceExplorationSchema } from "./api.ts";
import { objectiveSchema } from "./policy.ts";

/** Whose bound it is: the whole policy's, its category's, the course's own, or the teacher's. */
const boundOwnerSchema = z.enum(["policy", "category", "course", "teacher"]);
export type BoundOwner = z.infer<typeof boundOwnerSchema>;

export const exposureKindSchema = z.enum(["views", "days_on_offer"]);
export type ExposureKind = z.infer<typeof exposureKindSchema>;

/** Doubles as base64 of their bytes, little end first (src/lib/doubles.ts). */
const doublesSchema = z.string().refine((text) => decodeDoubles(text) !== undefined, "must be base64 of 8-byte doubles");

/** What of the policy and of the teacher's band holds for the course, and whose rule the bounds are. Prices are whole tokens. */
export const priceTermsSchema = z.object({
  floor_tokens: z.int().min(1),
  floor_by: boundOwnerSchema,
  ceiling_tokens: z.int().min(1),
  ceiling_by: boundOwnerSchema,
  /** What an enrollment costs the platform. */
  cost_tokens: z.int().min(0),
});
export type PriceTerms = z.infer<typeof priceTermsSchema>;

/**
 * Everything that a course-level price is a function of, besides the artifact and the policy that it names. Replaying them gives the answer again, byte for byte. `id` is the SHA-256 of the canonical inputs (first 128 bits,
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
  /** Occupied cells of the random part of the list price as v, exposures, enrollments. */
  jitter_cells: doublesSchema,
  /** What the exposures of the cells are: views, or, on a platform that sends none, days on offer. */
  exposure: exposureKindSchema,
  category: z.string(),
  updated_at_ms: z.number(),
  current_price: z.int(),
  current_enrollments: z.number().nullable(),
  objective: objectiveSchema,
  terms: priceTermsSchema,
  model_digest: z.string().nullable(),
  /** The document is not part of the record: CONTROL keeps every revision. */
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
  inputs: decisionInputsSchema,
  optimal_price: z.int(),
  exploration: priceExplorationSchema.optional(),
  /** SHA-256 of the answer's JSON without freshness_ms, hex. */
  answer_digest: z.string(),
});
export type DecisionRecord = z.infer<typeof decisionRecordSchema>;
