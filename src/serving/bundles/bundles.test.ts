import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { type BundleAnswer, bundleAnswerSchema, bundleRecordSchema } from "../../contracts/bundle.ts";
import { STREAM_QUOTES } from "../../contracts/subjects.ts";
import { policySchema } from "../../contracts/policy.ts";
import { hash32, Prng } from "../../lib/prng.ts";
import { complete } from "../../lib/steps.ts";
import { HOUR_MS } from "../../lib/time.ts";
import { replayBundle } from "../../pricing/bundles/bundle-decision.ts";
import { FixedPolicy } from "../policy-source.ts";
import { testArtifact, TestEngine } from "../testing.ts";
import { surveyCoEnrollment } from "./co-enrollment.ts";

let engine: TestEngine;

beforeEach(async () => {
  engine = new TestEngine();
  engine.foldCatalogue();
  engine.promote(testArtifact());
  await engine.models.check();
});

async function bundle(...course_ids: string[]): Promise<BundleAnswer> {
  const response = await engine.post("/bundle_price", { course_ids });
  expect(response.status).toBe(200);
  return bundleAnswerSchema.parse(await response.json());
}

async function refused(body: unknown): Promise<[number, string | undefined]> {
  const response = await engine.post("/bundle_price", body);
  return [response.status, ((await response.json()) as { field?: string }).field];
}

describe("POST /bundle_price", () => {
  test("prices between the dearest part and the sum, says why, and what it is expected to bring", async () => {
    const answer = await bundle("c1", "c2", "c3");
    expect(answer).toMatchObject({ course_ids: ["c1", "c2", "c3"], left_out: [], sum_of_parts: 240, price_range: { min: 168, max: 240 }, policy: "default-1" });
    expect(answer.price).toBeGreaterThanOrEqual(168);
    expect(answer.price).toBeLessThanOrEqual(240);
    const { revenue, increase, revenue_without_bundle } = answer.expected;
    expect(revenue.value).toBeCloseTo(revenue_without_bundle + increase.value, 1);
    expect(increase.value).toBeGreaterThanOrEqual(0);
    expect(revenue.interval.low <= revenue.value && revenue.value <= revenue.interval.high).toBe(true);
    expect(answer.waterfall.map(({ name }) => name).filter((name) => name !== "largest_discount")).toEqual(["sum_of_parts", "bundle_demand", "bundle", "whole_tokens"]);
    expect(answer.reasoning).toMatch(new RegExp(`^${answer.price} tokens`));
    expect(answer.parts.map(({ price }) => price)).toEqual([100, 80, 60]);
  });

  test("is one decision in whatever order its courses are named, recorded once, and replays byte for byte", async () => {
    const [one, other] = [await bundle("c1", "c2"), await bundle("c2", "c1")];
    expect(other).toEqual(one);
    await engine.flushed();
    const records = engine.broker.published.filter(({ subject }) => subject === `quotes.bundle.${one.quote_id}`);
    expect(records).toHaveLength(1);
    expect(records[0]!.message_id).toBe(one.quote_id);
    const record = bundleRecordSchema.parse(JSON.parse(records[0]!.text));
    const { left_out: _, ...rest } = one;
    expect(replayBundle(JSON.parse(records[0]!.text))).toEqual({ identical: true, answer: rest });
    expect(replayBundle({ ...record, price: record.price + 1 }).identical).toBe(false);
    expect(replayBundle({ ...record, inputs: { ...record.inputs, weight: 0.5 } }).identical).toBe(false);
    engine.enroll("c2", 80);
    expect((await bundle("c1", "c2")).quote_id).not.toBe(one.quote_id);
  });

  test("is found and replayed by its id alone", async () => {
    const { quote_id, price, left_out: _, ...rest } = await bundle("c1", "c2");
    await engine.flushed();
    const { subject, text } = engine.broker.published.find(({ message_id }) => message_id === quote_id)!;
    expect((await engine.app.request(`/quotes/${quote_id}`)).status).toBe(404);
    engine.quote_broker.put(STREAM_QUOTES, { subject, data: new TextEncoder().encode(text), sequence: 1, time_ms: engine.clock.time_ms });
    expect(await (await engine.app.request(`/quotes/${quote_id}`)).json()).toMatchObject({ quote_id, kind: "bundle", status: "valid", price, course_id: null, learner_id: null });
    expect(await (await engine.post(`/quotes/${quote_id}/replay`, {})).json()).toEqual({ quote_id, kind: "bundle", identical: true, answer: { quote_id, price, ...rest } });
    expect((await engine.app.request("/quotes/b_0123")).status).toBe(404);
  });

  test.each<[string, object, (answer: BundleAnswer) => unknown, unknown]>([
    ["discount", { personalisation: { max_discount: 0.05 } }, ({ price, waterfall }) => [price, waterfall.find(({ step }) => step === "guardrail")?.name], [133, "largest_discount"]],
    ["floors", { floor_tokens: 78 }, ({ price, waterfall }) => [price, waterfall.filter(({ step }) => step === "guardrail").map(({ name, price: to }) => [name, to])], [138, [["largest_discount", 98], ["floor", 138]]]],
    ["weight", { weights: { bundle: 0 } }, ({ price }) => price, 140],
    ["rounding", { rounding: { kind: "charm", endings: [9] }, personalisation: { max_discount: 0.3 } }, ({ price }) => price % 10, 9],
  ])("keeps to the policy's %s", async (_, document, read, expected) => {
    const bound = new TestEngine({ policies: new FixedPolicy(Object.freeze({ ...policySchema.parse(document), version: "test-1" })) });
    bound.foldCatalogue();
    const response = await bound.post("/bundle_price", { course_ids: ["c2", "c3"] });
    expect(read(bundleAnswerSchema.parse(await response.json()))).toEqual(expected);
  });

  test("leaves out what the learner has", async () => {
    // l1 has c1 from the catalogue's sales.
    const response = await engine.post("/bundle_price", { course_ids: ["c1", "c2", "c3"], learner_id: "l1" });
    expect(bundleAnswerSchema.parse(await response.json())).toMatchObject({ course_ids: ["c2", "c3"], left_out: ["c1"], sum_of_parts: 140 });
    expect(await refused({ course_ids: ["c1", "c2"], learner_id: "l1" })).toEqual([422, "course_ids"]);
    expect((await engine.post("/bundle_price", { course_ids: ["c1", "c2"], learner_id: "stranger" })).status).toBe(200);
  });

  test.each<[string, unknown, [number, string | undefined]]>([
    ["one course", { course_ids: ["c1"] }, [422, "course_ids"]],
    ["a course twice", { course_ids: ["c1", "c1"] }, [422, "course_ids"]],
    ["too many", { course_ids: Array.from({ length: 21 }, (_, i) => `c${i}`) }, [422, "course_ids"]],
    ["an unknown course", { course_ids: ["c1", "c9"] }, [404, "course_ids"]],
    ["no ids", { course_ids: ["c1", "__proto__"] }, [404, "course_ids"]],
    ["what is no id", { course_ids: ["c1", "a/b"] }, [422, "course_ids.1"]],
    ["nothing", {}, [422, "course_ids"]],
    ["a learner that is none", { course_ids: ["c1", "c2"], learner_id: { $gt: "" } }, [422, "learner_id"]],
  ])("refuses %s", async (_, body, expected) => {
    expect(await refused(body)).toEqual(expected);
  });

  test("says what is missing", async () => {
    const bare = new TestEngine();
    bare.foldCatalogue();
    const response = await bare.post("/bundle_price", { course_ids: ["c1", "c2"] });
    expect(bundleAnswerSchema.parse(await response.json())).toMatchObject({ model: "none", degraded: ["no_model"] });
    bare.features.current = undefined;
    expect((await bare.post("/bundle_price", { course_ids: ["c1", "c2"] })).status).toBe(503);
  });
});

describe("who takes which courses", () => {
  test("counts are those of pair by pair, and of a thinned sample those of its learners", () => {
    const random = new Prng("co-enrollment");
    const courses = ["c1", "c2", "c3", "c4"];
    const taken = new Map<string, Set<string>>();
    for (let i = 0; i < 300; i++) {
      const learner = `n${i}`;
      const own = new Set(courses.filter(() => random.uniform() < 0.3));
      taken.set(learner, own);
      for (const course_id of own) engine.fold({ id: `${learner}${course_id}`, type: "enrollment.created", time: new Date(engine.clock.time_ms - HOUR_MS).toISOString(), enrollment_id: `${learner}${course_id}`, course_id, learner_id: learner, price: 50 });
    }
    taken.set("l1", new Set(["c1"]));
    const buyers = [...taken].filter(([, own]) => own.size > 0);
    const survey = complete(surveyCoEnrollment(engine.store));
    expect(survey.learners).toBe(buyers.length);
    const count = (among: typeof buyers, ...of: string[]): number => among.filter(([, own]) => of.every((course) => own.has(course))).length;
    for (const first of courses) {
      for (const second of courses.filter((course) => course !== first)) {
        const counts = survey.counts(first, second);
        expect([counts.first, counts.second, counts.both]).toEqual([count(buyers, first), count(buyers, second), count(buyers, first, second)]);
        expect(counts.pooled_lift).toBeGreaterThan(0.7);
        expect(counts.pooled_lift).toBeLessThan(1.3);
      }
    }
    expect(survey.counts("c1", "nobody")).toMatchObject({ second: 0, both: 0 });
    const thinned = complete(surveyCoEnrollment(engine.store, 100));
    const kept = buyers.filter(([learner]) => hash32(learner) % 4 === 0);
    expect(thinned.learners).toBe(kept.length);
    expect(thinned.counts("c1", "c2").both).toBe(count(kept, "c1", "c2"));
  });

  test("an empty store says nothing", () => {
    const survey = complete(surveyCoEnrollment(new TestEngine().store));
    expect(survey.counts("a", "b")).toEqual({ learners: 0, first: 0, second: 0, both: 0, pooled_lift: 1 });
  });

  test("any list of known courses has a price within its range", async () => {
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(["c1", "c2", "c3"], { minLength: 2 }), fc.integer({ min: 0, max: 40 }), async (ids, sales) => {
        for (let i = 0; i < sales; i++) engine.enroll(ids[0]!, 30);
        const { price, price_range } = await bundle(...ids);
        expect(price >= price_range.min && price <= price_range.max).toBe(true);
      }),
      { numRuns: 15 },
    );
  });
});
