import { describe, expect, test } from "vitest";
import { priceActionAnswerSchema, type PriceChangesAnswer, priceChangesAnswerSchema } from "../../contracts/price-change.ts";
import { silentLogger } from "../../lib/log.ts";
import { DAY_MS, formatTime, HOUR_MS } from "../../lib/time.ts";
import { START_MS, testArtifact, TestEngine } from "../testing.ts";
import { AutomaticPrices } from "./automatic-prices.ts";
import { CourseStandings } from "./course-standing.ts";

/** Course c1 at 100 tokens; its teacher allows 95 to 120. */
async function setUp(policy?: object): Promise<TestEngine> {
  const engine = new TestEngine();
  engine.foldCatalogue();
  engine.fold({ id: "band", type: "teacher.upserted", time: formatTime(START_MS - DAY_MS), teacher_id: "t1", min_price: 95, max_price: 120 });
  engine.promote(testArtifact());
  await engine.models.check();
  engine.clock.time_ms = START_MS + HOUR_MS;
  if (policy === undefined) return engine;
  await engine.post("/policies/default", { policy, reason: "test" }, "PUT");
  const activated = await engine.post("/policies/default/activate", { revision: 2, reason: "test" });
  expect(activated.status).toBe(200);
  return engine;
}

async function act(engine: TestEngine, action: object, course_id = "c1"): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await engine.post(`/courses/${course_id}/price`, { reason: "test", ...action });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function changes(engine: TestEngine, query = ""): Promise<PriceChangesAnswer> {
  return priceChangesAnswerSchema.parse(await (await engine.app.request(`/courses/c1/price_changes${query}`)).json());
}

/** What the applier does, without a broker. */
function reprice(engine: TestEngine, price: number): void {
  const time = formatTime(engine.clock.time_ms);
  engine.fold({ id: `r${engine.sequence}`, type: "course.repriced", time, course_id: "c1", price });
}

describe("what people decide about a list price", () => {
  test("inside the teacher's band it is accepted, outside it waits for an approval", async () => {
    const engine = await setUp();
    expect(await changes(engine)).toMatchObject({ list_price: 100, list_price_since: null, allowed: { min: 91, max: 110 }, teacher_band: { min_price: 95, max_price: 120 }, cooling_down_until: null, proposal: null, sequence: 0, changes: [] });
    const accepted = await act(engine, { action: "accept", price: 105, quote_id: "q1" });
    expect(priceActionAnswerSchema.parse(accepted.body)).toMatchObject({ outcome: "accepted", price: 105, event_id: expect.stringMatching(/^price-2-/) });
    reprice(engine, 105);

    const outside = await act(engine, { action: "accept", price: 94 });
    expect(outside.body).toEqual({ code: "price_rule", field: "price", status: 422, rule: "step", type: "urn:tidemark:problem:price_rule", title: "The price breaks a rule", detail: expect.stringContaining("96 to 116") as string });
    reprice(engine, 100);
    const proposed = await act(engine, { action: "accept", price: 92 });
    expect(proposed.body).toMatchObject({ outcome: "proposed", event_id: null, detail: expect.stringContaining("teacher") });
    expect((await changes(engine)).proposal).toMatchObject({ price: 92, author: "local", reason: "test" });
    expect((await act(engine, { action: "approve", price: 93 })).body).toMatchObject({ code: "conflict", field: "price" });
    expect((await act(engine, { action: "approve", price: 92 })).body).toMatchObject({ outcome: "accepted" });
    expect((await act(engine, { action: "approve", price: 92 })).body).toMatchObject({ code: "conflict" });

    const audit = await changes(engine, "?limit=2");
    expect(audit.total).toBe(3);
    expect(audit.changes.map(({ type, price, author, reason }) => [type, price, author, reason])).toEqual([["price.accepted", 92, "local", "test"], ["price.proposed", 92, "local", "test"]]);
    expect((await changes(engine)).changes[2]).toMatchObject({ price: 105, quote_id: "q1", automatic: false, time: formatTime(START_MS + HOUR_MS) });
  });

  test("a cool-down holds after every change, whoever made it", async () => {
    const engine = await setUp({ cool_down_hours: 24 });
    expect((await act(engine, { action: "accept", price: 105 })).status).toBe(200);
    // Not in force yet, decided all the same.
    expect((await act(engine, { action: "accept", price: 110 })).body).toMatchObject({ code: "conflict", rule: "cool_down" });
    expect((await changes(engine)).cooling_down_until).toBe(formatTime(START_MS + 25 * HOUR_MS));
    engine.clock.time_ms += 20 * HOUR_MS;
    reprice(engine, 103);
    engine.clock.time_ms += 23 * HOUR_MS;
    expect((await act(engine, { action: "accept", price: 110 })).status).toBe(409);
    engine.clock.time_ms += HOUR_MS;
    expect((await act(engine, { action: "accept", price: 110 })).status).toBe(200);
  });

  test("a schedule waits for its time, and a rejection takes it and the proposal back", async () => {
    const engine = await setUp();
    const at = formatTime(START_MS + 5 * HOUR_MS);
    expect((await act(engine, { action: "schedule", price: 110, at })).body).toMatchObject({ outcome: "scheduled", event_id: expect.stringMatching(/^price-/) });
    expect((await act(engine, { action: "propose", price: 108 })).body).toMatchObject({ outcome: "proposed" });
    expect(await changes(engine)).toMatchObject({ scheduled: [{ price: 110, at }], proposal: { price: 108 } });
    await act(engine, { action: "reject", price: 108 });
    expect(await changes(engine)).toMatchObject({ scheduled: [{ price: 110 }], proposal: null });
    await act(engine, { action: "reject", price: 110 });
    expect((await changes(engine)).scheduled).toEqual([]);
    for (const wrong of [formatTime(START_MS), formatTime(START_MS + 400 * DAY_MS), "tomorrow"]) expect((await act(engine, { action: "schedule", price: 110, at: wrong })).body, wrong).toMatchObject({ code: "invalid_field" });
    expect((await act(engine, { action: "schedule", price: 130, at })).body).toMatchObject({ code: "price_rule", rule: "teacher_band" });
  });

  test("at its time a scheduled price is applied or, if it breaks a rule by then, rejected with the reason", async () => {
    const engine = await setUp();
    const at_ms = START_MS + 5 * HOUR_MS;
    const schedule = async (price: number): Promise<{ sequence: number; course_id: string; price: number; at_ms: number }> => {
      const { body } = await act(engine, { action: "schedule", price, at: formatTime(at_ms) });
      return { sequence: Number(body["sequence"]), course_id: "c1", price, at_ms };
    };
    const near = await schedule(109);
    const far = await schedule(119);
    engine.clock.time_ms = at_ms;
    const { prices } = engine.control;
    expect(await prices.settle(far)).toBe("refused");
    expect((await changes(engine)).changes[0]).toMatchObject({ type: "price.rejected", price: 119, author: "tidemark", reason: "Its time came, but from 100 tokens the policy allows 91 to 110 now: its step, floor and ceiling." });
    expect(await prices.settle(far)).toBe("refused");
    expect((await changes(engine)).total).toBe(3);
    expect(await prices.settle(near)).toBe("apply");
    expect(await prices.settle({ ...near, sequence: 99 })).toBe("later");
    expect(await prices.settle({ ...near, course_id: "gone" })).toBe("refused");
  });

  test("of decisions on the same state one holds", async () => {
    const engine = await setUp();
    const statuses = (await Promise.all(Array.from({ length: 6 }, (_, i) => act(engine, { action: "accept", price: 101 + i })))).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200).length).toBe(1);
    expect(statuses.filter((status) => status === 409).length).toBe(5);
    expect((await act(engine, { action: "propose", price: 107, expected_sequence: 0 })).status).toBe(409);
  });

  test("the random part of a quoted price goes along, from the very decision that stands and no other", async () => {
    const engine = await setUp({ exploration: { kind: "jitter", sigma: 0.08 }, step_log_max: 0.2, hold_probability: 1, respect_teacher_band: false });
    engine.fold({ id: "wide", type: "teacher.upserted", time: formatTime(START_MS), teacher_id: "t1", min_price: 1, max_price: 1_000 });
    const { quote_id, optimal_price: price, exploration } = engine.prices.recommendation("c1");
    expect(exploration).toMatchObject({ kind: "jitter", sigma: 0.08 });
    const kept = (): unknown => engine.store.control("price", "c1")?.message;
    await act(engine, { action: "propose", price, quote_id: "another" });
    expect(kept()).not.toHaveProperty("jitter");
    const jitter = { base: exploration!.pre_price, sigma: 0.08, probability: exploration!.probability };
    await act(engine, { action: "propose", price, quote_id });
    expect(kept()).toMatchObject({ type: "price.proposed", jitter });
    await act(engine, { action: "approve", price });
    expect(kept()).toMatchObject({ type: "price.accepted", quote_id, jitter });
  });

  test("hostile input decides nothing", async () => {
    const engine = await setUp();
    const good = { action: "accept", price: 105 };
    for (const bad of [{ action: "steal" }, { ...good, price: 0 }, { ...good, price: 1.5 }, { ...good, price: "105" }, { ...good, price: 1e12 }, { ...good, reason: "" }, { ...good, quote_id: "a b" }, { ...good, expected_sequence: 0.5 }, { action: "schedule", price: 105 }, {}]) {
      expect((await act(engine, bad)).body, JSON.stringify(bad)).toMatchObject({ code: "invalid_field" });
    }
    expect((await act(engine, { ...good, price: 100 })).body).toMatchObject({ code: "price_rule", rule: "same_price" });
    expect((await act(engine, good, "nobody")).body).toMatchObject({ code: "unknown_course" });
    expect((await act(engine, good, "a.b")).body).toMatchObject({ code: "invalid_field" });
    for (const limit of ["0", "1001", "x", "-1"]) expect(await (await engine.app.request(`/courses/c1/price_changes?limit=${limit}`)).json(), limit).toMatchObject({ code: "invalid_field" });
    expect(engine.store.controlIds("price")).toEqual([]);
    engine.broker.connected = false;
    expect((await act(engine, good)).body).toMatchObject({ code: "broker_unavailable" });
  });
});

describe("what policies decide by themselves", () => {
  function automatic(engine: TestEngine): AutomaticPrices {
    const { features, policies, documents, clock, degradation, turns, prices } = engine;
    const lease = { held: true, term: 1 } as ConstructorParameters<typeof AutomaticPrices>[0]["lease"];
    return new AutomaticPrices({ features, standings: new CourseStandings({ features, policies, clock }), desk: engine.control.prices, recommendation: (id) => prices.recommendation(id), policies: documents, degradation, lease, turns, clock, logger: silentLogger });
  }

  const applied = { cool_down_hours: 24, application: { mode: "automatic" }, respect_teacher_band: false };

  test("automatic: recommended prices inside the band are accepted, each course once a cool-down, the others proposed", async () => {
    const engine = await setUp(applied);
    const work = automatic(engine);
    await work.check();
    const recommended = engine.prices.recommendation("c1");
    expect(recommended.optimal_price).toBeLessThan(95);
    expect(await changes(engine)).toMatchObject({ proposal: { price: recommended.optimal_price, author: "tidemark" }, changes: [{ type: "price.proposed", quote_id: recommended.quote_id }] });
    engine.fold({ id: "wide", type: "teacher.upserted", time: formatTime(START_MS), teacher_id: "t1", min_price: 1, max_price: 1_000 });
    engine.clock.time_ms += HOUR_MS;
    await work.check();
    const accepted = await changes(engine);
    expect(accepted.changes[0]).toMatchObject({ type: "price.accepted", automatic: true, author: "tidemark", reason: "Policy default-2 applies recommended prices." });
    reprice(engine, accepted.changes[0]!.price);
    const { decided } = work;
    for (let hour = 1; hour < 24; hour++) {
      engine.clock.time_ms += HOUR_MS - 1;
      await work.check();
    }
    expect((await changes(engine)).total).toBe(2);
    engine.clock.time_ms += 2 * HOUR_MS;
    await work.check();
    expect((await changes(engine)).total).toBe(3);
    expect(work.decided).toBeGreaterThan(decided);
  });

  test("nothing without such a policy, with a model away, or of what somebody has just turned down", async () => {
    const manual = await setUp();
    await automatic(manual).check();
    expect(manual.store.controlIds("price")).toEqual([]);

    const engine = await setUp(applied);
    const { optimal_price: price } = engine.prices.recommendation("c1");
    await act(engine, { action: "reject", price });
    await automatic(engine).check();
    expect((await changes(engine)).total).toBe(1);

    const unmodelled = new TestEngine();
    unmodelled.foldCatalogue();
    await unmodelled.post("/policies/default", { policy: applied, reason: "test" }, "PUT");
    await unmodelled.post("/policies/default/activate", { revision: 2, reason: "test" });
    await automatic(unmodelled).check();
    expect(unmodelled.store.controlIds("price")).toEqual([]);
  });

  test("approval: everything waits for somebody, once", async () => {
    const engine = await setUp({ ...applied, application: { mode: "approval" } });
    const work = automatic(engine);
    await work.check();
    engine.clock.time_ms += 2 * HOUR_MS;
    await work.check();
    const { changes: list, proposal } = await changes(engine);
    expect(list.map(({ type }) => type)).toEqual(["price.proposed"]);
    expect((await act(engine, { action: "approve", price: proposal!.price })).body).toMatchObject({ outcome: "accepted" });
  });
});
