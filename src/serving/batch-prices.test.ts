import { beforeEach, describe, expect, test } from "vitest";
import type { OptimizeAnswer } from "../contracts/api.ts";
import { decisionRecordSchema } from "../contracts/decision.ts";
import { batchRecordSchema, PRICE_BATCH_MAX, type PriceBatchAnswer, priceBatchAnswerSchema } from "../contracts/price-batch.ts";
import { defaultPolicy } from "../contracts/policy.ts";
import { problemSchema } from "../contracts/problem.ts";
import { batchRow, replayBatch } from "../pricing/batch.ts";
import { replayDecision } from "../pricing/decision.ts";
import { testArtifact, TestEngine } from "./testing.ts";

let engine: TestEngine;

beforeEach(async () => {
  engine = new TestEngine();
  engine.foldCatalogue();
  engine.promote(testArtifact());
  await engine.models.check();
});

async function batch(body: unknown): Promise<PriceBatchAnswer> {
  const response = await engine.post("/price_batch", body);
  expect(response.status).toBe(200);
  return priceBatchAnswerSchema.parse(await response.json());
}

async function published(): Promise<unknown[]> {
  await engine.flushed();
  return engine.broker.published.map(({ text }) => JSON.parse(text) as unknown);
}

describe("a batch of prices", () => {
  test("has the rows that single calls would give, in order, and names what it does not know", async () => {
    const { prices, unknown_courses } = await batch({ course_ids: ["c3", "nobody", "c1", "c3"], objective: "enrollments" });
    expect(unknown_courses).toEqual(["nobody"]);
    expect(prices.map(({ course_id }) => course_id)).toEqual(["c3", "c1", "c3"]);
    for (const row of prices) {
      const answer = JSON.parse(engine.prices.optimize({ course_id: row.course_id, objective: "enrollments" })) as OptimizeAnswer;
      expect(row).toEqual(batchRow(answer));
    }
  });

  test("shares decisions with single calls and has one record, which replays from theirs", async () => {
    const single = JSON.parse(engine.prices.optimize({ course_id: "c1" })) as OptimizeAnswer;
    const { batch_id, prices } = await batch({ course_ids: ["c1", "c2", "nobody"] });
    expect(prices[0]?.quote_id).toBe(single.quote_id);
    const records = await published();
    const batches = records.filter((record) => (record as { kind: string }).kind === "batch").map((record) => batchRecordSchema.parse(record));
    expect(batches).toMatchObject([{ id: batch_id, decisions: prices.map(({ quote_id }) => quote_id), unknown_courses: ["nobody"], cursor_sequence: engine.sequence }]);
    expect(engine.broker.published.find(({ message_id }) => message_id === batch_id)?.subject).toBe("quotes.batch");
    const decisions = new Map(records.filter((record) => (record as { kind: string }).kind === "course").map((record) => [decisionRecordSchema.parse(record).id, record]));
    expect(decisions.size).toBe(2);
    const answers = prices.map(({ quote_id }) => replayDecision(decisions.get(quote_id), engine.models.current?.model ?? null, defaultPolicy).answer);
    expect(replayBatch(batches[0], answers)).toEqual({ identical: true, rows: prices });
    expect(replayBatch(batches[0], answers.toReversed()).identical).toBe(false);
    expect(replayBatch({ ...batches[0], unknown_courses: [] }, answers).identical).toBe(false);
  });

  test("is recorded once while nothing changes, and again after an enrollment", async () => {
    const first = await batch({ course_ids: ["c1", "c2"] });
    expect((await batch({ course_ids: ["c1", "c2"] })).batch_id).toBe(first.batch_id);
    engine.enroll("c2", 80);
    const second = await batch({ course_ids: ["c1", "c2"] });
    expect(second.batch_id).not.toBe(first.batch_id);
    const batches = (await published()).filter((record) => (record as { kind: string }).kind === "batch");
    expect(batches).toHaveLength(2);
  });

  test("says that its rows are degraded, and how old the oldest is", async () => {
    engine.broker.connected = false;
    const { prices, freshness_ms } = await batch({ course_ids: ["c1", "c2"] });
    expect(prices.map(({ degraded }) => degraded)).toEqual([["broker_unreachable"], ["broker_unreachable"]]);
    const ages = ["c1", "c2"].map((course_id) => (JSON.parse(engine.prices.optimize({ course_id })) as OptimizeAnswer).freshness_ms);
    expect(freshness_ms).toBe(Math.max(...ages));
  });

  test("takes its pauses where many prices have to be computed, and answers them all", async () => {
    const course_ids = Array.from({ length: PRICE_BATCH_MAX }, (_, i) => `many-${i}`);
    for (const course_id of course_ids) engine.enroll(course_id, 70);
    let turns = 0;
    const count = (): void => {
      turns++;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    const { prices } = await batch({ course_ids });
    clearImmediate(timer);
    expect(prices).toHaveLength(PRICE_BATCH_MAX);
    expect(turns).toBeGreaterThan(20);
  });

  test.each([
    ["no list", {}],
    ["an empty list", { course_ids: [] }],
    ["what is no id", { course_ids: ["a b"] }],
    ["too many", { course_ids: Array.from({ length: PRICE_BATCH_MAX + 1 }, () => "c1") }],
    ["a single id", { course_ids: "c1" }],
  ])("refuses %s", async (_what, body) => {
    const response = await engine.post("/price_batch", body);
    expect(response.status).toBe(422);
    expect(problemSchema.parse(await response.json()).field).toMatch(/^course_ids/);
  });
});
