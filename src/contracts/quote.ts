import { z } from "zod";
import { decodeDoubles } from "../lib/doubles.ts";
import { waterfallStepSchema } from "./api.ts";
import { exposureSchema } from "./experiment.ts";
import { idSchema, TOKENS_MAX } from "./fields.ts";
import { objectiveSchema, roundingSchema } from "./policy.ts";
import { segments } from "./segments.ts";
import { PERSONAL_QUOTE_PREFIX } from "./subjects.ts";

export const isPersonalQuote = (id: string | undefined): id is string => id !== undefined && id.startsWith(PERSONAL_QUOTE_PREFIX);

const doublesSchema = z.string().refine((text) => decodeDoubles(text) !== undefined, "must be base64 of 8-byte doubles");
const priceSchema = z.int().min(1).max(TOKENS_MAX);
const timeSchema = z.int().min(0);

export const personalizedBodySchema = z.object({ learner_id: idSchema, course_id: idSchema });
export type PersonalizedBody = z.infer<typeof personalizedBodySchema>;

/** Why a price rests on no personal data, or that it does. */
export const personalModes = ["personal", "opted_out", "disabled", "hold_out", "no_effect", "unrecorded"] as const;
export type PersonalMode = (typeof personalModes)[number];
/** What the discount budgets said: `global` and `learner` are exhausted, `unavailable` could not be asked. */
export const budgetAnswers = ["not_needed", "granted", "global", "learner", "unavailable"] as const;
export type BudgetAnswer = (typeof budgetAnswers)[number];
/** `no_quote_keys`: nothing to sign with. */
export const personalDegradedReasons = ["broker_unreachable", "features_stale", "no_model", "no_quote_keys"] as const;
export type PersonalDegradedReason = (typeof personalDegradedReasons)[number];

/** Everything that a personal price is a function of: replaying it needs neither model nor policy. */
export const personalInputsSchema = z.object({
  objective: objectiveSchema,
  /** Of one enrollment, tokens; counts where the objective is margin. */
  cost_tokens: z.number().min(0),
  /** Objective "enrollments": share of the revenue at the anchor that a price must keep. */
  revenue_floor_share: z.number().min(0).max(1),
  /** What everybody pays, and what this learner would without personal data. */
  list_price: priceSchema,
  anchor_price: priceSchema,
  /** The lowest that floors, evidence and the largest discount leave; not above the anchor. */
  lowest_price: priceSchema,
  rounding: roundingSchema,
  /** The course's demand posterior around the list price (src/pricing/quadrature.ts). */
  slopes: doublesSchema,
  odds: doublesSchema,
  mode: z.enum(personalModes),
  /** How much more readily than others the learner enrolls, log-odds; how much more the learner heeds prices, log-odds a log price, and its error. */
  level_shift: z.number(),
  slope_shift: z.number(),
  slope_shift_se: z.number().min(0),
  /** Largest −log(price / anchor) that fairness leaves this learner; null: none is declared. */
  fairness_log: z.number().min(0).nullable(),
  budget: z.enum(budgetAnswers),
  /** null where personal data may not be looked at. */
  balance_tokens: z.number().nullable(),
  propensity: z.number().nullable(),
  segment: z.enum(segments).nullable(),
});
export type PersonalInputs = z.infer<typeof personalInputsSchema>;

export const assignmentSchema = z.object({ id: z.string(), arm: z.string(), probability: z.number().min(0).max(1) });

/** What a signature covers: to whom what was promised at which price, and until when. */
export const quoteTermsSchema = z.object({
  quote_id: idSchema,
  learner_id: idSchema,
  course_id: idSchema,
  price: priceSchema,
  issued_ms: timeSchema,
  /** The quote can be redeemed until then; the price stays the learner's until `locked_ms`, under another quote if need be. */
  expires_ms: timeSchema,
  locked_ms: timeSchema,
});
export type QuoteTerms = z.infer<typeof quoteTermsSchema>;

const personalAnswerShape = {
  quote_id: z.string().nullable(),
  /** `<key id>.<HMAC-SHA256, base64url>` over the quote's terms. */
  signature: z.string().nullable(),
  expires_at: z.string().nullable(),
  /** Until when the learner keeps this price of the course. */
  locked_until: z.string().nullable(),
  learner_id: z.string(),
  course_id: z.string(),
  /** What everybody pays. */
  base_price: z.int(),
  personalized_price: z.int(),
  discount_pct: z.number(),
  /** Enrollments per view, of this learner at this price. */
  expected_conversion: z.number().min(0).max(1),
  /** Probability of an enrollment over the scores' horizon; null where personal data may not be looked at. */
  propensity: z.number().min(0).max(1).nullable(),
  segment: z.enum(segments).nullable(),
  personal_features_used: z.boolean(),
  price_without_personal_data: z.int(),
  /** Share of the price that the balance covers. A price is never lowered for it: who cannot pay does not refuse. */
  affordability: z.number().min(0).max(1).nullable(),
  waterfall: z.array(waterfallStepSchema),
  experiments: z.array(assignmentSchema),
  policy: z.string(),
  model: z.string(),
  propensity_model: z.string(),
  degraded: z.array(z.enum(personalDegradedReasons)).optional(),
};
export const personalizedAnswerSchema = z.object(personalAnswerShape);
export type PersonalizedAnswer = z.infer<typeof personalizedAnswerSchema>;

/** One message of OFFERS: a quote as it was promised, what it was decided from, and the answer that was given. */
export const personalRecordSchema = z.object({
  kind: z.literal("personal"),
  terms: quoteTermsSchema,
  signature: z.string(),
  /** The quote whose price this one goes on with, while the price is locked. */
  renews: idSchema.nullable(),
  inputs: personalInputsSchema,
  /** Expected tokens of discount, in thousandths: what the budgets were charged. */
  charged_milli: z.int().min(0),
  /** Declared groups of the learner, `<attribute>=<code>`. */
  groups: z.array(z.string()),
  /** With what was known of the learner before, which the answer does not tell. */
  experiments: z.array(exposureSchema),
  /** Of this price, given the inputs: nothing of it is drawn. */
  probability: z.number().min(0).max(1),
  policy_version: z.string(),
  /** Of the elasticity and propensity artifacts, `none` without. */
  model: z.string(),
  propensity_model: z.string(),
  /** The course-level decision that the anchor comes from, and the EVENTS sequences of the records that were read. */
  decision_id: z.string(),
  course_sequence: z.int(),
  learner_sequence: z.int(),
  degraded: z.array(z.enum(personalDegradedReasons)),
  /** As answered. */
  answer: personalizedAnswerSchema,
});
export type PersonalRecord = z.infer<typeof personalRecordSchema>;

/** What the fold reads of a record: the rest is carried along. */
export const foldedRecordSchema = z.object({ kind: z.literal("personal"), terms: quoteTermsSchema, experiments: z.array(exposureSchema).max(16).default([]), answer: z.object({ personal_features_used: z.boolean() }) });

/** What became of a quote. */
export const quoteStatuses = ["valid", "expired", "redeemed", "mismatch"] as const;
/** What an enrollment that cites a quote is to it. */
export const citationVerdicts = ["redeemed", "repeated", "late", "price_mismatch", "course_mismatch", "learner_mismatch", "unknown_quote"] as const;
export type CitationVerdict = (typeof citationVerdicts)[number];

export const citationAnswerSchema = z.object({
  quote_id: z.string(),
  learner_id: z.string(),
  course_id: z.string(),
  enrollment_id: z.string(),
  price: z.int(),
  enrolled_at: z.string(),
  /** Enrollments beyond this first one that cited the same quote. */
  repeats: z.int(),
  verdict: z.enum(citationVerdicts),
});
export type CitationAnswer = z.infer<typeof citationAnswerSchema>;

export const quoteQuerySchema = z.object({
  /** Needed for quotes of courses, whose ids do not tell where they lie. */
  course_id: idSchema.optional(),
});

export const quoteAnswerSchema = z.object({
  quote_id: z.string(),
  kind: z.enum(["personal", "course", "bundle"]),
  status: z.enum(quoteStatuses),
  learner_id: z.string().nullable(),
  course_id: z.string().nullable(),
  price: z.int(),
  issued_at: z.string(),
  /** null: of a course, good for as long as the platform keeps the price. */
  expires_at: z.string().nullable(),
  locked_until: z.string().nullable(),
  /** Whether the keys of this host confirm the signature; null where there is none, or the record cannot be reached. */
  signature_valid: z.boolean().nullable(),
  redemption: citationAnswerSchema.nullable(),
});
export type QuoteAnswer = z.infer<typeof quoteAnswerSchema>;

export const replayAnswerSchema = z.object({
  quote_id: z.string(),
  kind: z.enum(["personal", "course", "bundle"]),
  /** Whether the answer came out byte for byte as it was given. */
  identical: z.boolean(),
  answer: z.record(z.string(), z.unknown()),
});

const limitHint = "must be a whole number from 1 to 500";
export const redemptionsQuerySchema = z.object({
  verdict: z.enum(citationVerdicts).optional(),
  /** `next` of the page before. */
  after: z.string().max(200).optional(),
  limit: z.string().regex(/^\d{1,3}$/, limitHint).transform(Number).pipe(z.int().min(1, limitHint).max(500, limitHint)).default(100),
});
export const redemptionsAnswerSchema = z.object({ redemptions: z.array(citationAnswerSchema), next: z.string().nullable() });
