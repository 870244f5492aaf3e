import { expect, test } from "vitest";
import { rehearse } from "./rehearsal.ts";
import { TestEngine } from "./testing.ts";

test("answers every call of its own, records the decisions that callers will get, and counts no call", async () => {
  const engine = new TestEngine();
  engine.foldCatalogue();
  const { features, degradation, prices, batches, clock } = engine;
  expect(await rehearse({ features, degradation, prices, batches, clock })).toBe(2_200);
  expect(engine.decisions.recorded + engine.decisions.pending).toBe(3);
  // A price and a prediction of each of the three courses.
  expect(prices.misses).toBe(6);
  const metrics = await engine.metrics.registry.metrics();
  expect(metrics).not.toContain('route="/optimize_price"');

  // What somebody asks for next is one of the prices that are there.
  const { hits } = prices;
  const { quote_id } = JSON.parse(prices.optimize({ course_id: "c1" })) as { quote_id: string };
  expect(prices.hits).toBe(hits + 1);
  expect(quote_id).toBe(prices.recommendation("c1").quote_id);
});

test("keeps no price of features that are behind", async () => {
  const engine = new TestEngine();
  engine.foldCatalogue();
  const { features, prices, batches, clock } = engine;
  await rehearse({ features, degradation: { lag_events: 20_000 }, prices, batches, clock });
  const { misses } = prices;
  prices.optimize({ course_id: "c1" });
  expect(prices.misses).toBe(misses + 1);
});

test("keeps the prices of features that follow events as they come", async () => {
  const engine = new TestEngine();
  engine.foldCatalogue();
  engine.enroll("c1", 100);
  const { features, prices, batches, clock } = engine;
  await rehearse({ features, degradation: { lag_events: 200 }, prices, batches, clock });
  const { misses } = prices;
  prices.optimize({ course_id: "c1" });
  expect(prices.misses).toBe(misses);
});

test("has nothing to do without a course, or without features", async () => {
  const engine = new TestEngine();
  const { features, degradation, prices, batches, clock } = engine;
  expect(await rehearse({ features, degradation, prices, batches, clock })).toBe(0);
  features.current = undefined;
  expect(await rehearse({ features, degradation, prices, batches, clock })).toBe(0);
  expect(prices.misses).toBe(0);
});
