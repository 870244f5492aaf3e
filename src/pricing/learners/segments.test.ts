import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { segments } from "../../contracts/segments.ts";
import { priorityOf, riskLevelOf, segmentOf, tercilesOf } from "./segments.ts";
import { nextTold, type Told } from "./transitions.ts";

const probability = fc.double({ min: 0, max: 1, noNaN: true });

describe("bins", () => {
  test.each([
    [0, "dormant", "low"],
    [0.29999, "dormant", "low"],
    [0.3, "cold", "low"],
    [0.39999, "cold", "low"],
    [0.4, "cold", "medium"],
    [0.5, "warm", "medium"],
    [0.69999, "warm", "medium"],
    [0.7, "hot", "high"],
    [1, "hot", "high"],
  ])("%f as enrollment and as churn: %s, %s", (score, segment, risk) => {
    expect([segmentOf(score), riskLevelOf(score)]).toEqual([segment, risk]);
  });

  test("a higher score is never in a lower segment", () => {
    fc.assert(
      fc.property(probability, probability, (a, b) => {
        const rank = (score: number): number => segments.indexOf(segmentOf(score));
        expect(rank(Math.max(a, b))).toBeGreaterThanOrEqual(rank(Math.min(a, b)));
      }),
    );
  });
});

describe("priority", () => {
  test("thirds of learners who differ, up to one", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 60 }), (values) => {
        const terciles = tercilesOf(values);
        const counts = { low: 0, medium: 0, high: 0 };
        for (const value of values) counts[priorityOf(value, terciles)]++;
        for (const count of Object.values(counts)) expect(Math.abs(count - values.length / 3)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("equals share one, the lower", () => {
    expect(new Set([5, 5, 5].map((value) => priorityOf(value, tercilesOf([5, 5, 5]))))).toEqual(new Set(["low"]));
    expect([0, 1].map((value) => priorityOf(value, tercilesOf([])))).toEqual(["low", "high"]);
  });
});

describe("what is told", () => {
  test("a score that trembles about a boundary tells nothing; one that crosses it does, once", () => {
    const scores = [0.71, 0.699, 0.701, 0.69, 0.681, 0.679, 0.69, 0.7, 0.719, 0.721, 0.9];
    let told: Told | undefined;
    const heard: string[] = [];
    for (const score of scores) {
      const next = nextTold(told, score, 0);
      if (next !== told) heard.push(`${score} ${next.segment}`);
      told = next;
    }
    expect(heard).toEqual(["0.71 hot", "0.679 warm", "0.721 hot"]);
  });

  test("an alert is raised at a high risk, and cleared below it", () => {
    let told: Told = { segment: "cold", alerted: false };
    const heard = [0.69, 0.71, 0.725, 0.7, 0.685, 0.67].map((churn) => (told = nextTold(told, 0.4, churn)).alerted);
    expect(heard).toEqual([false, false, true, true, true, false]);
  });

  test("never moves against the score, settles at once, and tells of a jump the segment that the score is in", () => {
    fc.assert(
      fc.property(fc.constantFrom(...segments), fc.boolean(), probability, probability, (segment, alerted, enrollment, churn) => {
        const before: Told = { segment, alerted };
        const told = nextTold(before, enrollment, churn);
        expect(nextTold(told, enrollment, churn)).toBe(told);
        expect([segment, segmentOf(enrollment)]).toContain(told.segment);
        expect(Math.abs(segments.indexOf(segmentOf(enrollment)) - segments.indexOf(told.segment))).toBeLessThanOrEqual(told.segment === segment ? 1 : 0);
        expect([alerted, riskLevelOf(churn) === "high"]).toContain(told.alerted);
      }),
    );
  });
});
