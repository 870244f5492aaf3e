import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { elasticityModelSchema } from "../contracts/artifact.ts";
import { learnerNames } from "../contracts/worker-protocol.ts";
import { Prng } from "../lib/prng.ts";
import type { CountRows } from "./boosting.ts";
import { elasticityFeatureNames, PRICE_COLUMNS } from "./elasticity-features.ts";
import { permutationImportance } from "./importance.ts";
import { learners } from "./learners.ts";
import { plainGram } from "./log-linear.ts";
import { poissonDeviance } from "./metrics.ts";
import { compilePredictor, type Predictor } from "./predictor.ts";

const COLUMNS = elasticityFeatureNames.length;
const QUALITY = elasticityFeatureNames.indexOf("quality_tier");
const CONVERSION = elasticityFeatureNames.indexOf("log_conversion_90d");

const truth = (row: Float64Array, at: number): number => -1 - 0.9 * row[at]! + 0.5 * row[at + CONVERSION]! + 0.2 * row[at + QUALITY]!;

/** Rows like those of training: standard normal columns, quality in three steps, one column that never varies. */
function simulate(rows: number, rate: (row: Float64Array, at: number) => number = truth, seed = "learners"): CountRows {
  const random = new Prng(seed);
  const values = Float64Array.from({ length: rows * COLUMNS }, (_, i) => (i % COLUMNS === QUALITY ? random.integer(3) : i % COLUMNS === COLUMNS - 1 ? 4 : 0.4 * random.normal()));
  const exposure = Float64Array.from({ length: rows }, () => 1 + random.integer(20));
  const y = Float64Array.from(exposure, (n, row) => random.poisson(n * Math.exp(rate(values, row * COLUMNS))));
  return { values, columns: COLUMNS, y, exposure, train_rows: Math.floor(0.7 * rows), rows };
}

function deviance(predictor: Predictor, { values, y, exposure, train_rows, rows }: CountRows): number {
  let sum = 0;
  for (let row = train_rows; row < rows; row++) sum += poissonDeviance(y[row]!, exposure[row]! * Math.exp(predictor.logRate(values, row * COLUMNS)));
  return sum / (rows - train_rows);
}

const context = { seed: 3, gram: plainGram };
const data = simulate(4_000);

describe.each(learnerNames)("%s", (name) => {
  const learner = learners[name];
  const model = learner.fit(data, context);
  const predictor = compilePredictor(model, COLUMNS);

  test("its artifact survives JSON, and predicts the same from it", () => {
    const again = elasticityModelSchema.parse(JSON.parse(JSON.stringify(model)));
    const other = compilePredictor(again, COLUMNS);
    for (let row = 0; row < 200; row++) expect(other.logRate(data.values, row * COLUMNS)).toBe(predictor.logRate(data.values, row * COLUMNS));
  });

  test("is the same for the same rows and seed", () => {
    expect(JSON.stringify(learner.fit(data, context))).toBe(JSON.stringify(model));
  });

  test("recovers most of what there is to know, and beats the mean by far", () => {
    const ideal = deviance({ logRate: truth }, data);
    let counted = 0;
    let exposed = 0;
    for (let row = 0; row < data.train_rows; row++) {
      counted += data.y[row]!;
      exposed += data.exposure[row]!;
    }
    const flat = deviance({ logRate: () => Math.log(counted / exposed) }, data);
    expect((deviance(predictor, data) - ideal) / (flat - ideal)).toBeLessThan(name === "random_forest" ? 0.6 : 0.3);
  });

  test("does not look at later rows", () => {
    const later = { ...data, y: data.y.map((count, row) => (row < data.train_rows ? count : 1_000)) };
    // Boosting stops by the validation rows, and looks at nothing else of them.
    const rows = name === "boosting" ? data.train_rows : data.rows;
    expect(JSON.stringify(learner.fit({ ...later, rows, values: data.values.slice(0, rows * COLUMNS) }, context))).toBe(JSON.stringify(learner.fit({ ...data, rows, values: data.values.slice(0, rows * COLUMNS) }, context)));
  });

  test("names what matters", () => {
    const importance = permutationImportance(predictor, data, 1);
    const ranked = [...importance.keys()].toSorted((a, b) => importance[b]! - importance[a]!);
    expect(ranked.slice(0, 3)).toContain(0);
    expect(ranked.slice(0, 3)).toContain(CONVERSION);
    expect(importance[COLUMNS - 1]).toBe(0);
  });

  test("stays finite wherever it is asked, and on counts that are all zero or of one row", () => {
    const wild = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: COLUMNS, maxLength: COLUMNS });
    fc.assert(fc.property(wild, (row) => Number.isFinite(predictor.logRate(Float64Array.from(row), 0))), { numRuns: 300, seed: 4 });
    const none = learner.fit({ ...data, y: new Float64Array(data.rows) }, context);
    expect(Number.isFinite(compilePredictor(none, COLUMNS).logRate(data.values, 0))).toBe(true);
    const one = simulate(1);
    expect(Number.isFinite(compilePredictor(learner.fit({ ...one, train_rows: 1 }, context), COLUMNS).logRate(one.values, 0))).toBe(true);
  });

  test.runIf(learner.monotone)("never predicts more at a higher price, even where the data do", () => {
    const rising = simulate(3_000, (row, at) => -1 + 0.8 * row[at]! - 0.6 * row[at + 1]! + 0.5 * row[at + 2]! * row[at + 5]!, "rising");
    const fitted = compilePredictor(learner.fit(rising, context), COLUMNS);
    const row = fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: COLUMNS, maxLength: COLUMNS });
    let falls = 0;
    fc.assert(
      fc.property(row, fc.integer({ min: 0, max: PRICE_COLUMNS - 1 }), fc.double({ min: 0, max: 2, noNaN: true }), (at, column, step) => {
        const low = fitted.logRate(Float64Array.from(at), 0);
        const high = fitted.logRate(Float64Array.from(at.with(column, at[column]! + step)), 0);
        if (high < low) falls++;
        return high <= low + 1e-9;
      }),
      { numRuns: 1_500, seed: 6 },
    );
    expect(falls).toBeGreaterThan(30);
  });
});
