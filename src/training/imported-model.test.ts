import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { courseFeatureIndex, courseFeatureNames } from "../features/course-view.ts";
import type { CourseRow } from "../features/replay.ts";
import { Prng } from "../lib/prng.ts";
import { artifactDigest, compileArtifact, type CompiledModel, encodeArtifact } from "../models/compiled.ts";
import { elasticityFeatureNames, fillElasticityRow } from "../models/elasticity-features.ts";
import { compilePredictor } from "../models/predictor.ts";
import { importXgboost } from "../models/xgboost-import.ts";
import { testArtifact } from "../serving/testing.ts";
import { HeldOut } from "./evaluation.ts";

const FOLDER = join(import.meta.dirname, "../models/testing/xgboost");
const imported = (name: string): ReturnType<typeof importXgboost> => importXgboost(readFileSync(join(FOLDER, `${name}.json`)));

/** The artifact of an imported model as serving loads it. */
function served(name: string): CompiledModel {
  const bytes = encodeArtifact({ ...testArtifact(), champion: "xgboost", model: imported(name) });
  return compileArtifact(bytes, artifactDigest(bytes));
}

const random = new Prng("imported model");
const rows = Array.from({ length: 200 }, (_, i): CourseRow => {
  const view = new Float64Array(courseFeatureNames.length);
  for (const name of ["reference_price_tokens", "category_price_loo_tokens", "competitor_price_tokens", "base_price_tokens"]) view[courseFeatureIndex(name)] = 100 * Math.exp(0.5 * random.normal());
  for (const name of ["exposures_7d", "exposures_30d", "exposures_90d"]) view[courseFeatureIndex(name)] = random.integer(200);
  for (const name of ["enrollments_30d", "enrollments_90d", "difficulty_level", "quality_tier"]) view[courseFeatureIndex(name)] = random.integer(4);
  return { course_id: `c${i}`, category: "k", period: 0, view, exposures: 20, enrollments: 2, mean_log_price: Math.log(100) + 0.3 * random.normal(), jitter_exposures: 0, jitter_enrollments: 0, mean_jitter: 0 };
});

describe("an imported model in an artifact", () => {
  test("gives serving the rate that its predictor gives the row", () => {
    const model = served("logistic");
    const predictor = compilePredictor(imported("logistic"), elasticityFeatureNames.length);
    const row = new Float64Array(elasticityFeatureNames.length);
    const rates = rows.map(({ view, mean_log_price }) => {
      fillElasticityRow(view, mean_log_price, row, 0);
      expect(model.conversionRate(view, mean_log_price)).toBeCloseTo(Math.exp(predictor.logRate(row, 0)), 12);
      return model.conversionRate(view, mean_log_price);
    });
    expect(new Set(rates).size).toBeGreaterThan(10);
  });

  test("is judged like any other: monotone constraints never rise with price, what learned the opposite does", () => {
    const held = new HeldOut(rows);
    const judged = (name: string): { rising: number; elasticity: number } => {
      const model = served(name);
      const rate = (view: ArrayLike<number>, log_price: number): number => model.conversionRate(view, log_price);
      return { rising: held.rising(rate), elasticity: held.elasticity(rate) };
    };
    const falling = judged("poisson_margin");
    expect(falling.rising).toBe(0);
    expect(falling.elasticity).toBeLessThan(-0.2);
    expect(judged("poisson_rising").rising).toBeGreaterThan(0.1);
  });
});
