import * as fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { propensityBatchAnswerSchema, type SegmentsAnswer, segmentsAnswerSchema } from "../../contracts/learner-scores.ts";
import { dimensions } from "../../contracts/propensity.ts";
import { problemSchema } from "../../contracts/problem.ts";
import { FeatureReader } from "../../features/feature-reader.ts";
import { FeatureWriter } from "../../features/feature-writer.ts";
import { MemoryStore } from "../../features/memory-store.ts";
import { PartitionedStore } from "../../features/partitioned-store.ts";
import { DAY_MS, formatTime, MINUTE_MS, parseTime } from "../../lib/time.ts";
import { START_MS, TestEngine } from "../testing.ts";
import { surveyLearners } from "./population.ts";
import { askScores, enrolledIn, registered, testScorer, tokens } from "./testing.ts";

let engine: TestEngine;

beforeEach(async () => {
  engine = new TestEngine();
  engine.foldCatalogue();
  engine.propensity.current = { model: testScorer() };
  await engine.degradation.check();
});

const get = (path: string): Promise<Response> => Promise.resolve(engine.app.request(path));
const problemOf = async (response: Response): Promise<object> => problemSchema.parse(await response.json());

describe("GET /learner/{id}/propensity", () => {
  test("five scores with intervals and reasons, and what follows from them", async () => {
    engine.fold(tokens("ann", "purchased", 1_150), tokens("ann", "earned", 450), enrolledIn("ann", "c1", 200));
    const answer = await askScores(engine, "ann");
    expect(Object.keys(answer.scores)).toEqual([...dimensions]);
    expect(answer.scores.enrollment).toEqual({
      score: 1,
      interval: { low: 0.9, high: 1 },
      model: "boosting",
      drivers: [{ feature: "balance_tokens", value: 1_600, direction: "raises", effect: 0.5, text: "balance: 1600 tokens, which raises it" }],
    });
    expect(answer.scores.churn).toMatchObject({ score: 0.45, drivers: [] });
    expect(answer).toMatchObject({ learner_id: "ann", segment: "hot", risk_level: "medium", priority: "high", cold_start: false, model: "p1", rules: "default-1", expected_tokens: 200, value_at_risk_tokens: 90, freshness_ms: 0, sequence: engine.sequence });
    // Who enrolls in any case needs no discount.
    expect(answer.actions).toEqual({ rule: "reassure", discount_pct: 0, discount_gain_tokens: 0, contact_frequency: "weekly", channel: "in_app", offer_type: "bundle", intervention: "check_in" });
    expect(answer).not.toHaveProperty("degraded");
  });

  test("a discount where it is expected to gain tokens, within what the rule allows", async () => {
    engine.fold(tokens("ben", "purchased", 320), enrolledIn("ben", "c1", 400));
    const { actions, segment } = await askScores(engine, "ben");
    expect(segment).toBe("cold");
    expect(actions).toMatchObject({ discount_pct: 15, offer_type: "discount", rule: "interest" });
    expect(actions.discount_gain_tokens).toBeGreaterThan(1);
  });

  test("an event changes the next answer; nothing else does within five minutes but the age", async () => {
    engine.fold(tokens("ann", "purchased", 690));
    const first = await askScores(engine, "ann");
    expect(first.segment).toBe("warm");
    engine.clock.time_ms += 1_000;
    expect({ ...(await askScores(engine, "ann")), freshness_ms: 0 }).toEqual({ ...first, freshness_ms: 0 });
    expect([engine.scores.hits, engine.scores.misses]).toEqual([1, 1]);
    engine.fold(tokens("ben", "purchased", 5));
    await askScores(engine, "ann");
    expect([engine.scores.hits, engine.scores.misses]).toEqual([2, 1]);
    engine.fold(tokens("ann", "purchased", 10));
    expect(await askScores(engine, "ann")).toMatchObject({ segment: "hot", sequence: engine.sequence });
    engine.clock.time_ms += 5 * MINUTE_MS;
    const later = await askScores(engine, "ann");
    expect(parseTime(later.scored_at) - parseTime(first.scored_at)).toBe(5 * MINUTE_MS);
    expect(engine.scores.misses).toBe(3);
  });

  test("many who ask for the same wait for the same reasons", async () => {
    let explained = 0;
    const model = testScorer();
    engine.propensity.current = { model: { ...model, explain: (features, dimension) => (explained++, model.explain(features, dimension)) } };
    engine.fold(tokens("ann", "purchased", 400));
    const answers = await Promise.all(Array.from({ length: 150 }, () => askScores(engine, "ann")));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(explained).toBe(dimensions.length);
  });

  test("too many at once are turned away, and answered when they come again", async () => {
    for (let i = 0; i < 150; i++) engine.fold(tokens(`m${i}`, "purchased", 400));
    await askScores(engine, "m0");
    const statuses = await Promise.all(Array.from({ length: 150 }, async (_, i) => (await get(`/learner/m${i}/propensity`)).status));
    expect(statuses.filter((status) => status === 503)).toHaveLength(150 - 1 - 128);
    for (let i = 0; i < 150; i++) expect((await get(`/learner/m${i}/propensity`)).status).toBe(200);
  });

  test("a model scores from the next answer on", async () => {
    engine.fold(tokens("ann", "purchased", 400));
    expect(await askScores(engine, "ann")).toMatchObject({ model: "p1", segment: "cold" });
    engine.propensity.current = { model: testScorer("p2", 0.2) };
    expect(await askScores(engine, "ann")).toMatchObject({ model: "p2", segment: "warm" });
  });

  test("without a model the hand-weighted scores answer, and say so", async () => {
    engine.propensity.current = undefined;
    engine.fold(tokens("ann", "purchased", 100), enrolledIn("ann", "c1", 60));
    const answer = await askScores(engine, "ann");
    expect(answer).toMatchObject({ model: "none", degraded: ["no_propensity_model"], scores: { enrollment: { model: "hand_score", interval: { low: 0, high: 1 } }, upsell: { model: "base_rate", score: 0.5 } } });
    expect(answer.scores.enrollment.score).toBeCloseTo(0.3 * (1 - 1 / 90) + 0.2 * 0.5 + 0.1 * 0.5, 2);
    expect(answer.actions.discount_pct).toBe(0);
    engine.broker.connected = false;
    expect((await askScores(engine, "ann")).degraded).toEqual(["no_propensity_model", "broker_unreachable"]);
  });

  test("who registered and did nothing is a cold start", async () => {
    engine.fold(registered("new"));
    expect(await askScores(engine, "new")).toMatchObject({ cold_start: true, segment: "dormant", expected_tokens: 0, value_at_risk_tokens: 0, priority: "low", actions: { rule: "rest" } });
    engine.fold(tokens("new", "purchased", 1));
    expect((await askScores(engine, "new")).cold_start).toBe(false);
  });

  test.each(["nobody", "l0-", "a%20b", `${"x".repeat(65)}`])("%s is unknown", async (id) => {
    const response = await get(`/learner/${id}/propensity`);
    expect(response.status).toBe(404);
    expect(await problemOf(response)).toMatchObject({ code: "unknown_learner", field: "learner_id" });
  });

  test("who was erased is unknown from the next answer on", async () => {
    engine.fold(tokens("ann", "purchased", 400));
    await askScores(engine, "ann");
    engine.fold({ id: "erase", type: "learner.erased", time: formatTime(START_MS), learner_id: "ann" });
    expect((await get("/learner/ann/propensity")).status).toBe(404);
    expect((await get("/learner/ann/recommendations")).status).toBe(404);
  });

  test("without features: 503", async () => {
    engine.features.current = undefined;
    for (const path of ["/learner/ann/propensity", "/learner/ann/recommendations", "/segments"]) expect((await get(path)).status).toBe(503);
  });

  test("another method is told which one there is", async () => {
    const response = await engine.app.request("/learner/ann/propensity", { method: "POST" });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    expect((await get("/learner/ann")).status).toBe(404);
  });

  test("what is kept is what would be computed, whatever happens in between", async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("fold" as const), learner: fc.nat(3), amount: fc.integer({ min: 1, max: 500 }) }),
      fc.record({ do: fc.constant("wait" as const), learner: fc.nat(3), amount: fc.integer({ min: 1, max: 20 * MINUTE_MS }) }),
      fc.record({ do: fc.constant("model" as const), learner: fc.nat(3), amount: fc.nat(3) }),
      fc.record({ do: fc.constant("broker" as const), learner: fc.nat(3), amount: fc.nat(1) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const kept = new TestEngine();
        kept.propensity.current = { model: testScorer() };
        for (let learner = 0; learner < 4; learner++) kept.fold(tokens(`p${learner}`, "purchased", 100));
        for (const { do: what, learner, amount } of steps) {
          if (what === "fold") kept.fold(tokens(`p${learner}`, "purchased", amount, kept.clock.time_ms));
          else if (what === "wait") kept.clock.time_ms += amount;
          else if (what === "model") kept.propensity.current = { model: testScorer(`p${amount}`, amount / 10) };
          else kept.broker.connected = amount === 1;
          const answer = await askScores(kept, `p${learner}`);
          // The survey is another engine's own: priorities go by it.
          const { priority: _, actions: _a, ...scores } = answer;
          kept.scores.find("nobody");
          const fresh = kept.scores.score(kept.features.current!, `p${learner}`, parseTime(answer.scored_at))!;
          expect(scores.scores.enrollment.score).toBeCloseTo(fresh.scores[0]!, 4);
          expect([answer.sequence, answer.segment, answer.model]).toEqual([fresh.sequence, fresh.standing.segment, kept.propensity.current!.model.version]);
          expect(answer.degraded ?? []).toEqual(kept.broker.connected ? [] : ["broker_unreachable"]);
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe("POST /propensity_batch", () => {
  test("each learner as alone, refused ones for themselves", async () => {
    engine.fold(tokens("ann", "purchased", 700), tokens("ben", "purchased", 100));
    const ids = ["ann", "nobody", "a b", "ben", "ann", ""];
    const response = await engine.post("/propensity_batch", { learner_ids: ids });
    const answer = propensityBatchAnswerSchema.strict().parse(await response.json());
    expect(answer).toMatchObject({ scored: 3, failed: 3 });
    expect(answer.results.map(({ learner_id }) => learner_id)).toEqual(ids);
    expect(answer.results[1]).toMatchObject({ error: { code: "unknown_learner" } });
    expect(answer.results[2]).toMatchObject({ error: { code: "invalid_field" } });
    const alone = await askScores(engine, "ann");
    for (const score of Object.values(alone.scores)) delete score.drivers;
    expect(answer.results[0]).toEqual(alone);
    const explained = propensityBatchAnswerSchema.parse(await (await engine.post("/propensity_batch", { learner_ids: ["ann"], drivers: true })).json());
    expect(explained.results[0]).toEqual(await askScores(engine, "ann"));
  });

  test("500 at once, and not one more", async () => {
    engine.fold(tokens("ann", "purchased", 700));
    const many = await engine.post("/propensity_batch", { learner_ids: new Array(500).fill("ann") });
    expect((await many.json()) as object).toMatchObject({ scored: 500, failed: 0 });
    for (const learner_ids of [new Array(501).fill("ann"), [], "ann", [7], undefined]) {
      const response = await engine.post("/propensity_batch", { learner_ids });
      expect(response.status).toBe(422);
      expect(await problemOf(response)).toMatchObject({ code: "invalid_field" });
    }
  });
});

describe("GET /segments", () => {
  const segments = async (): Promise<SegmentsAnswer> => segmentsAnswerSchema.strict().parse(await (await get("/segments")).json());

  test("sizes, averages and thirds of all learners", async () => {
    const fresh = new TestEngine();
    engine = fresh;
    engine.propensity.current = { model: testScorer() };
    await engine.degradation.check();
    for (let i = 0; i < 100; i++) engine.fold(tokens(`s${i}`, "purchased", 10 * i + 1), tokens(`s${i}`, "earned", 200), enrolledIn(`s${i}`, "c1", 100));
    const answer = await segments();
    expect(answer).toMatchObject({ learners: 100, scored: 100, model: "p1", movement: null });
    expect(answer.segments.map(({ segment, learners, share }) => [segment, learners, share])).toEqual([["hot", 30, 0.3], ["warm", 20, 0.2], ["cold", 20, 0.2], ["dormant", 30, 0.3]]);
    expect(answer.segments[0]!.averages).toMatchObject({ enrollment: 0.846, churn: 0.2, balance_tokens: 1_046, completion_rate: 0 });
    expect(answer.segments[0]!.risk_levels).toEqual({ low: 30, medium: 0, high: 0 });
    const priorities = await Promise.all(Array.from({ length: 100 }, async (_, i) => (await askScores(engine, `s${i}`)).priority));
    for (const priority of ["low", "medium", "high"]) expect(Math.abs(priorities.filter((one) => one === priority).length - 33)).toBeLessThanOrEqual(1);
  });

  test("nobody yet", async () => {
    engine = new TestEngine();
    const answer = await segments();
    expect(answer).toMatchObject({ learners: 0, scored: 0, degraded: ["no_propensity_model"] });
    expect(answer.segments.map(({ averages }) => averages)).toEqual([null, null, null, null]);
  });

  test("is not sent again to whoever has it, and told of movement", async () => {
    engine.fold(tokens("ann", "purchased", 700));
    const first = await get("/segments");
    const etag = first.headers.get("etag")!;
    const again = (headers: Record<string, string>): Promise<Response> => Promise.resolve(engine.app.request("/segments", { headers }));
    expect((await again({ "if-none-match": etag })).status).toBe(304);
    engine.movement.current = { since: formatTime(START_MS - 6 * DAY_MS), moves: [{ from: "cold", to: "hot", learners: 3 }] };
    const moved = await again({ "if-none-match": etag });
    expect(((await moved.json()) as SegmentsAnswer).movement).toEqual(engine.movement.current);
  });

  test("of more learners than are scored, an even sample stands for all", () => {
    engine = new TestEngine();
    engine.propensity.current = { model: testScorer() };
    engine.fold(...Array.from({ length: 5_000 }, (_, i) => tokens(`s${i}`, "purchased", (i % 1_000) + 1)));
    const steps = surveyLearners(engine.scores, engine.features.current!, START_MS, 2_000);
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    const { learners, scored, segments: sizes } = step.value;
    expect(learners).toBe(5_000);
    expect(scored).toBeGreaterThan(1_000);
    expect(scored).toBeLessThanOrEqual(2_000);
    // Three standard errors of a share of 1,200.
    for (const [i, share] of [0.301, 0.2, 0.2, 0.299].entries()) expect(Math.abs(sizes[i]!.share - share)).toBeLessThan(0.04);
    expect(Math.abs(sizes.reduce((sum, { learners: of }) => sum + of, 0) - 5_000)).toBeLessThanOrEqual(2);
  });
});

test("a learner of partitions is read where it is owned", async () => {
  const stores = [0, 1, 2].map(() => new MemoryStore());
  const writers = stores.map((store, index) => new FeatureWriter(store, { partition: { index, count: 3 } }));
  const one = new TestEngine();
  one.propensity.current = { model: testScorer() };
  one.foldCatalogue();
  const events = Array.from({ length: 12 }, (_, i) => tokens(`p${i}`, "purchased", 90 * i + 5));
  one.fold(...events);
  events.forEach((event, i) => {
    const time_ms = parseTime(event.time);
    for (const writer of writers) writer.apply({ sequence: i + 1, broker_time_ms: time_ms, event_time_ms: time_ms, known_at_ms: time_ms, event });
  });
  for (const writer of writers) writer.commit({ stream_created: "2026-01-01T00:00:00.000Z", sequence: events.length, message_hash: "" });
  const many = new TestEngine();
  many.propensity.current = one.propensity.current;
  const store = new PartitionedStore(stores);
  many.features.current = { store, reader: new FeatureReader(store) };
  for (let i = 0; i < 12; i++) {
    const { sequence: _, ...alone } = await askScores(one, `p${i}`);
    const { sequence: _s, ...answer } = await askScores(many, `p${i}`);
    const without = ({ priority: _p, actions: _a, ...rest }: typeof alone): object => rest;
    expect(without(answer)).toEqual(without(alone));
  }
});

test("figures tell of hits, misses and the survey", async () => {
  engine.fold(tokens("ann", "purchased", 700));
  await askScores(engine, "ann");
  await askScores(engine, "ann");
  const metrics = await (await get("/metrics")).text();
  expect(metrics).toMatch(/tidemark_score_cache_hits_total 1\n/);
  expect(metrics).toMatch(/tidemark_score_cache_misses_total 1\n/);
  expect(metrics).toMatch(/tidemark_score_cache_entries 1\n/);
  expect(metrics).toMatch(/tidemark_learners_surveyed [1-9]\d*\n/);
  expect(metrics).toMatch(/tidemark_serving_info\{model="none",propensity_model="p1",policy="default-1"\} 1/);
});

test("GET /model_info tells of either family", async () => {
  expect(await (await get("/model_info?family=propensity")).json()).toEqual({ family: "propensity" });
  expect((await get("/model_info")).status).toBe(404);
  engine.propensity.current = undefined;
  expect(await problemOf(await get("/model_info?family=propensity"))).toMatchObject({ code: "not_found", detail: expect.stringContaining("hand-weighted") as string });
  expect(await problemOf(await get("/model_info?family=none"))).toMatchObject({ code: "invalid_field", field: "family" });
});
