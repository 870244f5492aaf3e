import { z } from "zod";
import { DAY_MS, parseTime } from "../lib/time.ts";
import { idSchema, timeSchema } from "./fields.ts";

/** Course records hold 91 tiles of a day: a longer course-level experiment would lose its first days before it ends. */
export const COURSE_DAYS_MAX = 84;
export const ARMS_MAX = 8;
/** The arm that `holdout_share` makes. */
export const HOLDOUT_ARM = "holdout";

/** What one arm charges by: the policy in force, another document at a revision, or the list price, which is what a hold-out pays. */
const armPriceSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("active") }),
  z.strictObject({ kind: z.literal("policy"), policy_id: idSchema, revision: z.int().min(1).max(1_000_000) }),
  z.strictObject({ kind: z.literal("list") }),
]);
export type ArmPrice = z.infer<typeof armPriceSchema>;

const armSchema = z.strictObject({
  name: idSchema,
  /** Relative to the other arms'. */
  weight: z.number().min(1e-3).max(1e3),
  price: armPriceSchema,
});

/**
 * Who is assigned to an arm: a learner for good, or a cluster of courses for a period at a time (switchback). Periods are whole UTC days, counted from 1970, since outcomes of
 * courses are kept by day; `washout_days` at the start of each are left out of the results.
 */
const unitSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("learner") }),
  z.strictObject({ kind: z.literal("course_cluster"), cluster_by: z.enum(["course", "category"]).default("course"), period_days: z.int().min(1).max(28), washout_days: z.int().min(0).max(27).default(0) }),
]);

/** `revenue`: tokens, of a learner or of a course's day. `conversion`: share of learners who bought, or enrollments per view. The others count enrollments that ended so. */
export const guardrailMetrics = ["revenue", "conversion", "refund_rate", "drop_rate"] as const;
export type GuardrailMetric = (typeof guardrailMetrics)[number];

const guardrailSchema = z.strictObject({
  metric: z.enum(guardrailMetrics),
  /** An arm is stopped once it is certain to be worse than the control arm by more than this, in the metric's own unit. */
  worse_by_max: z.number().min(0).max(1e9),
});
export type Guardrail = z.infer<typeof guardrailSchema>;

/** What is compared, on whom, and when it may be believed. Frozen once the experiment has started. */
const experimentObject = z.strictObject({
  unit: unitSchema,
  arms: z.array(armSchema).min(1).max(ARMS_MAX),
  /** Name of the arm that the others are compared with. */
  control_arm: idSchema,
  /** Share of the units that takes part and pays list price, in an arm named `holdout`. */
  holdout_share: z.number().min(0).max(0.5).default(0),
  /** Of the assignment's hash. */
  salt: z.string().min(1).max(100),
  /** Which units take part, as a range of the platform's one division of all units: experiments with ranges that do not meet share no unit. */
  traffic: z.strictObject({ from: z.number().min(0).max(1).default(0), to: z.number().min(0).max(1).default(1) }).prefault({}),
  categories: z.array(idSchema).min(1).max(100).optional(),
  courses: z.array(idSchema).min(1).max(2_000).optional(),
  metric: z.enum(["revenue", "conversion"]),
  /** Days from a learner's first quote in which what they buy counts: an outcome is final, and counted, when they are over. */
  outcome_days: z.int().min(1).max(60).default(14),
  /** Whether what learners spent in the 90 days before takes variance off the result (CUPED). */
  cuped: z.boolean().default(true),
  guardrails: z.array(guardrailSchema).max(4).default([]),
  /** Level of the always-valid test, over all arms together. */
  alpha: z.number().min(1e-6).max(0.2).default(0.05),
  /** The smallest effect that matters, in the metric's unit: its square is the mixture's variance unless `tau2` is given. */
  minimum_effect: z.number().gt(0).max(1e9),
  tau2: z.number().gt(0).max(1e18).optional(),
  /** No verdict before so many days, however clear: a week holds a whole week's habits. */
  minimum_days: z.int().min(0).max(365).default(7),
  starts_at: timeSchema.optional(),
  ends_at: timeSchema.optional(),
});

type ExperimentObject = z.infer<typeof experimentObject>;
interface Rule {
  readonly path: readonly (string | number)[];
  readonly broken: string | undefined;
}

const repeated = (names: readonly string[]): string | undefined => names.find((name, i) => names.indexOf(name) !== i);

/** What the fields say together. Each names the field to change. */
function rulesOf(e: ExperimentObject): readonly Rule[] {
  const names = e.arms.map(({ name }) => name);
  const twice = repeated(names);
  const metric = repeated(e.guardrails.map((guardrail) => guardrail.metric));
  const starts_ms = e.starts_at === undefined ? undefined : parseTime(e.starts_at);
  const ends_ms = e.ends_at === undefined ? undefined : parseTime(e.ends_at);
  const by_course = e.unit.kind === "course_cluster" ? e.unit : undefined;
  const days = starts_ms === undefined || ends_ms === undefined ? undefined : (ends_ms - starts_ms) / DAY_MS;
  const when = (broken: boolean, path: readonly (string | number)[], reason: string): Rule => ({ path, broken: broken ? reason : undefined });
  return [
    when(names.length + (e.holdout_share > 0 ? 1 : 0) < 2, ["arms"], "one arm alone compares nothing: give a second one, or a holdout_share"),
    when(names.length + (e.holdout_share > 0 ? 1 : 0) > ARMS_MAX, ["arms"], `at most ${ARMS_MAX} arms, the hold-out included`),
    when(twice !== undefined, ["arms"], `two arms are named ${twice}`),
    when(e.holdout_share > 0 && names.includes(HOLDOUT_ARM), ["holdout_share"], `conflicts with the arm named ${HOLDOUT_ARM}: the hold-out has that name`),
    when(!names.includes(e.control_arm) && !(e.holdout_share > 0 && e.control_arm === HOLDOUT_ARM), ["control_arm"], "is none of the arms"),
    when(by_course !== undefined && e.guardrails.some((guardrail) => guardrail.metric === "drop_rate"), ["guardrails"], "drop_rate is kept of learners, not of a course's days: name another metric"),
    when(e.traffic.to <= e.traffic.from, ["traffic"], "`to` must be greater than `from`"),
    when(e.categories !== undefined && e.courses !== undefined, ["courses"], "conflicts with categories: name one of them"),
    when(by_course !== undefined && by_course.washout_days >= by_course.period_days, ["unit", "washout_days"], "conflicts with period_days: nothing would be left of a period"),
    when(by_course?.cluster_by === "category" && e.courses !== undefined, ["unit", "cluster_by"], "conflicts with courses: a category cannot take part by some of its courses"),
    when(metric !== undefined, ["guardrails"], `two guardrails are of ${metric}`),
    when(days !== undefined && days <= 0, ["ends_at"], "conflicts with starts_at: it ends before it starts"),
    when(days !== undefined && days > 0 && days < e.minimum_days, ["ends_at"], "conflicts with minimum_days: it would end before a verdict is allowed"),
    when(by_course !== undefined && e.minimum_days > COURSE_DAYS_MAX, ["minimum_days"], `course-level experiments last at most ${COURSE_DAYS_MAX} days`),
    when(by_course !== undefined && days !== undefined && days > COURSE_DAYS_MAX, ["ends_at"], `course-level experiments last at most ${COURSE_DAYS_MAX} days: their outcomes are kept for so long`),
  ];
}

export const experimentSchema = experimentObject.superRefine((experiment, context) => {
  for (const { path, broken } of rulesOf(experiment)) if (broken !== undefined) context.addIssue({ code: "custom", path: [...path], message: broken });
});
export type Experiment = z.infer<typeof experimentSchema>;

/** What a personal quote says of the experiment that it belongs to: its first one of an experiment is the learner's exposure. */
export const exposureSchema = z.object({
  id: idSchema,
  arm: idSchema,
  /** That the learner had of this arm. */
  probability: z.number().gt(0).max(1),
  /** Tokens that the learner had spent in the 90 days before; absent where the experiment does not ask. */
  covariate: z.number().optional(),
});
export type Exposure = z.infer<typeof exposureSchema>;
