import { type ActionRule, type ActionRules, actionRulesSchema, type Situation } from "../../contracts/action-rules.ts";
import { priorities, riskLevels, segments } from "../../contracts/segments.ts";
import { must } from "../../lib/assert.ts";
import { TidemarkError } from "../../lib/errors.ts";

/** A rule document that decides every situation once. */
export interface CompiledRules {
  readonly version: string;
  readonly step_pct: number;
  readonly gain_min_tokens: number;
  /** The most that any rule allows. */
  readonly max_discount_pct: number;
  ruleOf(situation: Situation): ActionRule;
}

const keyOf = ({ segment, risk_level, priority }: Situation): string => `${segment}/${risk_level}/${priority}`;

/** Every situation that a learner can be in. */
export const situations: readonly Situation[] = segments.flatMap((segment) => riskLevels.flatMap((risk_level) => priorities.map((priority) => ({ segment, risk_level, priority }))));

function decides({ when }: ActionRule, { segment, risk_level, priority }: Situation): boolean {
  return (when.segment?.includes(segment) ?? true) && (when.risk_level?.includes(risk_level) ?? true) && (when.priority?.includes(priority) ?? true);
}

function words({ segment, risk_level, priority }: Situation): string {
  return `segment ${segment}, risk ${risk_level}, priority ${priority}`;
}

const refuse = (message: string): never => {
  throw new TidemarkError("bad_action_rules", message);
};

/**
 * Checks and compiles a rule document. Throws TidemarkError `bad_action_rules`, which names the rule at fault: a field that is not valid, a name that is taken, two rules
 * that decide the same situation, or a situation that none decides.
 */
export function compileActionRules(document: unknown): CompiledRules {
  const parsed = actionRulesSchema.safeParse(document);
  if (!parsed.success) return refuse(fault(document, parsed.error.issues[0]!));
  const { version, rules, discount_step_pct, discount_gain_min_tokens }: ActionRules = parsed.data;
  const names = new Set<string>();
  for (const { name } of rules) {
    if (names.has(name)) refuse(`two rules are called ${name}`);
    names.add(name);
  }
  const decided = new Map<string, ActionRule>();
  for (const situation of situations) {
    const [rule, other] = rules.filter((candidate) => decides(candidate, situation));
    if (rule === undefined) return refuse(`no rule decides ${words(situation)}: every learner needs one`);
    if (other !== undefined) return refuse(`the rules ${rule.name} and ${other.name} both decide ${words(situation)}: one of them has to leave it out`);
    decided.set(keyOf(situation), rule);
  }
  return {
    version,
    step_pct: discount_step_pct,
    gain_min_tokens: discount_gain_min_tokens,
    max_discount_pct: Math.max(...rules.map(({ actions }) => actions.max_discount_pct)),
    ruleOf: (situation) => must(decided.get(keyOf(situation)), "every situation is decided"),
  };
}

/** Which rule, and what of it. */
function fault(document: unknown, { path, message }: { readonly path: readonly PropertyKey[]; readonly message: string }): string {
  const [list, index, ...field] = path;
  if (list !== "rules" || typeof index !== "number") return `${path.map(String).join(".") || "the document"}: ${message}`;
  const name: unknown = (document as { rules: { name?: unknown }[] }).rules[index]?.name;
  const rule = typeof name === "string" ? `rule ${name}` : `rule ${index + 1}`;
  return `${rule}: ${field.length === 0 ? "" : `${field.map(String).join(".")}: `}${message}`;
}
