import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dimensions } from "../../contracts/propensity.ts";
import { propensityInfoAnswerSchema } from "../../contracts/propensity-info.ts";
import { silentLogger } from "../../lib/log.ts";
import { encodeArtifact } from "../../models/compiled.ts";
import type { CompiledPropensity } from "../../models/propensity/compiled-scorer.ts";
import { propensityArtifact } from "../../models/propensity/testing.ts";
import { ModelHolder } from "../model-holder.ts";
import { testArtifact, TestEngine } from "../testing.ts";
import { propensityFamily } from "./propensity-family.ts";
import { askScores, enrolledIn, tokens } from "./testing.ts";

let cache_dir: string;
let engine: TestEngine;
let holder: ModelHolder<CompiledPropensity>;

const held = (over: TestEngine): ModelHolder<CompiledPropensity> =>
  new ModelHolder({ family: propensityFamily, features: over.features, broker: over.broker, clock: over.clock, logger: silentLogger, cache_dir: join(cache_dir, "propensity") });

beforeEach(async () => {
  cache_dir = await mkdtemp(join(tmpdir(), "tidemark-families-"));
  engine = new TestEngine({ cache_dir });
  holder = held(engine);
});

afterEach(() => rm(cache_dir, { recursive: true }));

describe("two families of models", () => {
  test("are followed apart, each with copies of its own", async () => {
    engine.promote(testArtifact("e1"));
    const digest = engine.promote(propensityArtifact({ version: "p1" }));
    await engine.models.check();
    await holder.check();
    expect([engine.models.current!.model.version, holder.current!.model.version]).toEqual(["e1", "p1"]);
    expect(await readdir(join(cache_dir, "propensity"))).toEqual([`${digest}.json`]);
    engine.promote(propensityArtifact({ version: "p2" }));
    for (const one of [engine.models, holder]) await one.check();
    expect([engine.models.swaps, holder.swaps]).toEqual([1, 2]);
    // The others' copies are not in the way of falling back.
    const restarted = new TestEngine({ cache_dir });
    restarted.promote(testArtifact("e2"), new TextEncoder().encode("{}"));
    await restarted.models.check();
    expect(restarted.models.current?.model.version).toBe("e1");
  });

  test.each([
    ["corrupt", new TextEncoder().encode("{}")],
    ["truncated", encodeArtifact(propensityArtifact({ version: "p2" })).slice(0, -5)],
    ["the other family's", encodeArtifact(testArtifact("p2"))],
  ])("what is %s leaves the one before in service", async (_name, bytes) => {
    engine.promote(propensityArtifact({ version: "p1" }));
    await holder.check();
    engine.promote(propensityArtifact({ version: "p2" }), bytes);
    await holder.check();
    expect([holder.current!.model.version, holder.failures]).toEqual(["p1", 1]);
    engine.promote(propensityArtifact({ version: "p3" }));
    await holder.check();
    expect(holder.current!.model.version).toBe("p3");
  });

  test("one that this version cannot read is none", async () => {
    engine.promote(propensityArtifact({ version: "p9", input_names: ["something_else"] }));
    await holder.check();
    expect([holder.current, holder.failures]).toEqual([undefined, 1]);
  });

  test("tells what serves each dimension, and what the promotion says", async () => {
    engine.promote(propensityArtifact({ version: "p1" }), undefined, { run_id: "r3", trained_at: "2026-03-01T00:00:00Z", training_seconds: { enrollment: 2, churn: 0.5 } });
    await holder.check();
    const info = propensityInfoAnswerSchema.strict().parse(JSON.parse(holder.current!.info));
    expect(info).toMatchObject({ family: "propensity", version: "p1", run_id: "r3", pinned: false, training_seconds: 2.5, rows: 3 });
    expect(info.dimensions.map(({ dimension }) => dimension)).toEqual([...dimensions]);
    expect(info.dimensions[0]).toMatchObject({ champion: "logistic", base_rate: 0.3, horizon_days: 30, candidates: [{ name: "logistic", champion: true, metrics: { log_loss: 0.5 }, barred: null }] });
    expect(info.dimensions[4]).toMatchObject({ dimension: "price_sensitivity", base_rate: null });
  });

  test("a promoted artifact scores, with reasons in words", async () => {
    engine.promote(propensityArtifact({ version: "p1" }));
    await holder.check();
    engine.propensity.current = holder.current;
    engine.fold(tokens("ann", "purchased", 500), enrolledIn("ann", "c1", 80));
    await engine.degradation.check();
    const answer = await askScores(engine, "ann");
    expect(answer.model).toBe("p1");
    expect(answer).not.toHaveProperty("degraded");
    for (const { score, interval, drivers } of Object.values(answer.scores)) {
      expect(interval.low).toBeLessThanOrEqual(score);
      expect(interval.high).toBeGreaterThanOrEqual(score);
      expect(drivers!.length).toBeGreaterThan(0);
    }
  });
});
