import { expect, test } from "vitest";
import { optimizeAnswer } from "./answer.ts";
import { decide, decisionRecordJson, replayDecision } from "./decision.ts";
import { priceCourse } from "./price-course.ts";
import { randomQuotes, violations } from "./quote-fuzz.ts";

test("random quotes under random policies: whole, finite, inside every guardrail", { timeout: 180_000 }, () => {
  const broken = new Map<string, number>();
  const kinds = new Map<string, number>();
  const met = (what: string): void => void kinds.set(what, (kinds.get(what) ?? 0) + 1);
  for (const quote of randomQuotes("test", 8_000)) {
    const outcome = priceCourse(quote.inputs, quote.model, quote.policy);
    for (const rule of violations(quote, outcome)) broken.set(rule, (broken.get(rule) ?? 0) + 1);
    const text = JSON.stringify(optimizeAnswer(outcome, "q"), (_key, value: unknown) => (typeof value === "number" && !Number.isFinite(value) ? "not finite" : value));
    if (text.includes("not finite")) broken.set("finite", (broken.get("finite") ?? 0) + 1);
    if (!(outcome.posterior.slope > 0 && outcome.posterior.nodes.slopes.every((slope) => slope > 0))) broken.set("slope", (broken.get("slope") ?? 0) + 1);
    for (const name of outcome.binding) met(name);
    if (outcome.exploration !== undefined) met(outcome.exploration.kind);
    if (outcome.demand_break !== undefined) met("demand_break");
    if (outcome.promotion !== undefined) met("promotion");
    if (outcome.optimal_price !== quote.inputs.current_price) met("moved");
  }
  expect(Object.fromEntries(broken)).toEqual({});
  // What never happens is not tested.
  for (const what of ["supported_range", "step", "floor", "ceiling", "cool_down", "hold", "jitter", "thompson", "demand_break", "promotion", "moved"]) expect(kinds.get(what) ?? 0, what).toBeGreaterThan(50);
});

test("a check that finds nothing finds what is there", { timeout: 60_000 }, () => {
  const seen = new Set<string>();
  for (const quote of randomQuotes("blind", 2_000)) {
    const { allowed } = priceCourse(quote.inputs, quote.model, quote.policy);
    for (const optimal_price of [0.5, quote.inputs.current_price * 3, Math.ceil(quote.inputs.current_price / 3)]) for (const rule of violations(quote, { optimal_price, exploration: undefined, allowed })) seen.add(rule);
  }
  expect([...seen].toSorted()).toEqual(["ceiling", "cool_down", "floor", "integer", "rounding", "step"]);
});

test("random decisions come out identical after a trip through JSON", { timeout: 120_000 }, () => {
  let decisions = 0;
  let identical = 0;
  for (const { inputs, model, policy } of randomQuotes("replay", 1_500)) {
    const record: unknown = JSON.parse(decisionRecordJson(decide(inputs, model, policy), { decided_at_ms: 0, cursor_sequence: 1 }));
    decisions++;
    if (replayDecision(record, model, policy).identical) identical++;
  }
  expect(identical).toBe(decisions);
});
