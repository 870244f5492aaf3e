import { z } from "zod";
import { idSchema, timeSchema, tokensSchema } from "./fields.ts";
import { type LearnerAttribute, learnerAttributes } from "./learner-attributes.ts";

const weight = z.number().min(0).max(1);
const price = tokensSchema.min(1);
const hours = z.number().min(0).max(8_760);
const period = z.number().min(0.25).max(8_760);

/** Categories or courses; empty lists name none. */
const names = (max: number) => z.array(idSchema).max(max).default([]);
const LISTED_MAX = 10_000;

/** Whom a rule is for. Both lists empty: everything. */
export const scopeSchema = z.strictObject({ categories: names(LISTED_MAX), courses: names(LISTED_MAX) });
export type PolicyScope = z.infer<typeof scopeSchema>;

export const objectiveSchema = z.enum(["revenue", "enrollments", "margin"]);
export type Objective = z.infer<typeof objectiveSchema>;

const boundsSchema = z.strictObject({ floor_tokens: price.optional(), ceiling_tokens: price.optional() });
export type Bounds = z.infer<typeof boundsSchema>;

const promotionSchema = z.strictObject({
  name: idSchema,
  from: timeSchema,
  to: timeSchema,
  /** What the price is multiplied with meanwhile. */
  factor: z.number().min(0.05).max(5),
  ...scopeSchema.shape,
});
export type Promotion = z.infer<typeof promotionSchema>;

/** How a price may end. A price that the guardrails leave no such number for keeps to the guardrails. */
export const roundingSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("whole") }),
  /** The last digits of a price, as many as the ending has: 9 allows 9, 19, 29 …, 99 allows 99, 199 …, 0 allows 10, 20 …. */
  z.strictObject({ kind: z.literal("charm"), endings: z.array(z.int().min(0).max(999)).min(1).max(20) }),
  z.strictObject({ kind: z.literal("multiple"), of: z.int().min(2).max(1_000_000) }),
]);
export type Rounding = z.infer<typeof roundingSchema>;

/** Random prices that keep demand learnable. A course's draw holds for a period: it comes from a hash of seed, course and period. */
const explorationSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none") }),
  /** log price + N(0, σ²). */
  z.strictObject({ kind: z.literal("jitter"), sigma: z.number().min(0.001).max(0.5), period_hours: period.default(168), seed: z.int().default(1) }),
  /** The best price of one demand curve that is drawn from the posterior. */
  z.strictObject({ kind: z.literal("thompson"), period_hours: period.default(24), seed: z.int().default(1) }),
]);
export type Exploration = z.infer<typeof explorationSchema>;

const budget = tokensSchema.nullable();

const personalisationSchema = z.strictObject({
  enabled: z.boolean().default(true),
  /** Share of the list price. */
  max_discount: z.number().min(0).max(0.9).default(0.3),
  /** How long a learner keeps the price of a course that was quoted, and how long a quote can be redeemed. */
  lock_hours: z.number().min(0.01).max(8_760).default(72),
  expiry_minutes: z.number().min(1).max(525_600).default(1_440),
  /** Tokens of discount that may be expected to be given away per period; null: no limit. */
  budget: z.strictObject({ period_hours: period.default(168), global_tokens: budget.default(10_000), learner_tokens: budget.default(200) }).prefault({}),
});
export type Personalisation = z.infer<typeof personalisationSchema>;

const attributeNames = Object.keys(learnerAttributes) as [LearnerAttribute, ...LearnerAttribute[]];

/** Mean log personal prices of any two groups differ by at most `delta_log` once both have `n_min` quotes in the period. */
const fairnessSchema = z.strictObject({
  /** Each splits learners into groups by what they said; who said nothing is a group, too. */
  attributes: z.array(z.enum(attributeNames)).max(attributeNames.length).default([]),
  delta_log: z.number().min(0.001).max(1).default(0.05),
  n_min: z.int().min(1).max(1_000_000).default(30),
  period_hours: period.default(168),
});

/** A cost by what is most specific of a course: its own, its category's, the default. */
const costSchema = z.strictObject({
  default: tokensSchema.default(0),
  categories: z.record(idSchema, tokensSchema).default({}),
  courses: z.record(idSchema, tokensSchema).default({}),
});

/**
 * What a price may do: a document that people write, all of whose fields have a default, so that `{}` is one. Times are RFC 3339 in UTC, prices whole
 * tokens. Whether its rules contradict each other is for `validatePolicy` to say.
 */
export const policySchema = z.strictObject({
  description: z.string().max(1_000).default(""),
  objective: objectiveSchema.default("revenue"),
  /** Objective "enrollments": expected revenue stays at this share of what the current price earns, or above. */
  revenue_floor_share: z.number().min(0).max(1).default(1),
  /** Objective "margin": what an enrollment costs the platform. */
  cost_per_enrollment: costSchema.prefault({}),
  /**
   * How much each strategy's proposal pulls on the target, in log price, relative to the others that propose. `bundle` counts in bundle prices alone: the
   * pull of the bundle's own optimum, against the sum of its parts.
   */
  weights: z
    .strictObject({ elasticity: weight.default(0.85), competitive: weight.default(0.15), lifecycle: weight.default(0), time: weight.default(0), bundle: weight.default(1) })
    .prefault({}),
  /** Factors on the base price: of a course younger than `early_days`, of one as old as `mature_days`, and 1 between. */
  lifecycle: z
    .strictObject({
      early_days: z.number().min(0).max(3_650).default(30),
      mature_days: z.number().min(0).max(3_650).default(180),
      early_factor: z.number().min(0.1).max(2).default(0.7),
      mature_factor: z.number().min(0.1).max(2).default(0.85),
    })
    .prefault({}),
  time: z
    .strictObject({
      /** Whether hours and weekdays move the price as their conversion does, within the two factors. */
      learned: z.boolean().default(false),
      factor_min: z.number().min(0.1).max(1).default(0.9),
      factor_max: z.number().min(1).max(5).default(1.1),
      promotions: z.array(promotionSchema).max(500).default([]),
    })
    .prefault({}),
  grid: z
    .strictObject({
      /** The grid spans price / span … price · span; floor, ceiling and step are guardrails after it. */
      span: z.number().min(1).max(10).default(2),
      points: z.int().min(2).max(512).default(64),
    })
    .prefault({}),
  /** Of every course; a category's and a course's own bounds can only be narrower, the strictest hold. */
  floor_tokens: price.default(1),
  ceiling_tokens: price.default(100_000),
  bounds: z
    .strictObject({ categories: z.record(idSchema, boundsSchema).default({}), courses: z.record(idSchema, boundsSchema).default({}) })
    .prefault({}),
  /** Whether prices stay between the least and the most that the course's teacher allows. */
  respect_teacher_band: z.boolean().default(true),
  /** Largest |Δ log price| of one change, or one token where that is more; 0 forbids every change. */
  step_log_max: z.number().min(0).max(2).default(0.1),
  /** After a list price was set it stays for so long; 0: no cool-down. */
  cool_down_hours: hours.default(0),
  /** Hold the price when the probability of losing more than `hold_loss` of the objective exceeds this. */
  hold_probability: z.number().min(0).max(1).default(0.1),
  hold_loss: z.number().min(0).max(1).default(0.05),
  rounding: roundingSchema.default({ kind: "whole" }),
  exploration: explorationSchema.default({ kind: "none" }),
  personalisation: personalisationSchema.prefault({}),
  fairness: fairnessSchema.prefault({}),
  horizon_days: z.int().min(1).max(365).default(30),
  /** Answers are marked as degraded once the fold is behind its stream and has not moved for longer than this. */
  stale_after_ms: z.number().positive().default(10_000),
  scope: scopeSchema.prefault({}),
  /** When it is in force; null: without an end. */
  schedule: z.strictObject({ from: timeSchema.nullable().default(null), to: timeSchema.nullable().default(null) }).prefault({}),
  /** What becomes of a recommended price: nothing, a proposal that somebody approves, or by itself inside the teacher's band and a proposal outside it. */
  application: z.strictObject({ mode: z.enum(["none", "approval", "automatic"]).default("none") }).prefault({}),
});
export type PolicyDocument = z.infer<typeof policySchema>;

/** A document that is in force: every decision names it by its version, `<policy_id>-<revision>`. One frozen object a version. */
export interface Policy extends Readonly<PolicyDocument> {
  readonly version: string;
}

/** In force where no other policy is: nothing explores, nothing is applied by itself. */
export const defaultPolicy: Policy = Object.freeze({ ...policySchema.parse({}), version: "default-1" });
