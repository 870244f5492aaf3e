import type { Bounds, PolicyDocument, Promotion, Rounding } from "../contracts/policy.ts";
import { formatTime, parseTime } from "../lib/time.ts";
import { scheduleOf } from "./policy-book.ts";
import { sharedScope, spansMeet } from "./policy-scope.ts";
import { hasMember } from "./rounding.ts";

/** Two rules of a policy that cannot both hold, by their paths in the document, and what to do about it. */
export interface PolicyConflict {
  readonly rules: readonly [string, string];
  readonly message: string;
}

/** What is known of courses beside the document; without it, bounds of a course and of its category are not compared. */
export interface KnownCourses {
  categoryOf(course_id: string): string | undefined;
}

/** A bound and the rule that says so. */
interface Bound {
  readonly tokens: number;
  readonly rule: string;
}

interface NamedRange {
  readonly of: string;
  readonly low: Bound;
  readonly high: Bound;
}

function narrowed({ low, high }: NamedRange, of: string, bounds: Bounds | undefined, path: string): NamedRange {
  const { floor_tokens, ceiling_tokens } = bounds ?? {};
  return {
    of,
    low: floor_tokens !== undefined && floor_tokens > low.tokens ? { tokens: floor_tokens, rule: `${path}.floor_tokens` } : low,
    high: ceiling_tokens !== undefined && ceiling_tokens < high.tokens ? { tokens: ceiling_tokens, rule: `${path}.ceiling_tokens` } : high,
  };
}

/** The range of prices of everything, of each category and of each course that has bounds of its own. */
function ranges(document: PolicyDocument, known: KnownCourses | undefined): NamedRange[] {
  const all: NamedRange = { of: "every course", low: { tokens: document.floor_tokens, rule: "floor_tokens" }, high: { tokens: document.ceiling_tokens, rule: "ceiling_tokens" } };
  const { categories, courses } = document.bounds;
  const ofCategory = (name: string): NamedRange =>
    narrowed(all, `category ${name}`, Object.hasOwn(categories, name) ? categories[name] : undefined, `bounds.categories.${name}`);
  return [
    all,
    ...Object.keys(categories).map(ofCategory),
    ...Object.entries(courses).map(([id, bounds]) => {
      const category = known?.categoryOf(id);
      return narrowed(category === undefined ? all : ofCategory(category), `course ${id}`, bounds, `bounds.courses.${id}`);
    }),
  ];
}

function endings(rounding: Rounding): string {
  return rounding.kind === "charm" ? `ends in ${rounding.endings.join(" or ")}` : rounding.kind === "multiple" ? `is a multiple of ${rounding.of}` : "is whole";
}

/**
 * The rules of a document that contradict each other or that no price can satisfy; empty: it may be activated. Bounds that no price satisfies, endings that
 * no price has, explorations that may not move, budgets of nothing, promotions that overlap or that floor, ceiling or step forbid.
 */
export function validatePolicy(document: PolicyDocument, known?: KnownCourses): PolicyConflict[] {
  const found: PolicyConflict[] = [];
  const refuse = (a: string, b: string, message: string): void => void found.push({ rules: [a, b], message });
  const { exploration, personalisation, rounding, step_log_max, weights, time, lifecycle, application } = document;

  for (const { of, low, high } of ranges(document, known)) {
    if (low.tokens > high.tokens) refuse(low.rule, high.rule, `the floor of ${of}, ${low.tokens} tokens, is above its ceiling of ${high.tokens}`);
    else if (!hasMember(rounding, low.tokens, high.tokens)) refuse("rounding", low.tokens === document.floor_tokens ? high.rule : low.rule, `no price of ${of} from ${low.tokens} to ${high.tokens} tokens ${endings(rounding)}`);
  }
  for (const [rule, cost, ceiling] of costs(document)) {
    if (document.objective === "margin" && cost >= ceiling.tokens) refuse(rule, ceiling.rule, `at a cost of ${cost} tokens no price up to ${ceiling.tokens} has a margin`);
  }
  if (document.objective === "margin" && costs(document).every(([, cost]) => cost === 0)) refuse("objective", "cost_per_enrollment", "a margin without any cost is revenue: state a cost, or take revenue as the objective");

  if (exploration.kind !== "none") {
    if (step_log_max === 0) refuse("exploration", "step_log_max", "prices cannot explore where a step of 0 forbids every change");
    if (document.hold_probability === 0) refuse("exploration", "hold_probability", "a hold probability of 0 holds every price that could lose: nothing explores");
    if (exploration.period_hours < document.cool_down_hours) refuse("exploration.period_hours", "cool_down_hours", `draws of ${exploration.period_hours} hours change before a cool-down of ${document.cool_down_hours} hours lets them be applied`);
  }
  if (exploration.kind === "jitter" && step_log_max > 0 && exploration.sigma > step_log_max) refuse("exploration.sigma", "step_log_max", `a jitter of ${exploration.sigma} is cut by steps of ${step_log_max} more often than not`);
  if (exploration.kind === "thompson") {
    if (weights.elasticity === 0) refuse("exploration", "weights.elasticity", "Thompson's draw is the elasticity strategy's price, which has no weight");
    if (document.objective === "enrollments") refuse("exploration", "objective", "Thompson's draw is the price that earns most; for enrollments explore by jitter");
  }

  if (personalisation.enabled) {
    if (personalisation.max_discount === 0) refuse("personalisation.enabled", "personalisation.max_discount", "personal prices need a discount that may be given");
    for (const name of ["global_tokens", "learner_tokens"] as const) {
      if (personalisation.budget[name] === 0) refuse("personalisation.enabled", `personalisation.budget.${name}`, "personal prices need a budget: turn them off, or give them one");
    }
    const { global_tokens, learner_tokens } = personalisation.budget;
    if (global_tokens !== null && learner_tokens !== null && learner_tokens > global_tokens) refuse("personalisation.budget.learner_tokens", "personalisation.budget.global_tokens", "one learner may not have more than all together");
    if (personalisation.lock_hours * 60 < personalisation.expiry_minutes) refuse("personalisation.lock_hours", "personalisation.expiry_minutes", "a quote that outlives its lock would leave a learner with two prices of a course");
  }
  if (new Set(document.fairness.attributes).size !== document.fairness.attributes.length) refuse("fairness.attributes", "fairness.attributes", "an attribute is named twice");

  if (time.learned && weights.time === 0) refuse("time.learned", "weights.time", "learned factors move nothing without a weight");
  if (weights.lifecycle > 0 && lifecycle.early_days > lifecycle.mature_days) refuse("lifecycle.early_days", "lifecycle.mature_days", "a course would be early and mature at once");
  if (application.mode === "automatic" && document.cool_down_hours === 0) refuse("application.mode", "cool_down_hours", "prices that apply themselves need a cool-down: a step bounds one change, not how many follow");

  const { from_ms, to_ms } = scheduleOf(document);
  if (from_ms >= to_ms) refuse("schedule.from", "schedule.to", "it would never be in force");
  refusePromotions(document, refuse);
  return found;
}

/** Every cost with the lowest ceiling that surely holds where it applies. */
function costs({ cost_per_enrollment, ceiling_tokens, bounds }: PolicyDocument): (readonly [rule: string, cost: number, ceiling: Bound])[] {
  const all: Bound = { tokens: ceiling_tokens, rule: "ceiling_tokens" };
  const of = (table: "categories" | "courses", id: string): Bound => {
    const own = Object.hasOwn(bounds[table], id) ? bounds[table][id]?.ceiling_tokens : undefined;
    return own !== undefined && own < all.tokens ? { tokens: own, rule: `bounds.${table}.${id}.ceiling_tokens` } : all;
  };
  return [
    ["cost_per_enrollment.default", cost_per_enrollment.default, all],
    ...(["categories", "courses"] as const).flatMap((table) => Object.entries(cost_per_enrollment[table]).map(([id, cost]) => [`cost_per_enrollment.${table}.${id}`, cost, of(table, id)] as const)),
  ];
}

function span({ from, to }: Promotion): { from_ms: number; to_ms: number } {
  return { from_ms: parseTime(from), to_ms: parseTime(to) };
}

function refusePromotions(document: PolicyDocument, refuse: (a: string, b: string, message: string) => void): void {
  const { promotions } = document.time;
  const named = ranges(document, undefined);
  for (const [i, promotion] of promotions.entries()) {
    const rule = `time.promotions.${promotion.name}`;
    const { from_ms, to_ms } = span(promotion);
    if (from_ms >= to_ms) refuse(`${rule}.from`, `${rule}.to`, "it would never run");
    else if (!spansMeet(span(promotion), scheduleOf(document))) refuse(rule, "schedule", `it runs from ${formatTime(from_ms)}, when the policy is not in force`);
    if (Math.abs(Math.log(promotion.factor)) > document.step_log_max + 1e-9) refuse(`${rule}.factor`, "step_log_max", `a factor of ${promotion.factor} is more than one change of ${document.step_log_max} in log price allows`);
    for (const { of, low, high } of named) {
      const concerned = of === "every course" || promotion.courses.length + promotion.categories.length === 0 || promotion.courses.some((id) => of === `course ${id}`) || promotion.categories.some((name) => of === `category ${name}`);
      if (!concerned || low.tokens > high.tokens) continue;
      if (high.tokens * promotion.factor < low.tokens) refuse(`${rule}.factor`, low.rule, `even the highest price of ${of}, ${high.tokens} tokens, would fall below its floor of ${low.tokens}`);
      if (low.tokens * promotion.factor > high.tokens) refuse(`${rule}.factor`, high.rule, `even the lowest price of ${of}, ${low.tokens} tokens, would rise above its ceiling of ${high.tokens}`);
    }
    for (const other of promotions.slice(i + 1)) {
      if (other.name === promotion.name) refuse(rule, rule, "two promotions have this name");
      const shared = sharedScope(promotion, other);
      if (shared !== undefined && spansMeet(span(promotion), span(other))) refuse(rule, `time.promotions.${other.name}`, `both run for ${shared} at the same time`);
    }
  }
}
