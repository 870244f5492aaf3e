import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { optimizeAnswerSchema } from "../contracts/api.ts";
import { defaultPolicy, type Policy } from "../contracts/policy.ts";
import type { CompiledModel } from "../models/compiled.ts";
import { optimizeAnswer } from "./answer.ts";
import { type PriceOutcome, priceCourse } from "./price-course.ts";
import { conversionAt } from "./quadrature.ts";
import { anyInputs, anyModel, anyPolicy, testInputs, testModel, under } from "./testing.ts";

function price(changes: Parameters<typeof testInputs>[0] = {}, policy: Policy = defaultPolicy, model: CompiledModel | null = testModel()): PriceOutcome {
  return priceCourse(under(policy, testInputs(changes)), model, policy);
}

describe("priceCourse", () => {
  test("the waterfall starts at the current price and ends at the answer", () => {
    const outcome = price();
    expect(outcome.waterfall[0]).toMatchObject({ step: "base", price: 100 });
    expect(outcome.waterfall.at(-1)).toMatchObject({ step: "rounding", price: outcome.optimal_price });
    expect(outcome.waterfall.map((step) => step.step)).toEqual(["base", "model", "strategy", "guardrail", "rounding"]);
  });

  test("elastic demand lowers the price, inelastic demand raises it, each by at most one step", () => {
    const down = price({}, defaultPolicy, testModel({ elasticity: -2, se: 0.2 }));
    expect(down.optimal_price).toBe(91);
    const up = price({}, defaultPolicy, testModel({ elasticity: -0.5, se: 0.2 }));
    expect(up.optimal_price).toBe(110);
    expect(up.confidence).toBeGreaterThan(0.95);
  });

  test("200 enrollments at 1.5× the list price, with or without exposures, raise it inside the step, and the answer says why", () => {
    for (const exposures of [0, 200, 900]) {
      const outcome = price({ cells: [0, 300, 24, Math.log(1.5), exposures, 200] });
      const answer = optimizeAnswer(outcome, "q");
      expect(price().optimal_price).toBeLessThan(100);
      expect(answer.optimal_price, `${exposures} exposures`).toBe(110);
      expect(answer.recommendation.action).toBe("increase");
      expect(answer.reasoning).toMatch(/^Learners kept enrolling at 1\.5 times the list price \(200 enrollments where about \d+ were expected\), so the price rises from 100 to 110 tokens, limited to one step\.$/);
      const step = answer.waterfall.find((entry) => entry.name === "step");
      expect(step?.price).toBeCloseTo(110.52, 2);
      expect(step?.cost_tokens).toBeGreaterThan(0);
      expect(answer.strategies[0]).toMatchObject({ name: "elasticity", price: 165 });
    }
  });

  test("a surprise that argues against the move does not explain it", () => {
    // Many more sales than expected at a lower price: demand is elastic, the price falls, and that is the reason.
    const lower = optimizeAnswer(price({ cells: [-0.4, 300, 150, 0, 300, 12] }), "q");
    expect(lower.recommendation.action).toBe("decrease");
    expect(lower.reasoning).toMatch(/^More learners than expected enrolled at 0\.67 times the list price/);
    const collapse = optimizeAnswer(price({ cells: [0, 5000, 40] }, defaultPolicy, testModel({ elasticity: -0.4, se: 0.1, level_sd: 0.1 })), "q");
    expect(price({ cells: [0, 5000, 40] }, defaultPolicy, testModel({ level_sd: 0.1 })).evidence?.surprise).toBeLessThan(-3);
    expect(collapse.recommendation.action).toBe("increase");
    expect(collapse.reasoning).toMatch(/^Demand reacts little to price/);
  });

  test("what the prior's own uncertainty covers is no surprise", () => {
    expect(price({ cells: [0, 300, 50] }).evidence).toBeUndefined();
    expect(price({ cells: [0, 300, 50] }, defaultPolicy, testModel({ level_sd: 0.05 })).evidence?.surprise).toBeGreaterThan(3);
  });

  test("competitive strategy: only outside ±20 % of its anchor, by its weight in log price", () => {
    for (const [competitor, proposes] of [[84, false], [83, true], [124, false], [126, true], [0, false]] as const) {
      expect(price({ features: { competitor_price_tokens: competitor } }).proposals.some((proposal) => proposal.name === "competitive"), `competitor at ${competitor}`).toBe(proposes);
    }
    const wide: Policy = { ...defaultPolicy, step_log_max: 2, grid: { span: 1.5, points: 64 } };
    const flat = testModel({ elasticity: -1, se: 0.05 });
    const pulled = price({ features: { competitor_price_tokens: 225 } }, wide, flat);
    expect(pulled.proposals[1]).toMatchObject({ name: "competitive", weight: 0.15 });
    expect(pulled.proposals[1]?.price).toBeCloseTo(150, 9);
    const elasticity = pulled.proposals[0]!.price;
    expect(pulled.waterfall.find((step) => step.name === "blend")?.price).toBeCloseTo(elasticity ** 0.85 * 150 ** 0.15, 1);
    const category = price({ features: { category_price_loo_tokens: 64 } });
    expect(category.proposals[1]?.price).toBeCloseTo(80, 9);
    expect(price({ features: { category_price_loo_tokens: 64, competitor_price_tokens: 100 } }).proposals).toHaveLength(1);
  });

  test("a strategy without weight does not propose; without any the price stays", () => {
    expect(price({ features: { competitor_price_tokens: 400 } }, { ...defaultPolicy, weights: { ...defaultPolicy.weights, elasticity: 0.5, competitive: 0 } }).proposals).toMatchObject([{ weight: 1 }]);
    const none = price({}, { ...defaultPolicy, weights: { ...defaultPolicy.weights, elasticity: 0, competitive: 0 } });
    expect(none.optimal_price).toBe(100);
    expect(none.proposals).toEqual([]);
  });

  test("floor, ceiling and step bind in the waterfall with what they cost", () => {
    const up = testModel({ elasticity: -0.4, se: 0.1 });
    const capped = price({}, { ...defaultPolicy, ceiling_tokens: 104 }, up);
    expect(capped.optimal_price).toBe(104);
    const cells = [-0.5, 100, 8, 0, 300, 24, 0.5, 100, 7];
    const stepped = price({ cells }, defaultPolicy, up);
    expect(stepped.binding).toContain("step");
    const seen = price({ cells: [0, 300, 24] }, defaultPolicy, up);
    expect(seen.binding).toEqual(["supported_range"]);
    expect(seen.waterfall.find((step) => step.name === "supported_range")?.cost_tokens).toBeGreaterThan(0);
  });

  test("a price whose step is below one token moves by one token, and the waterfall says so", () => {
    const at = (tokens: number, policy: Policy, elasticity: number): PriceOutcome =>
      price({ current_price: tokens, features: { reference_price_tokens: tokens } }, policy, testModel({ reference_price: tokens, elasticity, se: 0.05 }));
    for (const tokens of [2, 5, 9]) {
      const up = at(tokens, defaultPolicy, -0.3);
      expect(up, `up from ${tokens}`).toMatchObject({ optimal_price: tokens + 1, allowed: { min: tokens - 1, max: tokens + 1 } });
      expect(up.waterfall.at(-1)?.reason).toContain("One token, the least that a price can move, is more than the step of 0.1 here.");
      expect(at(tokens, defaultPolicy, -3).optimal_price, `down from ${tokens}`).toBe(tokens - 1);
    }
    // Never below one token, past floor or ceiling, or under a policy that forbids moves; and where the step is a token or more, it holds.
    expect(at(1, defaultPolicy, -3)).toMatchObject({ optimal_price: 1, allowed: { min: 1, max: 2 } });
    expect(at(5, { ...defaultPolicy, ceiling_tokens: 5 }, -0.3).optimal_price).toBe(5);
    expect(at(5, { ...defaultPolicy, floor_tokens: 5 }, -3).optimal_price).toBe(5);
    expect(at(5, { ...defaultPolicy, step_log_max: 0 }, -0.3)).toMatchObject({ optimal_price: 5, allowed: { min: 5, max: 5 } });
    expect(at(40, defaultPolicy, -0.3).allowed).toEqual({ min: 37, max: 44 });
    expect(at(40, defaultPolicy, -0.3).waterfall.at(-1)?.reason).not.toContain("One token");
  });

  test("a current price outside floor or ceiling moves to the bound, beyond the step", () => {
    const over = price({ current_price: 200 }, { ...defaultPolicy, ceiling_tokens: 120 });
    expect(over).toMatchObject({ optimal_price: 120, allowed: { min: 120, max: 120 } });
    expect(over.binding.at(-1)).toBe("ceiling");
    const under = price({ current_price: 10 }, { ...defaultPolicy, floor_tokens: 50 });
    expect(under).toMatchObject({ optimal_price: 50, allowed: { min: 50, max: 50 } });
    const near = price({ current_price: 105 }, { ...defaultPolicy, ceiling_tokens: 100 });
    expect(near.optimal_price).toBeLessThanOrEqual(100);
    expect(near.optimal_price).toBeGreaterThanOrEqual(95);
  });

  test("the hold rule keeps the price when the loss is too likely, and says so", () => {
    const unsure = testModel({ elasticity: -0.9, se: 1.2 });
    const policy: Policy = { ...defaultPolicy, hold_probability: 0.1, hold_loss: 0.02 };
    const moved = price({}, { ...policy, hold_probability: 1 }, unsure);
    expect(moved.optimal_price).not.toBe(100);
    const held = price({}, policy, unsure);
    expect(held.optimal_price).toBe(100);
    expect(held.binding.at(-1)).toBe("hold");
    expect(held.loss_probability).toBe(0);
    expect(held.candidate_price).toBe(moved.optimal_price);
    expect(moved.loss_probability).toBeGreaterThan(0.1);
    const answer = optimizeAnswer(held, "q");
    expect(answer.recommendation.action).toBe("hold");
    expect(answer.reasoning).toContain("held at 100 tokens");
    expect(held.confidence + moved.confidence).toBeCloseTo(1, 9);
  });

  test("the hold rule never keeps a price that floor or ceiling forbid", () => {
    const unsure = testModel({ elasticity: -1, se: 3 });
    const outcome = price({ current_price: 200 }, { ...defaultPolicy, ceiling_tokens: 150, hold_probability: 0 }, unsure);
    expect(outcome.optimal_price).toBe(150);
  });

  test("current enrollments set the volume and leave the price alone", () => {
    const said = optimizeAnswer(price({ current_enrollments: 200 }), "q");
    expect(said.expected.current_enrollments).toBe(200);
    expect(said.expected.current_revenue).toBe(20_000);
    expect(said.optimal_price).toBe(price().optimal_price);
    expect(optimizeAnswer(price({ current_enrollments: 0 }), "q").expected).toMatchObject({ current_revenue: 0, optimized_revenue: 0, interval: { low: 0, high: 0 } });
  });

  test("without a model the answer says no_model, with what the caller knew", () => {
    const answer = optimizeAnswer(price({ degraded: ["features_stale", "something_else"] }, defaultPolicy, null), "q");
    expect(answer.degraded).toEqual(["no_model", "features_stale"]);
    expect(answer.model).toBe("none");
    expect(answer.elasticity.source).toBe("prior");
    expect(optimizeAnswer(price(), "q").degraded).toBeUndefined();
  });

  test("elasticity is called unit when the interval contains −1", () => {
    const type = (elasticity: number, se: number): string => optimizeAnswer(price({ cells: [] }, defaultPolicy, testModel({ elasticity, se })), "q").elasticity.type;
    expect(type(-1.5, 0.1)).toBe("elastic");
    expect(type(-1.5, 0.4)).toBe("unit");
    expect(type(-0.5, 0.1)).toBe("inelastic");
  });

  test("a strategy's pull that would earn less is not followed", () => {
    const policy = { ...defaultPolicy, weights: { ...defaultPolicy.weights, elasticity: 0, competitive: 1 } };
    const inputs = { features: { competitor_price_tokens: 200 } };
    const outcome = price(inputs, policy, testModel({ elasticity: -1.2, se: 0.1 }));
    expect(outcome).toMatchObject({ hold: "cost", candidate_price: 110, optimal_price: 100 });
    expect(optimizeAnswer(outcome, "q").reasoning).toMatch(/would earn less, so the price is held at 100 tokens\.$/);
    expect(price(inputs, policy, testModel({ elasticity: -0.8, se: 0.1 }))).toMatchObject({ hold: undefined, optimal_price: 110 });
  });

  test("for any legal input the answer is valid, guarded, explained, and the same every time", () => {
    fc.assert(
      fc.property(anyInputs, anyModel, anyPolicy, (drawn, model, policy) => {
        const inputs = under(policy, drawn);
        const outcome = priceCourse(inputs, model, policy);
        const answer = optimizeAnswer(outcome, "q");
        const text = JSON.stringify(answer);
        optimizeAnswerSchema.omit({ freshness_ms: true }).parse(JSON.parse(text));
        const { optimal_price, current_price, price_range } = answer;
        expect(optimal_price >= policy.floor_tokens && optimal_price <= policy.ceiling_tokens).toBe(true);
        const legal = current_price >= policy.floor_tokens && current_price <= policy.ceiling_tokens;
        const within_step = Math.abs(Math.log(optimal_price / current_price)) <= policy.step_log_max;
        const one_token = policy.step_log_max > 0 && Math.abs(optimal_price - current_price) === 1;
        expect(!legal || within_step || one_token).toBe(true);
        const earns = (at: number): number => at * conversionAt(outcome.posterior.nodes, Math.log(at / current_price)).mean;
        expect(!legal || earns(optimal_price) >= earns(current_price)).toBe(true);
        expect(price_range.min <= optimal_price && optimal_price <= price_range.max).toBe(true);
        expect(answer.waterfall.at(-1)?.price).toBe(optimal_price);
        expect(answer.waterfall.every((step) => Number.isFinite(step.price) && (step.cost_tokens ?? 0) >= 0)).toBe(true);
        expect(answer.expected.interval.low).toBeLessThanOrEqual(answer.expected.interval.high);
        expect(answer.elasticity.ci95[0]).toBeLessThanOrEqual(answer.elasticity.value);
        expect(answer.elasticity.value).toBeLessThanOrEqual(answer.elasticity.ci95[1]);
        expect(answer.reasoning).toMatch(/^[A-Z].*\.$/);
        expect(answer.reasoning).not.toMatch(/NaN|Infinity|undefined/);
        expect(JSON.stringify(optimizeAnswer(priceCourse({ ...inputs, features: Float64Array.from(inputs.features), cells: Float64Array.from(inputs.cells) }, model, policy), "q"))).toBe(text);
      }),
      { numRuns: 500 },
    );
  });
});
