import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decisionRecordSchema } from "../contracts/decision.ts";
import { defaultPolicy } from "../contracts/policy.ts";
import { encodeDoubles } from "../lib/doubles.ts";
import { optimizeAnswer } from "./answer.ts";
import { decide, decisionId, decisionRecordJson, replayDecision } from "./decision.ts";
import type { PricingInputs } from "./inputs.ts";
import { priceCourse } from "./price-course.ts";
import { anyInputs, anyModel, anyPolicy, testInputs, testModel, testTerms, under } from "./testing.ts";

const model = testModel();

function recorded(inputs: PricingInputs) {
  const moment = { decided_at_ms: 1_760_000_000_123, cursor_sequence: 9 };
  return decisionRecordSchema.parse(JSON.parse(decisionRecordJson(decide(inputs, model, defaultPolicy), moment)));
}

describe("decisionId", () => {
  test("is 128 bits of hex, the same for arrays, typed arrays and any key order", () => {
    const inputs = testInputs();
    const id = decisionId(inputs);
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(decisionId({ ...inputs, features: Float64Array.from(inputs.features), cells: Float64Array.from(inputs.cells) })).toBe(id);
    const { course_id, cells, ...others } = inputs;
    expect(decisionId({ cells, ...others, course_id })).toBe(id);
  });

  test("differs for every single input", () => {
    const changes: Parameters<typeof testInputs>[0][] = [
      {},
      { features: { ratings: 1 } },
      { course_id: "C00002" },
      { course_id: null },
      { course_features: { category: "art", base_price: 100 } },
      { course_features: { category: "art", base_price: 100, quality_tier: "elite" } },
      { now_ms: 1 },
      { cells: [0, 300, 25] },
      { category: "art" },
      { updated_at_ms: 1 },
      { current_price: 101 },
      { current_enrollments: 0 },
      { objective: "enrollments" },
      { terms: { ...testTerms(), ceiling_by: "teacher" } },
      { terms: { ...testTerms(), cost_tokens: 1 } },
      { model_digest: null },
      { policy_version: "other" },
      { record_sequence: 8 },
      { degraded: ["features_stale"] },
    ];
    const ids = changes.map((change) => decisionId(testInputs(change)));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("two absent optional features and two undefined ones are the same", () => {
    const absent = testInputs({ course_features: { category: "art", base_price: 100 } });
    const named = testInputs({ course_features: { base_price: 100, category: "art", difficulty_level: undefined, quality_tier: undefined } });
    expect(decisionId(named)).toBe(decisionId(absent));
  });
});

describe("replayDecision", () => {
  test("a record is valid, and freshness is not part of its digest", () => {
    const record = recorded(testInputs());
    expect(record).toMatchObject({ id: decisionId(testInputs()), decided_at: "2025-10-09T08:53:20.123Z", cursor_sequence: 9, optimal_price: 91, inputs: { policy_version: "default-1" } });
    const answer = optimizeAnswer(priceCourse(testInputs(), model, defaultPolicy), record.id);
    expect(record.answer_digest).toBe(createHash("sha256").update(JSON.stringify(answer)).digest("hex"));
  });

  test("2,000 random decisions come out identical after a trip through JSON", () => {
    let identical = 0;
    fc.assert(
      fc.property(anyInputs, anyModel, anyPolicy, (drawn, model, policy) => {
        const inputs = { ...under(policy, drawn), model_digest: model === null ? null : model.digest, cells: Float64Array.from(drawn.cells) };
        const decision = decide(inputs, model, policy);
        const replay = replayDecision(JSON.parse(decisionRecordJson(decision, { decided_at_ms: 0, cursor_sequence: 1 })), model, policy);
        if (replay.identical && JSON.stringify(replay.answer) === decision.answer_json) identical++;
      }),
      { numRuns: 2000 },
    );
    expect(identical).toBe(2000);
  });

  test("a record that was tampered with is not identical", () => {
    const record = recorded(testInputs());
    expect(replayDecision(record, model, defaultPolicy).identical).toBe(true);
    expect(replayDecision({ ...record, inputs: { ...record.inputs, cells: encodeDoubles([0, 300, 60]) } }, model, defaultPolicy).identical).toBe(false);
    expect(replayDecision({ ...record, inputs: { ...record.inputs, now_ms: 0 } }, model, defaultPolicy).identical).toBe(false);
    expect(replayDecision({ ...record, optimal_price: 92 }, model, defaultPolicy).identical).toBe(false);
    expect(replayDecision(record, model, { ...defaultPolicy, stale_after_ms: 1 }).identical).toBe(true);
    expect(replayDecision(record, model, { ...defaultPolicy, step_log_max: 0.02 }).identical).toBe(false);
    expect(replayDecision({ ...record, inputs: { ...record.inputs, terms: { ...record.inputs.terms, floor_tokens: 95 } } }, model, defaultPolicy).identical).toBe(false);
  });

  test("refuses what is no record, and another model or policy", () => {
    const record = recorded(testInputs());
    expect(() => replayDecision({ ...record, inputs: { ...record.inputs, current_price: "100" } }, model, defaultPolicy)).toThrow(/current_price/);
    expect(() => replayDecision({ ...record, inputs: { ...record.inputs, cells: "AAAA" } }, model, defaultPolicy)).toThrow(/8-byte doubles/);
    expect(() => replayDecision(record, null, defaultPolicy)).toThrow(expect.objectContaining({ code: "wrong_model" }));
    expect(() => replayDecision(record, model, { ...defaultPolicy, version: "other-1" })).toThrow(expect.objectContaining({ code: "wrong_policy" }));
  });
});
