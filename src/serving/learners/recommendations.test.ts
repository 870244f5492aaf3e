import { beforeEach, describe, expect, test } from "vitest";
import type { Event } from "../../contracts/events.ts";
import { type RecommendationsAnswer, recommendationsAnswerSchema } from "../../contracts/learner-scores.ts";
import { problemSchema } from "../../contracts/problem.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import { repriced, viewed } from "../catalogue-testing.ts";
import { START_MS, testArtifact, TestEngine } from "../testing.ts";
import { enrolledIn, registered, testScorer, tokens } from "./testing.ts";

let engine: TestEngine;

function course(course_id: string, category: string, base_price: number, prerequisites: string[] = []): Event {
  const time = formatTime(START_MS - 50 * DAY_MS);
  return { id: `up-${course_id}`, type: "course.upserted", time, course_id, teacher_id: "t1", category, difficulty_level: "beginner", quality_tier: "basic", base_price, launched_at: time, title: `About ${course_id}`, prerequisites };
}

async function recommend(query = "", learner_id = "ann"): Promise<RecommendationsAnswer> {
  const response = await engine.app.request(`/learner/${learner_id}/recommendations${query}`);
  return recommendationsAnswerSchema.strict().parse(await response.json());
}

const idsOf = ({ recommendations }: RecommendationsAnswer): string[] => recommendations.map(({ course_id }) => course_id);
/** Past the second that an index is good for at least, and the next in which it is still used. */
const reindexed = async (): Promise<void> => {
  engine.clock.time_ms += 3_000;
  await recommend();
};

beforeEach(async () => {
  engine = new TestEngine();
  engine.foldCatalogue();
  engine.promote(testArtifact());
  await engine.models.check();
  engine.propensity.current = { model: testScorer() };
  engine.fold(registered("ann"), tokens("ann", "purchased", 1_000));
});

describe("GET /learner/{id}/recommendations", () => {
  test("the most valuable first: probability × price", async () => {
    const answer = await recommend();
    expect(idsOf(answer)).toEqual([...idsOf(answer)].sort());
    expect(answer).toMatchObject({ learner_id: "ann", balance_tokens: 1_000, cold_start: false, model: "v1" });
    expect(idsOf(answer)).toHaveLength(3);
    for (const { enrollment_probability, price, affordability, expected_value_tokens } of answer.recommendations) {
      expect(Math.abs(expected_value_tokens - enrollment_probability * price)).toBeLessThan(0.02);
      expect(affordability).toBe(1);
    }
    const values = answer.recommendations.map(({ expected_value_tokens }) => expected_value_tokens);
    expect(values).toEqual([...values].sort((a, b) => b - a));
    expect(answer.recommendations[0]!.reason).toMatch(/^\d+(\.\d+)? % of those who see it enroll\. The balance covers its price\.$/);
  });

  test("a price that changes is in the next answer", async () => {
    engine.fold(repriced("c1", 70, START_MS));
    expect((await recommend()).recommendations.find(({ course_id }) => course_id === "c1")!.price).toBe(70);
  });

  test("what was enrolled in before is left out, dropped or not", async () => {
    engine.fold(enrolledIn("ann", "c1", 100), enrolledIn("ann", "c3", 60), enrolledIn("ann", "c3", 60, "dropped"));
    expect(idsOf(await recommend())).toEqual(["c2"]);
  });

  test("prerequisites have to be completed", async () => {
    engine.fold(course("d1", "design", 90, ["c1"]), course("d2", "design", 90, ["c1", "c2"]), enrolledIn("ann", "c1", 100));
    expect(idsOf(await recommend())).not.toContain("d1");
    engine.fold(enrolledIn("ann", "c1", 100, "completed"));
    const answer = await recommend();
    expect(idsOf(answer)).toContain("d1");
    expect(idsOf(answer)).not.toContain("d2");
    expect(answer.recommendations.find(({ course_id }) => course_id === "d1")).toMatchObject({ title: "About d1", category: "design", reason: expect.stringContaining("Its prerequisite is completed.") as string });
  });

  test("a category that the learner chose before comes sooner than its like", async () => {
    const twins: Event[] = [];
    for (let i = 0; i < 6; i++) twins.push(course(`m${i}`, "music", 80), course(`p${i}`, "painting", 80));
    // Sold alike, so that nothing but the learner tells them apart.
    for (const id of ["m0", "p0", "m1", "p1", "m2", "p2"]) for (let i = 0; i < 20; i++) twins.push(viewed(id, 80, START_MS - i * DAY_MS - (id.charCodeAt(0) + id.charCodeAt(1)) * 1_000));
    engine.fold(...twins, enrolledIn("bob", "m5", 80), enrolledIn("bob", "p5", 80), enrolledIn("ann", "p3", 80), enrolledIn("ann", "p4", 80));
    await reindexed();
    const { recommendations } = await recommend("?limit=50");
    const probability = (id: string): number => recommendations.find(({ course_id }) => course_id === id)!.enrollment_probability;
    expect(probability("p0")).toBeGreaterThan(probability("m0"));
    expect(recommendations.find(({ course_id }) => course_id === "p0")!.reason).toContain("2 of the learner's 2 enrollments are in painting.");
    const bobs = await recommend("?limit=50", "bob");
    expect(bobs.recommendations.find(({ course_id }) => course_id === "p0")!.enrollment_probability).toBeLessThan(probability("p0"));
  });

  test("what the balance does not cover is worth less, and says by how much", async () => {
    engine.fold(tokens("ann", "spent", 960));
    const { recommendations, balance_tokens } = await recommend();
    expect(balance_tokens).toBe(40);
    for (const { enrollment_probability, price, affordability, expected_value_tokens } of recommendations) {
      expect(Math.abs(expected_value_tokens - enrollment_probability * price * (0.5 + 0.5 * affordability))).toBeLessThan(0.02);
    }
    expect(recommendations.find(({ course_id }) => course_id === "c2")).toMatchObject({ affordability: 0.5, reason: expect.stringContaining("40 tokens short") as string });
  });

  test("as many as asked for, of one category if asked", async () => {
    expect(idsOf(await recommend("?limit=2"))).toHaveLength(2);
    expect(idsOf(await recommend("?category=design"))).toEqual(["c3"]);
    expect(idsOf(await recommend("?category=nothing"))).toEqual([]);
    for (const query of ["?limit=0", "?limit=51", "?limit=x", "?category=a%20b"]) {
      const response = await engine.app.request(`/learner/ann/recommendations${query}`);
      expect(response.status).toBe(422);
      expect(problemSchema.parse(await response.json()).code).toBe("invalid_field");
    }
    expect((await engine.app.request("/learner/nobody/recommendations")).status).toBe(404);
  });

  test("of whom nothing is known: by what others do", async () => {
    engine.fold(registered("new"));
    const answer = await recommend("", "new");
    expect(answer.cold_start).toBe(true);
    expect(answer.recommendations.map(({ affordability }) => affordability)).toEqual([0, 0, 0]);
    expect(answer.recommendations[0]!.expected_value_tokens).toBeGreaterThan(answer.recommendations[2]!.expected_value_tokens);
  });
});
