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

/** A policy in force for the same courses at the same time, activated in the same moment. `holds`: that one does, where the two meet, since CONTROL has it later. */
const overlapSchema = z.object({ version: z.string(), holds: z.boolean(), message: z.string() });

const standing = {
  policy_id: z.string(),
  /** CONTROL sequence of the last message, for `expected_sequence`. */
  sequence: z.int(),
  /** Revision in force, the one that a rollback goes back to, and the newest draft; null: none. */
  active: z.int().nullable(),
  previous: z.int().nullable(),
  latest: z.int().nullable(),
  retired: z.boolean(),
  /** Of the revision in force. */
  overlaps: z.array(overlapSchema),
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

export const SIMULATED_DECISIONS_MAX = 50_000;
export const SIMULATED_SECONDS_MAX = 60;

/** Which policy, and on how much of the logged traffic: the newest of it. */
export const policySimulateBodySchema = z.object({
  /** A document, or a stored revision by `policy_id` (the newest unless said). */
  policy: policySchema.optional(),
  policy_id: idSchema.optional(),
  revision: revision.optional(),
  decisions_max: z.int().min(1).max(SIMULATED_DECISIONS_MAX).default(5_000),
  seconds_max: z.number().min(1).max(SIMULATED_SECONDS_MAX).default(30),
});

const estimateSchema = z.object({ value: z.number(), se: z.number(), ci95: z.tuple([z.number(), z.number()]) });

const offPolicySchema = z.object({
  draws: z.int(),
  courses: z.int(),
  effective_draws: z.number(),
  effective_courses: z.number(),
  mean_weight: z.number(),
  /** Why no verdict rests on it; null: one may. */
  refusal: z.enum(["no_draws", "few_draws", "few_clusters", "weights_off"]).nullable(),
  /** A view's reward: as logged, and under the candidate by inverse propensity scoring, the same normalised, and doubly robust; what the candidate adds. null: too little for any. */
  per_view: z
    .object({ logged: estimateSchema, ips: z.number(), snips: estimateSchema, doubly_robust: estimateSchema, uplift_snips: estimateSchema, uplift_doubly_robust: estimateSchema })
    .nullable(),
});

const figuresSchema = z.object({
  version: z.string(),
  raised: z.int(),
  lowered: z.int(),
  unchanged: z.int(),
  guardrails: z.record(z.string(), z.int()),
  expected_enrollments: z.number(),
  expected_tokens: z.number(),
});

export const policySimulateAnswerSchema = z.object({
  /** Of the candidate; one that was sent along is `candidate`. */
  version: z.string(),
  traffic: z.object({
    decisions: z.int(),
    /** Decisions that were read and are not the candidate's: of courses outside its scope, or that no record says enough of. */
    left_out: z.int(),
    from: z.string().nullable(),
    to: z.string().nullable(),
    views: z.int(),
    enrollments: z.int(),
    tokens: z.int(),
    quotes_read: z.int(),
    events_read: z.int(),
    /** Which bound cut the reading short; null: none. */
    cut_short: z.enum(["messages", "bytes", "seconds"]).nullable(),
  }),
  /** Expectations are of the logged views, or where none cites a decision, of one view a decision. */
  weighted_by: z.enum(["views", "decisions"]),
  different: z.int(),
  today: figuresSchema,
  candidate: figuresSchema,
  /** Candidate over today, by the model; null: nothing is expected of either. */
  model: z.object({ tokens_change_pct: z.number().nullable(), enrollments_change_pct: z.number().nullable() }),
  drawn_share: z.number(),
  off_policy: z.object({ tokens: offPolicySchema, enrollments: offPolicySchema }),
  /** By the doubly robust interval of tokens a view, over what was logged; `refused` where the evidence is too thin. */
  verdict: z.enum(["better", "worse", "unclear", "refused"]),
  reasoning: z.string(),
});
export type PolicySimulateAnswer = z.infer<typeof policySimulateAnswerSchema>;
