import { z } from "zod";
import { idSchema, timeSchema } from "./fields.ts";

const shareSchema = z.number().min(0).max(1);

/** What one arm charges by: the policy in force, another document at a revision, or the list price, which is what a hold-out pays. */
const armSchema = z.strictObject({
  name: idSchema,
  /** Relative to the other arms'. */
  weight: z.number().positive().max(1e6),
  price: z.union([
    z.strictObject({ kind: z.literal("active") }),
    z.strictObject({ kind: z.literal("policy"), policy_id: idSchema, revision: z.int().min(1) }),
    z.strictObject({ kind: z.literal("list") }),
  ]),
});

/** What is compared, on whom, and when it may be believed. */
export const experimentSchema = z.strictObject({
  /** Who is assigned to an arm: a learner for good, or a cluster of courses for a period at a time. */
  unit: z.union([z.strictObject({ kind: z.literal("learner") }), z.strictObject({ kind: z.literal("course_cluster"), period_hours: z.int().min(1).max(24 * 28) })]),
  arms: z.array(armSchema).min(2).max(8),
  /** Name of the arm that the others are compared with. */
  control_arm: idSchema,
  /** Of the assignment's hash. */
  salt: z.string().min(1).max(100),
  /** Share of the units that take part. */
  traffic: shareSchema.default(1),
  categories: z.array(idSchema).max(100).optional(),
  courses: z.array(idSchema).max(2_000).optional(),
  metric: z.enum(["revenue", "conversion"]),
  /** Level of the always-valid test. */
  alpha: z.number().gt(0).lt(0.5).default(0.05),
  starts_at: timeSchema.optional(),
  ends_at: timeSchema.optional(),
});
export type Experiment = z.infer<typeof experimentSchema>;
