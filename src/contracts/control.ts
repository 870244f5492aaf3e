import { z } from "zod";
import { experimentSchema } from "./experiment.ts";
import { experimentResultsSchema } from "./experiment-results.ts";
import { idSchema, timeSchema, tokensSchema } from "./fields.ts";
import { policySchema } from "./policy.ts";

/**
 * The last one of a family is its whole state: a rollback, a pin and a release are promotions too.
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
  /** Who promoted it by hand; absent: a training run did. */
  author: z.string().min(1).max(100).optional(),
  /** Replaced only by hand. */
  pinned: z.boolean().optional(),
  /** The run that made the artifact, when, and the seconds that each candidate took: not in the artifact, whose bytes depend on data, seed and code alone. */
  run_id: idSchema.optional(),
  trained_at: timeSchema.optional(),
  training_seconds: z.record(z.string().max(64), z.number().min(0)).optional(),
});
export type ModelPromoted = z.infer<typeof modelPromotedSchema>;

/** Who changed something, when by their clock, and why. */
const change = { time: timeSchema, author: z.string().min(1).max(100), reason: z.string().max(1000) };
const revision = z.int().min(1).max(1_000_000);
const price = tokensSchema.min(1);

/** How the random part of a price was drawn, for the `course.repriced` that follows. */
const jitterSchema = z.object({ base: z.number().positive(), sigma: z.number().min(0), probability: z.number().gt(0).max(1) });

const policy = { ...change, policy_id: idSchema };
export const policyMessageSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("policy.drafted"), ...policy, revision, policy: policySchema }),
  /** An earlier revision again is a rollback. */
  z.object({ type: z.literal("policy.activated"), ...policy, revision }),
  z.object({ type: z.literal("policy.retired"), ...policy }),
]);
export type PolicyMessage = z.infer<typeof policyMessageSchema>;

const experiment = { ...change, experiment_id: idSchema };
export const experimentMessageSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("experiment.defined"), ...experiment, experiment: experimentSchema }),
  z.object({ type: z.literal("experiment.started"), ...experiment }),
  /** The units of this arm pay by the policy in force from now on, and belong to no arm any more. */
  z.object({ type: z.literal("experiment.arm_stopped"), ...experiment, arm: idSchema, verdict: z.string().max(1000).optional() }),
  /** `results` are those of the moment: what they were computed from does not stay for ever. */
  z.object({ type: z.literal("experiment.stopped"), ...experiment, verdict: z.string().max(1000).optional(), results: experimentResultsSchema.optional() }),
]);
export type ExperimentMessage = z.infer<typeof experimentMessageSchema>;

/** `recommended`: what the engine recommended when it was decided. */
const priceChange = { ...change, course_id: idSchema, price, quote_id: idSchema.optional(), recommended: price.optional() };
export const priceMessageSchema = z.discriminatedUnion("type", [
  /** Waits for somebody's approval. */
  z.object({ type: z.literal("price.proposed"), ...priceChange, jitter: jitterSchema.optional() }),
  z.object({ type: z.literal("price.accepted"), ...priceChange, automatic: z.boolean(), jitter: jitterSchema.optional() }),
  z.object({ type: z.literal("price.rejected"), ...priceChange }),
  z.object({ type: z.literal("price.scheduled"), ...priceChange, at: timeSchema }),
]);
export type PriceMessage = z.infer<typeof priceMessageSchema>;

export const learnerMessageSchema = z.object({ type: z.literal("learner.personalisation"), ...change, learner_id: idSchema, allowed: z.boolean() });
export type LearnerMessage = z.infer<typeof learnerMessageSchema>;

export const roles = ["price", "events", "operate", "admin"] as const;
export const roleSchema = z.enum(roles);
export type Role = z.infer<typeof roleSchema>;

export const keyMessageSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("key.created"),
    ...change,
    key_id: idSchema,
    name: z.string().min(1).max(100),
    /** SHA-256 of the key, hex: it has 256 random bits, so that no slower hash would add anything. */
    hash: z.string().regex(/^[0-9a-f]{64}$/),
    role: roleSchema,
    /** A key that speaks for one person sees that person only. */
    learner_id: idSchema.optional(),
    teacher_id: idSchema.optional(),
    rate_per_s: z.number().positive().max(1e6).optional(),
  }),
  z.object({ type: z.literal("key.revoked"), ...change, key_id: idSchema }),
]);
export type KeyMessage = z.infer<typeof keyMessageSchema>;

/** What CONTROL says of one subject, kept with its history. Model promotions have a fold of their own: only the last one counts. */
export const controlSchemas = {
  policy: policyMessageSchema,
  experiment: experimentMessageSchema,
  price: priceMessageSchema,
  learner: learnerMessageSchema,
  key: keyMessageSchema,
} as const;
export type ControlKind = keyof typeof controlSchemas;
export const controlKinds = Object.keys(controlSchemas) as readonly ControlKind[];

export interface ControlMessages {
  readonly policy: PolicyMessage;
  readonly experiment: ExperimentMessage;
  readonly price: PriceMessage;
  readonly learner: LearnerMessage;
  readonly key: KeyMessage;
}
export type ControlMessage = ControlMessages[ControlKind];
