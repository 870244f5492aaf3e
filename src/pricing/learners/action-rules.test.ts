import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ActionRules, defaultActionRules } from "../../contracts/action-rules.ts";
import { priorities, riskLevels, segments } from "../../contracts/segments.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { compileActionRules, situations } from "./action-rules.ts";

function refusal(document: unknown): string {
  try {
    compileActionRules(document);
  } catch (error) {
    if (error instanceof TidemarkError && error.code === "bad_action_rules") return error.message;
    throw error;
  }
  throw new Error("was not refused");
}

const rules = defaultActionRules.rules;
const changed = (index: number, change: (rule: ActionRules["rules"][number]) => object): object => ({ ...defaultActionRules, rules: rules.map((rule, i) => (i === index ? change(rule) : rule)) });

describe("rule documents", () => {
  test("the default decides every situation, whatever the order of its rules", () => {
    const compiled = compileActionRules(defaultActionRules);
    expect(situations).toHaveLength(36);
    fc.assert(
      fc.property(fc.shuffledSubarray([...rules], { minLength: rules.length }), (shuffled) => {
        const other = compileActionRules({ ...defaultActionRules, rules: shuffled });
        for (const situation of situations) expect(other.ruleOf(situation).name).toBe(compiled.ruleOf(situation).name);
      }),
      { numRuns: 20 },
    );
    expect(compiled.max_discount_pct).toBe(30);
  });

  test("without any one of its rules it is incomplete, and says of whom", () => {
    for (const left of rules) {
      const missing = refusal({ ...defaultActionRules, rules: rules.filter((rule) => rule !== left) });
      expect(missing).toMatch(/^no rule decides segment \w+, risk \w+, priority \w+: every learner needs one$/);
    }
  });

  test("a rule that reaches into another's situation is refused with both names", () => {
    for (const [index, { name }] of rules.entries()) {
      const message = refusal(changed(index, (rule) => ({ ...rule, when: {} })));
      expect(message).toContain("both decide");
      expect(message).toContain(name);
    }
  });

  test.each([
    ["a name twice", { ...defaultActionRules, rules: [...rules, rules[0]!] }, "two rules are called save"],
    ["a value that there is not", changed(3, (rule) => ({ ...rule, when: { segment: ["lukewarm"] } })), "rule close: when.segment.0"],
    ["nobody at all", changed(3, (rule) => ({ ...rule, when: { segment: [] } })), "rule close: when.segment: must name one at least"],
    ["a misspelt field", changed(1, (rule) => ({ ...rule, when: { segmnet: ["hot"] } })), "rule win_back: when"],
    ["a field twice", changed(1, (rule) => ({ ...rule, when: { segment: ["hot", "hot"] } })), "rule win_back: when.segment: names one twice"],
    ["a discount that is none", changed(0, (rule) => ({ ...rule, actions: { ...rule.actions, max_discount_pct: 95 } })), "rule save: actions.max_discount_pct"],
    ["a channel that there is not", changed(0, (rule) => ({ ...rule, actions: { ...rule.actions, channel: "pigeon" } })), "rule save: actions.channel"],
    ["a rule without a name", changed(0, ({ when, actions }) => ({ when, actions })), "rule 1: name"],
    ["no version", { ...defaultActionRules, version: "" }, "version"],
    ["no rules", { ...defaultActionRules, rules: [] }, "rules"],
    ["text", "save everybody", "the document"],
    ["nothing", null, "the document"],
  ])("%s is refused, with the rule at fault", (_name, document, message) => {
    expect(refusal(document)).toContain(message);
  });

  test("any split of the situations is a document, and decides as it says", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2), { minLength: 36, maxLength: 36 }), (groups) => {
        const document = {
          ...defaultActionRules,
          rules: situations.map(({ segment, risk_level, priority }, i) => ({ name: `r${i}`, when: { segment: [segment], risk_level: [risk_level], priority: [priority] }, actions: rules[groups[i]!]!.actions })),
        };
        const compiled = compileActionRules(document);
        for (const [i, situation] of situations.entries()) expect(compiled.ruleOf(situation).actions).toEqual(rules[groups[i]!]!.actions);
      }),
      { numRuns: 20 },
    );
    expect(segments.length * riskLevels.length * priorities.length).toBe(situations.length);
  });
});
