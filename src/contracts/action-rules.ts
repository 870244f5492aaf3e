import { z } from "zod";
import { type Priority, priorities, type RiskLevel, riskLevels, type Segment, segments } from "./segments.ts";

export const contactFrequencies = ["none", "monthly", "biweekly", "weekly", "daily"] as const;
export const channels = ["none", "in_app", "push", "email", "phone"] as const;
/** Beside a discount, which is offered when it is expected to gain tokens, whatever the rule says besides. */
export const offerTypes = ["none", "recommendation", "trial_lesson", "bundle", "bonus_tokens"] as const;
export const interventions = ["none", "nudge", "check_in", "personal_outreach", "win_back", "reactivation"] as const;

function some<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z
    .array(z.enum(values))
    .min(1, "must name one at least; leave it out for any")
    .refine((list) => new Set(list).size === list.length, "names one twice")
    .optional();
}

const ruleSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9_]{1,64}$/, "must be 1 to 64 characters of a-z 0-9 _"),
  /** Whom the rule is for; what is left out does not matter to it. */
  when: z.strictObject({ segment: some(segments), risk_level: some(riskLevels), priority: some(priorities) }),
  actions: z.strictObject({
    /** The discount that is expected to gain most, up to this. */
    max_discount_pct: z.int().min(0).max(90),
    contact_frequency: z.enum(contactFrequencies),
    channel: z.enum(channels),
    offer_type: z.enum(offerTypes),
    intervention: z.enum(interventions),
  }),
});
export type ActionRule = z.infer<typeof ruleSchema>;

/** What is done about learners. Every situation is decided by exactly one rule, so that their order means nothing: `compileActionRules` holds the document to that. */
export const actionRulesSchema = z.strictObject({
  version: z.string().min(1).max(100),
  /** Discounts are multiples of this. */
  discount_step_pct: z.int().min(1).max(50),
  /** A discount that is expected to gain fewer tokens is not worth the offer. */
  discount_gain_min_tokens: z.number().min(0).max(1e9),
  rules: z.array(ruleSchema).min(1).max(segments.length * riskLevels.length * priorities.length),
});
export type ActionRules = z.infer<typeof actionRulesSchema>;

/** Everything that a rule may ask about. */
export interface Situation {
  readonly segment: Segment;
  readonly risk_level: RiskLevel;
  readonly priority: Priority;
}

const safe: RiskLevel[] = ["low", "medium"];
const worth: Priority[] = ["medium", "high"];

export const defaultActionRules: ActionRules = actionRulesSchema.parse({
  version: "default-1",
  discount_step_pct: 5,
  discount_gain_min_tokens: 1,
  rules: [
    { name: "save", when: { risk_level: ["high"], priority: ["high"] }, actions: { max_discount_pct: 30, contact_frequency: "weekly", channel: "phone", offer_type: "bonus_tokens", intervention: "personal_outreach" } },
    { name: "win_back", when: { risk_level: ["high"], priority: ["medium"] }, actions: { max_discount_pct: 20, contact_frequency: "biweekly", channel: "email", offer_type: "trial_lesson", intervention: "win_back" } },
    { name: "let_go", when: { risk_level: ["high"], priority: ["low"] }, actions: { max_discount_pct: 10, contact_frequency: "monthly", channel: "email", offer_type: "recommendation", intervention: "none" } },
    { name: "close", when: { segment: ["hot"], risk_level: ["low"] }, actions: { max_discount_pct: 10, contact_frequency: "weekly", channel: "in_app", offer_type: "recommendation", intervention: "none" } },
    { name: "reassure", when: { segment: ["hot"], risk_level: ["medium"] }, actions: { max_discount_pct: 15, contact_frequency: "weekly", channel: "in_app", offer_type: "bundle", intervention: "check_in" } },
    { name: "convince", when: { segment: ["warm"], risk_level: safe, priority: worth }, actions: { max_discount_pct: 15, contact_frequency: "weekly", channel: "email", offer_type: "bundle", intervention: "nudge" } },
    { name: "keep_warm", when: { segment: ["warm"], risk_level: safe, priority: ["low"] }, actions: { max_discount_pct: 10, contact_frequency: "biweekly", channel: "in_app", offer_type: "recommendation", intervention: "none" } },
    { name: "interest", when: { segment: ["cold"], risk_level: safe, priority: worth }, actions: { max_discount_pct: 15, contact_frequency: "biweekly", channel: "email", offer_type: "trial_lesson", intervention: "nudge" } },
    { name: "remind", when: { segment: ["cold"], risk_level: safe, priority: ["low"] }, actions: { max_discount_pct: 10, contact_frequency: "monthly", channel: "email", offer_type: "recommendation", intervention: "none" } },
    { name: "reactivate", when: { segment: ["dormant"], risk_level: safe, priority: worth }, actions: { max_discount_pct: 20, contact_frequency: "monthly", channel: "email", offer_type: "trial_lesson", intervention: "reactivation" } },
    { name: "rest", when: { segment: ["dormant"], risk_level: safe, priority: ["low"] }, actions: { max_discount_pct: 0, contact_frequency: "none", channel: "none", offer_type: "none", intervention: "none" } },
  ],
});
