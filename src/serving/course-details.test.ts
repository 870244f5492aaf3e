import { beforeEach, describe, expect, test } from "vitest";
import { optimizeAnswerSchema } from "../contracts/api.ts";
import { decisionRecordSchema } from "../contracts/decision.ts";
import { defaultPolicy } from "../contracts/policy.ts";
import { entityFeatureNames } from "../features/entity-reader.ts";
import { DAY_MS, formatTime, HOUR_MS } from "../lib/time.ts";
import { replayDecision } from "../pricing/decision.ts";
import { CatalogueClient, catalogueEngine, rated, repriced, upserted, viewed } from "./catalogue-testing.ts";
import { START_MS, TestEngine } from "./testing.ts";

let engine: TestEngine;
let client: CatalogueClient;

function use(other: TestEngine): void {
  engine = other;
  client = new CatalogueClient(engine);
}

beforeEach(async () => use(await catalogueEngine()));

describe("GET /courses/{id}", () => {
  test("has everything that is known of the course", async () => {
    const time_ms = START_MS - DAY_MS;
    engine.fold(upserted("c4", "programming", "t9", 80), { id: "t", type: "teacher.upserted", time: formatTime(time_ms), teacher_id: "t9", min_price: 20 });
    engine.fold(repriced("c4", 90, time_ms + HOUR_MS), repriced("c4", 85, time_ms), viewed("c4", 90, START_MS - HOUR_MS));
    const detail = await client.course("c4");
    expect(detail).toMatchObject({ course_id: "c4", title: "About c4", prerequisites: ["c1"], category: "programming", teacher_id: "t9", teacher_band: { min_price: 20, max_price: null }, list_price: 90 });
    expect(detail.price_history).toEqual([
      { time: formatTime(time_ms), price: 85 },
      { time: formatTime(time_ms + HOUR_MS), price: 90 },
    ]);
    expect(detail).toMatchObject({ repricings: 2, sequence: engine.sequence, updated_at: formatTime(START_MS - HOUR_MS), freshness_ms: HOUR_MS, model: "v1", policy: "default-1" });
    expect(Object.keys(detail.features)).toEqual(entityFeatureNames.course);
    expect(detail.features).toMatchObject({ price_tokens: 90, exposures_7d: 1, category_courses: 3 });
    expect(detail.elasticity.estimated).toEqual({ value: -1.4, type: "unit", ci95: [-2.1067, -0.6933], source: "category", sales: 300, identified: true });
    expect(detail).not.toHaveProperty("degraded");
    const plain = await client.course("c2");
    expect(plain).toMatchObject({ teacher_band: null, title: null, prerequisites: [], price_history: [], repricings: 0 });
  });

  test("keeps the latest 32 prices of a longer history, and says how many there were", async () => {
    engine.fold(...Array.from({ length: 40 }, (_, i) => repriced("c1", 100 + i, START_MS - (40 - i) * HOUR_MS)));
    const { price_history, repricings } = await client.course("c1");
    expect(repricings).toBe(40);
    expect(price_history.map(({ price }) => price)).toEqual(Array.from({ length: 32 }, (_, i) => 108 + i));
  });

  test("recommends by the very decision of a price call, recorded once and replayable", async () => {
    const detail = await client.course("c1");
    const answer = optimizeAnswerSchema.parse(await (await engine.post("/optimize_price", { course_id: "c1" })).json());
    const { freshness_ms, ...decision } = answer;
    expect(detail.recommendation).toEqual(decision);
    expect(detail.freshness_ms).toBe(freshness_ms);
    expect(detail.elasticity.now).toEqual(answer.elasticity);
    expect(detail.elasticity.estimated).toMatchObject({ value: -2.1, source: "course" });
    await engine.flushed();
    const records = engine.broker.published.map(({ text }) => decisionRecordSchema.parse(JSON.parse(text)));
    expect(records.map(({ id }) => id)).toEqual([detail.recommendation.quote_id]);
    const replayed = replayDecision(records[0], engine.models.current!.model, defaultPolicy);
    expect(replayed).toEqual({ identical: true, answer: detail.recommendation });
  });

  test("draws the curve from the posterior of the decision", async () => {
    const { demand_curve, recommendation, supported_range, list_price } = await client.course("c1");
    const { points, horizon_days, volume } = demand_curve;
    expect([points[0]!.price, points.at(-1)!.price]).toEqual([50, 200]);
    const at = (price: number): (typeof points)[number] => points.find((point) => point.price === price)!;
    const { expected, optimal_price } = recommendation;
    expect({ horizon_days, volume }).toEqual({ horizon_days: expected.horizon_days, volume: expected.volume });
    expect(at(optimal_price)).toMatchObject({ enrollments: expected.optimized_enrollments, revenue: expected.optimized_revenue, revenue_interval95: expected.interval });
    expect(at(list_price)).toMatchObject({ enrollments: expected.current_enrollments, revenue: expected.current_revenue });
    const forecast = (await (await engine.post("/predict_enrollments", { course_id: "c1", price_points: [50, optimal_price, 200] })).json()) as { predictions: { price: number; interval80: unknown; interval95: unknown }[]; supported_range: unknown };
    for (const { price, interval80, interval95 } of forecast.predictions) expect(at(price)).toMatchObject({ interval80, interval95 });
    expect(supported_range).toEqual(forecast.supported_range);
  });

  test("follows an enrollment at once, and says what is degraded", async () => {
    const before = await client.course("c1");
    for (let i = 0; i < 30; i++) engine.enroll("c1", 100);
    engine.broker.connected = false;
    const after = await client.course("c1");
    expect(after.features["enrollments_30d"]).toBe(before.features["enrollments_30d"]! + 30);
    expect(after.recommendation.quote_id).not.toBe(before.recommendation.quote_id);
    expect(after.degraded).toEqual(["broker_unreachable"]);
    expect(after.recommendation.degraded).toEqual(["broker_unreachable"]);
    use(new TestEngine());
    engine.foldCatalogue();
    expect(await client.course("c1")).toMatchObject({ model: "none", degraded: ["no_model"], elasticity: { estimated: { source: "prior", identified: false } }, recommendation: { model: "none" } });
  });

  test("unknown courses are not found, whatever their ids", async () => {
    engine.fold(rated("b1", 4));
    for (const id of ["nobody", "b1", "C1", "__proto__", "constructor", "c1%20", "%00", "c1%2Fc2", "x".repeat(3_000), "%E0%A4%A"]) {
      expect(await client.problem(`/courses/${id}`), id).toMatchObject({ status: 404, code: "unknown_course", field: "course_id" });
    }
    for (const path of ["/courses/", "/courses/c1/", "/courses/c1/c2", "/categories/programming"]) expect(await client.problem(path), path).toMatchObject({ status: 404, code: "not_found" });
    expect(engine.decisions.pending).toBe(0);
  });

  test("other methods are told what it answers to", async () => {
    for (const path of ["/courses", "/categories", "/courses/c1"]) {
      const response = await engine.post(path, {});
      expect(response.status).toBe(405);
      expect(response.headers.get("allow")).toBe("GET, HEAD");
      expect((await engine.app.request(path, { method: "HEAD" })).status).toBe(200);
    }
  });
});
