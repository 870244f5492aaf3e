import { copyFile, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { type OptimizeAnswer, optimizeAnswerSchema } from "../contracts/api.ts";
import { defaultPolicy } from "../contracts/policy.ts";
import { problemSchema } from "../contracts/problem.ts";
import { FeatureWriter } from "../features/feature-writer.ts";
import { openLmdbStore } from "../features/lmdb-store.ts";
import { silentLogger } from "../lib/log.ts";
import { formatTime, HOUR_MS } from "../lib/time.ts";
import { LmdbFeatureSource } from "./feature-source.ts";
import { START_MS, testArtifact, TestEngine } from "./testing.ts";

let engine: TestEngine;

beforeEach(() => {
  engine = new TestEngine();
  engine.foldCatalogue();
});

async function served(version = "v1"): Promise<void> {
  engine.promote(testArtifact(version));
  await engine.models.check();
}

/** A price that keeps to its guardrails, whatever is missing. */
async function price(body: object = { course_id: "c1" }): Promise<OptimizeAnswer> {
  const response = await engine.post("/optimize_price", body);
  expect(response.status).toBe(200);
  const answer = optimizeAnswerSchema.strict().parse(await response.json());
  for (const value of [answer.optimal_price, answer.price_range.min, answer.price_range.max, answer.price_range.recommended]) {
    expect(Number.isSafeInteger(value)).toBe(true);
    expect(value).toBeGreaterThanOrEqual(1);
  }
  // Whole tokens: half of one beyond the step is rounding.
  const { step_log_max } = defaultPolicy;
  expect(answer.optimal_price).toBeGreaterThanOrEqual(answer.current_price * Math.exp(-step_log_max) - 1);
  expect(answer.optimal_price).toBeLessThanOrEqual(answer.current_price * Math.exp(step_log_max) + 1);
  return answer;
}

async function refusal(response: Response): Promise<string> {
  expect(response.headers.get("retry-after")).toBe("1");
  return problemSchema.strict().parse(await response.json()).code;
}

/** The stream goes on, and nobody folds it, for longer than the policy allows. */
async function stale(): Promise<void> {
  await engine.degradation.check();
  engine.broker.stream = { ...engine.broker.stream!, last_sequence: engine.sequence + 5 };
  engine.clock.time_ms += defaultPolicy.stale_after_ms + 1;
  await engine.degradation.check();
}

describe("a price is answered inside its guardrails, and says what is missing", () => {
  test("nothing is missing", async () => {
    await served();
    expect((await price()).degraded).toBeUndefined();
  });

  test("no model was promoted", async () => {
    expect(await price()).toMatchObject({ model: "none", degraded: ["no_model"] });
  });

  test("the promoted artifact is corrupt: priors alone, or the model before it", async () => {
    engine.promote(testArtifact("v1"), new TextEncoder().encode("{}"));
    await engine.models.check();
    expect(await price()).toMatchObject({ model: "none", degraded: ["no_model"] });
    await served("v2");
    engine.promote(testArtifact("v3"), new Uint8Array(100));
    await engine.models.check();
    const answer = await price();
    expect(answer.model).toBe("v2");
    expect(answer.degraded).toBeUndefined();
  });

  test("the broker is away, and decisions wait for it", async () => {
    await served();
    engine.broker.connected = false;
    expect((await price()).degraded).toEqual(["broker_unreachable"]);
    expect(engine.decisions.pending).toBeGreaterThan(0);
    engine.broker.connected = true;
    await engine.flushed();
    expect((await price()).degraded).toBeUndefined();
  });

  test("the features are stale: nobody folds, for want of space or of a process", async () => {
    await served();
    await stale();
    expect((await price()).degraded).toEqual(["features_stale"]);
  });

  test("the features are gone: the last price of the same question, with its age, and its quote", async () => {
    await served();
    const [before, cold] = [await price(), await price({ course_features: { category: "programming", base_price: 100 } })];
    const { current } = engine.features;
    engine.features.current = undefined;
    engine.features.reason = "The feature store was removed or replaced.";
    engine.clock.time_ms += 5 * 60_000;
    expect(await price()).toEqual({ ...before, freshness_ms: before.freshness_ms + 5 * 60_000, degraded: ["features_unavailable"] });
    expect((await price({ course_features: { category: "programming", base_price: 100 } })).optimal_price).toBe(cold.optimal_price);
    // Nothing safe is known of these, and nothing is made up.
    for (const body of [{ course_id: "c2" }, { course_id: "c1", objective: "enrollments" }, { course_id: "c1", current_price: 5_000 }]) expect(await refusal(await engine.post("/optimize_price", body))).toBe("features_unavailable");
    expect(await refusal(await engine.post("/predict_enrollments", { course_id: "c1", price_points: [100] }))).toBe("features_unavailable");
    expect(await refusal(await engine.app.request("/readyz"))).toBe("features_unavailable");
    engine.features.current = current;
    expect((await price()).degraded).toBeUndefined();
    engine.features.current = undefined;
    engine.clock.time_ms += 25 * HOUR_MS;
    expect(await refusal(await engine.post("/optimize_price", { course_id: "c1" }))).toBe("features_unavailable");
  });

  test("everything is missing at once", async () => {
    const before = await price();
    await stale();
    engine.broker.connected = false;
    engine.features.current = undefined;
    expect(await price()).toMatchObject({ optimal_price: before.optimal_price, degraded: ["no_model", "broker_unreachable", "features_stale", "features_unavailable"] });
    const metrics = await (await engine.app.request("/metrics")).text();
    expect(metrics).toContain("tidemark_features_available 0");
    expect(metrics).toContain("tidemark_degraded_answers_total 2");
    for (const reason of ["broker_unreachable", "features_stale", "features_unavailable", "no_model"]) expect(metrics).toContain(`tidemark_degraded{reason="${reason}"} 1`);
  });
});

describe("a store in files", () => {
  test("is removed, cut short, filled with something else and put back while prices are asked for", async () => {
    const directory = await mkdtemp(join(tmpdir(), "tidemark-missing-"));
    const path = join(directory, "features");
    const time = formatTime(START_MS);
    const store = openLmdbStore(path, { readonly: false });
    const writer = new FeatureWriter(store);
    writer.apply({ sequence: 1, broker_time_ms: START_MS, event_time_ms: START_MS, known_at_ms: START_MS, event: { id: "u", type: "course.upserted", time, course_id: "c1", teacher_id: "t", category: "art", difficulty_level: "expert", quality_tier: "elite", base_price: 100, launched_at: time } });
    writer.commit({ stream_created: "s", sequence: 1, message_hash: "" });
    await store.close();
    await copyFile(join(path, "data.mdb"), join(directory, "kept.mdb"));
    const source = new LmdbFeatureSource([path], silentLogger);
    const look = async (): Promise<void> => {
      await source.check();
      engine.features.current = source.current;
      engine.features.reason = source.reason;
    };
    try {
      await look();
      const before = await price();
      await rm(path, { recursive: true });
      await look();
      expect(await price()).toMatchObject({ optimal_price: before.optimal_price, degraded: expect.arrayContaining(["features_unavailable"]) });
      // Whatever stands in its place is not taken for a store.
      await writeFile(path, "");
      await look();
      expect(source.current).toBeUndefined();
      await rm(path);
      const again = openLmdbStore(path, { readonly: false });
      await again.close();
      await writeFile(join(path, "data.mdb"), Buffer.alloc(16_384, 7));
      await look();
      expect(source.current).toBeUndefined();
      expect((await price()).degraded).toContain("features_unavailable");
      await copyFile(join(directory, "kept.mdb"), join(path, "data.mdb"));
      await truncate(join(path, "data.mdb"), 100);
      await look();
      expect(source.current).toBeUndefined();
      await copyFile(join(directory, "kept.mdb"), join(path, "data.mdb"));
      await look();
      expect((await price()).degraded ?? []).not.toContain("features_unavailable");
    } finally {
      engine.features.current = undefined;
      await source.close();
      await rm(directory, { recursive: true, force: true });
    }
  });
});
