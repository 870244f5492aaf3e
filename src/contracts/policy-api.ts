import { z } from "zod";
import { changeFields } from "./change.ts";
import { idSchema } from "./fields.ts";
import { policySchema } from "./policy.ts";

/** A document may list thousands of courses. */
export const POLICY_BYTES_MAX = 256 * 1024;

const revision = z.int().min(1).max(1_000_000);

/** Two rules that cannot both hold, by their paths in the document. */
export const policyConflictSchema = z.object({ rules: z.tuple([z.string(), z.string()]), message: z.string() });

export const policyDraftBodySchema = z.object({ policy: policySchema, ...changeFields });
export const policyActivateBodySchema = z.object({ revision, ...changeFields });
export const policyChangeBodySchema = z.object(changeFields);
export const policyValidateBodySchema = z.object({ policy: policySchema, policy_id: idSchema.optional() });

export const policyValidateAnswerSchema = z.object({
  valid: z.boolean(),
  conflicts: z.array(policyConflictSchema),
  /** Another policy in force that would be in force for the same courses at the same time; null: none. */
  overlap: z.object({ versions: z.tuple([z.string(), z.string()]), message: z.string() }).nullable(),
});
export type PolicyValidateAnswer = z.infer<typeof policyValidateAnswerSchema>;

const standing = {
  policy_id: z.string(),
  /** CONTROL sequence of the last message, for `expected_sequence`. */
  sequence: z.int(),
  /** Revision in force, the one that a rollback goes back to, and the newest draft; null: none. */
  active: z.int().nullable(),
  previous: z.int().nullable(),
  latest: z.int().nullable(),
  retired: z.boolean(),
};

export const policyListAnswerSchema = z.object({
  policies: z.array(z.object({ ...standing, description: z.string(), scope: policySchema.shape.scope, schedule: policySchema.shape.schedule })),
  /** Version in force for the platform as a whole. */
  platform: z.string(),
});
export type PolicyListAnswer = z.infer<typeof policyListAnswerSchema>;

const revisionHint = "must be a revision, from 1 on";
const revisionQuery = z.string().regex(/^\d{1,7}$/, revisionHint).transform(Number).pipe(revision);
export const policyQuerySchema = z.object({ revision: revisionQuery.optional() });

export const policyAnswerSchema = z.object({
  ...standing,
  /** Of the revision that was asked for: the one in force, else the newest, unless said. */
  revision: z.int().nullable(),
  document: policySchema.nullable(),
  /** Oldest first. What contradicted the past changed nothing, and says why. */
  changes: z.array(
    z.object({ sequence: z.int(), type: z.string(), revision: z.int().nullable(), author: z.string(), reason: z.string(), time: z.string(), ignored: z.string().optional() }),
  ),
});
export type PolicyAnswer = z.infer<typeof policyAnswerSchema>;

export const policyChangedAnswerSchema = z.object({ policy_id: z.string(), revision: z.int().nullable(), active: z.int().nullable(), sequence: z.int() });
export type PolicyChangedAnswer = z.infer<typeof policyChangedAnswerSchema>;

/** Left out: from the revision in force to the newest one. */
export const policyDiffQuerySchema = z.object({ from: revisionQuery.optional(), to: revisionQuery.optional() });
export const policyDiffAnswerSchema = z.object({
  policy_id: z.string(),
  from: z.int(),
  to: z.int(),
  /** By the paths of fields; what is absent on a side is null there. */
  changes: z.array(z.object({ field: z.string(), from: z.unknown(), to: z.unknown() })),
});
export type PolicyDiffAnswer = z.infer<typeof policyDiffAnswerSchema>;
