import { beforeEach, describe, expect, test } from "vitest";
import { entityFeaturesAnswerSchema, entityIdSchemas, featuresAnswerSchema, type EntityFeaturesAnswer } from "../contracts/api.ts";
import { problemSchema } from "../contracts/problem.ts";
import { entityFeatureNames } from "../features/entity-reader.ts";
import { entityNames } from "../features/store.ts";
import { DAY_MS, formatTime } from "../lib/time.ts";
import { START_MS, TestEngine } from "./testing.ts";

let engine: TestEngine;

beforeEach(() => {
  engine = new TestEngine();
  engine.foldCatalogue();
});

async function get(path: string): Promise<Response> {
  return engine.app.request(path);
}

async function entity(path: string): Promise<EntityFeaturesAnswer> {
  const response = await get(path);
  expect(response.status, path).toBe(200);
  return entityFeaturesAnswerSchema.strict().parse(await response.json());
}

describe("GET /features", () => {
  test("gives every definition", async () => {
    const { features } = featuresAnswerSchema.strict().parse(await (await get("/features")).json());
    for (const name of entityNames) expect(features.filter((feature) => feature.entity === name).map((feature) => feature.name)).toEqual(entityFeatureNames[name]);
    expect(Object.keys(entityIdSchemas)).toEqual([...entityNames]);
  });
});

describe("GET /features/{entity}/{id}", () => {
  test("gives the current values of every entity, with their age", async () => {
    engine.clock.time_ms = START_MS + 2 * DAY_MS + 1_000;
    const day = formatTime(START_MS + 2 * DAY_MS);
    engine.fold({ id: "r", type: "course.repriced", time: day, course_id: "c1", price: 100 });
    engine.enroll("c1", 90, day);
    const paths = { course: "c1", category: "programming", learner: "l1", teacher: "t1", learner_course: "l1/c1", platform: day.slice(0, 10), price_history: "c1" };
    for (const name of entityNames) {
      const answer = await entity(`/features/${name}/${paths[name]}`);
      expect(answer).toMatchObject({ entity: name, id: paths[name], sequence: name === "price_history" ? engine.sequence - 1 : engine.sequence, updated_at: day, age_ms: 1_000 });
      expect(Object.keys(answer.features)).toEqual(entityFeatureNames[name]);
    }
    expect((await entity("/features/learner/l1")).features).toMatchObject({ enrolled: 6, discount_uptake: 1 / 6, courses_tried: 1, lowest_price_paid_tokens: 90 });
    expect((await entity("/features/teacher/t1")).features).toMatchObject({ enrollments: 6, revenue_tokens: 590, quality_given: 0.5 });
    expect((await entity("/features/learner_course/l1%2Fc1")).features).toMatchObject({ price_paid_tokens: 90, enrollments: 6 });
    expect((await entity("/features/course/c1")).features).toMatchObject({ price_tokens: 100, revenue_7d_tokens: 90, category_price_loo_tokens: 80, price_over_category: 1.25 });
    expect((await entity("/features/price_history/c1")).features).toEqual({ repricings: 1, last_price_tokens: 100, previous_price_tokens: 0, repriced_at_ms: START_MS + 2 * DAY_MS, days_since_repriced: 1 / 86_400 });
  });

  test("reads a course that has no price and no category", async () => {
    engine.fold({ id: "r", type: "activity.rating", time: formatTime(START_MS), learner_id: "l9", course_id: "c9", rating: 4 });
    expect((await entity("/features/course/c9")).features).toMatchObject({ price_tokens: 0, rating_mean: 4 });
  });

  test.each([
    ["/features/learner/nobody", "id"],
    ["/features/courses/c1", "entity"],
    ["/features/__proto__/c1", "entity"],
    ["/features/course/c1/c2", "id"],
    ["/features/learner_course/l1", "id"],
    ["/features/learner_course/l1/c2", "id"],
    ["/features/platform/2026-1-1", "id"],
    ["/features/platform/2031-01-01", "id"],
    [`/features/course/${"x".repeat(3_000)}`, "id"],
    ["/features/course/%00", "id"],
  ])("answers 404 with the field at fault (case %#)", async (path, field) => {
    const response = await get(path);
    expect(response.status).toBe(404);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(problemSchema.strict().parse(await response.json())).toMatchObject({ code: "not_found", field });
  });

  test("is gone once the learner is erased", async () => {
    engine.fold({ id: "x", type: "learner.erased", time: formatTime(START_MS), learner_id: "l1" });
    for (const path of ["/features/learner/l1", "/features/learner_course/l1/c1"]) expect((await get(path)).status).toBe(404);
    await entity("/features/course/c1");
  });

  test("answers 503 without a store, and another method with what it answers to", async () => {
    engine.features.current = undefined;
    engine.features.reason = "gone";
    expect((await get("/features/course/c1")).status).toBe(503);
    expect((await get("/features")).status).toBe(200);
    const response = await engine.post("/features/course/c1", {});
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, HEAD");
  });
});
