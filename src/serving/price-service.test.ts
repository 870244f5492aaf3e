import { beforeEach, describe, expect, test } from "vitest";
import { decisionRecordSchema } from "../contracts/decision.ts";
import { defaultPolicy } from "../contracts/policy.ts";
import type { DecisionRecord } from "../contracts/decision.ts";
import { formatTime, MINUTE_MS } from "../lib/time.ts";
import { FeatureReader } from "../features/feature-reader.ts";
import { replayDecision } from "../pricing/decision.ts";
import type { OptimizeAnswer, OptimizeBody, PredictAnswer, PredictBody } from "../contracts/api.ts";
import { testArtifact, TestEngine } from "./testing.ts";

let engine: TestEngine;

beforeEach(async () => {
  engine = new TestEngine();
  engine.foldCatalogue();
  engine.promote(testArtifact());
  await engine.models.check();
});

const quote = (body: OptimizeBody): OptimizeAnswer => JSON.parse(engine.prices.optimize(body)) as OptimizeAnswer;

async function records(): Promise<DecisionRecord[]> {
  await engine.flushed();
  return engine.broker.published.map(({ text }) => decisionRecordSchema.parse(JSON.parse(text)));
}

describe("sharing answers", () => {
  test("identical inputs share one decision, recorded once; only the age is the call's own", async () => {
    const first = quote({ course_id: "c1" });
    engine.clock.time_ms += 2_500;
    const second = quote({ course_id: "c1" });
    expect(second).toEqual({ ...first, freshness_ms: first.freshness_ms + 2_500 });
    expect(engine.prices).toMatchObject({ hits: 1, misses: 1 });
    expect((await records()).map((record) => record.id)).toEqual([first.quote_id]);
  });

  test("each part of the body that matters makes its own answer, and they do not displace each other", async () => {
    const bodies: OptimizeBody[] = [
      { course_id: "c1" },
      { course_id: "c2" },
      { course_id: "c1", current_price: 90 },
      { course_id: "c1", current_enrollments: 3 },
      { course_id: "c1", objective: "enrollments" },
      { course_id: "c1", current_price: 90, objective: "enrollments" },
      { course_features: { category: "programming", base_price: 90 } },
      { course_features: { category: "programming", base_price: 91 } },
      { course_features: { category: "programming", base_price: 90, difficulty_level: "expert" } },
      { course_features: { category: "programming", base_price: 90, quality_tier: "elite" } },
      { course_id: "c9", course_features: { category: "programming", base_price: 90 } },
      { course_features: { category: "design", base_price: 90 } },
    ];
    const first = bodies.map((body) => quote(body).quote_id);
    expect(new Set(first).size).toBe(bodies.length);
    expect(bodies.map((body) => quote(body).quote_id)).toEqual(first);
    expect(engine.prices).toMatchObject({ hits: bodies.length, misses: bodies.length });
    expect((await records()).length).toBe(bodies.length);
  });

  test("an enrollment that was folded is in the next quote", async () => {
    const before = quote({ course_id: "c1" });
    engine.enroll("c1", 150);
    const after = quote({ course_id: "c1" });
    expect(after.quote_id).not.toBe(before.quote_id);
    expect(after.freshness_ms).toBe(0);
    const [, record] = await records();
    expect(record?.inputs.record_sequence).toBe(engine.sequence);
    expect(record?.cursor_sequence).toBe(engine.sequence);
  });

  test("views alone are in the quotes of the course's next minute; anything else that happens is at once, and brings them along", async () => {
    const view = (i: number): void => engine.fold({ id: `view-${i}`, type: "exposure.viewed", time: formatTime(engine.clock.time_ms), course_id: "c1", learner_id: "l9", price: 100 });
    const first = quote({ course_id: "c1" }).quote_id;
    view(1);
    expect(quote({ course_id: "c1" }).quote_id).toBe(first);
    view(2);
    expect(quote({ course_id: "c1" }).quote_id).toBe(first);
    const [record] = await records();
    engine.clock.time_ms = record!.inputs.now_ms + MINUTE_MS;
    const second = quote({ course_id: "c1" }).quote_id;
    expect(second).not.toBe(first);
    view(3);
    expect(quote({ course_id: "c1" }).quote_id).toBe(second);
    engine.fold({ id: "rated", type: "activity.rating", time: formatTime(engine.clock.time_ms), course_id: "c1", learner_id: "l9", rating: 4 });
    expect(quote({ course_id: "c1" }).quote_id).not.toBe(second);
    const sequences = (await records()).map((known) => known.inputs.record_sequence);
    expect(sequences).toEqual([engine.sequence - 4, engine.sequence - 2, engine.sequence]);
  });

  test("another course's enrollment reaches the category with the course's next minute, not at once", async () => {
    const before = quote({ course_id: "c1" }).quote_id;
    engine.enroll("c2", 80);
    expect(quote({ course_id: "c1" }).quote_id).toBe(before);
    engine.clock.time_ms += MINUTE_MS;
    expect(quote({ course_id: "c1" }).quote_id).not.toBe(before);
    const [then, now] = await records();
    expect(now?.inputs.now_ms).toBe((then?.inputs.now_ms ?? 0) + MINUTE_MS);
    expect(now?.inputs.features).not.toEqual(then?.inputs.features);
  });

  test("a new model, a new minute and a lost broker each make a new quote", async () => {
    const seen = [quote({ course_id: "c1" }).quote_id];
    engine.promote(testArtifact("v2", -2.5));
    await engine.models.check();
    const swapped = quote({ course_id: "c1" });
    expect(swapped.model).toBe("v2");
    seen.push(swapped.quote_id);
    engine.clock.time_ms += MINUTE_MS;
    seen.push(quote({ course_id: "c1" }).quote_id);
    engine.broker.connected = false;
    const alone = quote({ course_id: "c1" });
    expect(alone.degraded).toEqual(["broker_unreachable"]);
    seen.push(alone.quote_id);
    expect(new Set(seen).size).toBe(4);
    engine.broker.connected = true;
    expect(quote({ course_id: "c1" })).not.toHaveProperty("degraded");
    expect(engine.prices.degraded_answers).toBe(1);
  });

  test("a course that moves is read with its new category", () => {
    quote({ course_id: "c1" });
    engine.fold({
      id: "move",
      type: "course.upserted",
      time: new Date(engine.clock.time_ms).toISOString(),
      course_id: "c1",
      teacher_id: "t1",
      category: "design",
      difficulty_level: "intermediate",
      quality_tier: "standard",
      base_price: 100,
      launched_at: new Date(engine.clock.time_ms).toISOString(),
    });
    const moved = quote({ course_id: "c1" });
    expect(quote({ course_id: "c1" }).quote_id).toBe(moved.quote_id);
    engine.enroll("c3", 60);
    engine.clock.time_ms += MINUTE_MS;
    expect(quote({ course_id: "c1" }).quote_id).not.toBe(moved.quote_id);
  });

  test("another store shares nothing with the one before", () => {
    quote({ course_id: "c1" });
    const other = new TestEngine();
    engine.features.current = { store: other.store, reader: new FeatureReader(other.store) };
    expect(() => quote({ course_id: "c1" })).toThrow("No event of course c1");
    expect(engine.prices.entries).toBe(0);
  });

  test("a course that is known only by an enrollment is priced without a category", () => {
    engine.enroll("lonely", 70);
    expect(quote({ course_id: "lonely" })).toMatchObject({ course_id: "lonely", current_price: 70 });
    expect(quote({ course_id: "lonely" }).quote_id).toBe(quote({ course_id: "lonely" }).quote_id);
  });
});

describe("sharing predictions", () => {
  const predict = (body: PredictBody): PredictAnswer => JSON.parse(engine.prices.predict(body)) as PredictAnswer;

  test("the same question gets the same answer until something but views changes, and each part of it makes another", () => {
    const bodies: PredictBody[] = [
      { course_id: "c1", price_points: [90, 110] },
      { course_id: "c1", price_points: [90] },
      { course_id: "c1", price_points: [90, 110], horizon_days: 7 },
      { course_id: "c2", price_points: [90, 110] },
    ];
    const first = bodies.map(predict);
    expect(new Set(first.map((answer) => JSON.stringify(answer))).size).toBe(bodies.length);
    expect(bodies.map(predict)).toEqual(first);
    expect(engine.prices).toMatchObject({ hits: bodies.length, misses: bodies.length });
    engine.fold({ id: "seen", type: "exposure.viewed", time: formatTime(engine.clock.time_ms), course_id: "c1", learner_id: "l9", price: 100 });
    expect(predict(bodies[0]!)).toEqual(first[0]);
    engine.enroll("c1", 110);
    expect(predict(bodies[0]!).predictions).not.toEqual(first[0]?.predictions);
    expect(predict(bodies[3]!)).toEqual(first[3]);
  });

  test("a course that nobody knows is predicted from what the call says of it", () => {
    const of = (base_price: number): PredictBody => ({ course_id: "c9", course_features: { category: "programming", base_price }, price_points: [90] });
    expect(predict(of(50)).predictions).not.toEqual(predict(of(500)).predictions);
    expect(engine.prices.hits).toBe(0);
  });
});

describe("decisions", () => {
  test("each one replays to the answer that was given", async () => {
    const answers = [quote({ course_id: "c1" }), quote({ course_id: "c1", objective: "enrollments" }), quote({ course_features: { category: "design", base_price: 33 } })];
    const replayed = (await records()).map((record) => replayDecision(record, engine.models.current?.model ?? null, defaultPolicy));
    expect(replayed.map(({ identical }) => identical)).toEqual([true, true, true]);
    expect(replayed.map(({ answer }) => answer)).toEqual(answers.map(({ freshness_ms: _age, ...answer }) => answer));
  });

  test("are published under their own id, on the course's subject", async () => {
    const known = quote({ course_id: "c1" }).quote_id;
    const cold = quote({ course_features: { category: "design", base_price: 33 } }).quote_id;
    await engine.flushed();
    expect(engine.broker.published.map(({ subject, message_id }) => [subject, message_id])).toEqual([
      ["quotes.course.c1", known],
      ["quotes.course._cold", cold],
    ]);
  });

  test("read features as of the start of the course's minute", async () => {
    quote({ course_id: "c1" });
    const [record] = await records();
    const age_ms = engine.clock.time_ms - record!.inputs.now_ms;
    expect(age_ms).toBeGreaterThanOrEqual(0);
    expect(age_ms).toBeLessThan(MINUTE_MS);
    // A minute later to the millisecond it is the next minute's.
    engine.clock.time_ms = record!.inputs.now_ms + MINUTE_MS;
    quote({ course_id: "c1" });
    expect((await records()).at(-1)?.inputs.now_ms).toBe(engine.clock.time_ms);
  });
});
