import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { binaryDimensions } from "../../contracts/propensity.ts";
import type { Check } from "../../contracts/training-run.ts";
import { fillPropensityRow, propensityInputNames } from "../../models/propensity/inputs.ts";
import { learnerPosition } from "../../models/propensity/learner-vector.ts";
import { DAY_MS } from "../../lib/time.ts";
import type { StageContext } from "../pipeline/stage.ts";
import { shareableDoubles } from "../shared-memory.ts";
import { assembleDataset, buildPropensityDataset, type PropensityDataset } from "./dataset.ts";
import { CHURN_STEPS, propensityDefinitions, windowMs } from "./definitions.ts";
import { inputsMatrix } from "./inputs-matrix.ts";
import { judgeShuffled, shuffledAuc } from "./leakage.ts";
import { prepare, preparationStage } from "./preparation-stage.ts";
import { learnerStories, rangeOf } from "./testing.ts";
import { understandingStage } from "./understanding-stage.ts";
import { splitWindows } from "./windows.ts";

let dataset: PropensityDataset;
beforeAll(() => {
  const events = learnerStories({ learners: 400, days: 300, seed: "stages" });
  dataset = buildPropensityDataset(events, rangeOf(events, 300));
});

async function understood(data: PropensityDataset): Promise<{ output: Awaited<ReturnType<typeof understandingStage.run>>; checks: Map<string, Omit<Check, "stage">> }> {
  const checks = new Map<string, Omit<Check, "stage">>();
  const context = { run: { seed: 1 }, check: (found: Omit<Check, "stage">) => checks.set(found.name, found), progress: () => undefined, signal: new AbortController().signal } as unknown as StageContext;
  return { output: await understandingStage.run({ data }, context), checks };
}

/** The dataset with another value of a learner's feature. */
function withFeature(name: string, value: (row: number) => number): PropensityDataset {
  const { features } = dataset;
  const values = shareableDoubles(features.values.length);
  values.set(features.values);
  for (let row = 0; row < features.rows; row++) values[row * features.columns + learnerPosition(name)] = value(row);
  return assembleDataset({ ...dataset, features: { ...features, values } });
}

describe("preparation", () => {
  test("keeps blocks apart in time, windows whole, and what models see with its own label", () => {
    const { windows, missing } = prepare(dataset);
    expect(missing).toEqual({});
    const inputs = new Float64Array(propensityInputNames.length);
    for (const dimension of binaryDimensions) {
      const { learning, whole_rows, train_rows, test: judged, binned, steps_max } = windows[dimension]!;
      const at = (row: number): number => dataset.at_ms[dataset.period[row]!]!;
      const times = (rows: Int32Array): number[] => [...rows].map(at);
      const [whole, validation, last] = [times(learning.row.subarray(0, whole_rows)), times(learning.row.subarray(train_rows)), times(judged.row)];
      const window_ms = windowMs(propensityDefinitions[dimension]);
      expect(Math.max(...whole) + window_ms).toBeLessThanOrEqual(Math.min(...validation));
      expect(Math.max(...validation) + window_ms).toBeLessThanOrEqual(Math.min(...last));
      expect(Math.max(...last) + window_ms).toBeLessThanOrEqual(dataset.range.to_ms);
      expect(binned.rows).toBe(learning.rows);
      expect(steps_max).toBe(dimension === "churn" ? CHURN_STEPS : 1);
      const labels = dataset.labels[dimension];
      const label = new Map([...labels.row].map((row, i) => [row, [labels.y[i], labels.steps?.[i] ?? 1]]));
      let short = 0;
      for (const rows of [learning, judged]) {
        expect(rows.values.buffer).toBeInstanceOf(SharedArrayBuffer);
        for (let i = 0; i < rows.rows; i++) {
          const row = rows.row[i]!;
          const [y, steps] = label.get(row)!;
          const cut = rows === learning && i >= whole_rows && i < train_rows;
          // What was seen of the window before the next block begins, and no more.
          const seen = cut ? Math.floor((Math.min(...validation) - at(row) - DAY_MS) / (10 * DAY_MS)) : CHURN_STEPS;
          expect([rows.y[i], rows.steps[i]]).toEqual(steps! > seen ? [0, seen] : [y, steps]);
          short += cut && steps! > seen ? 1 : 0;
          fillPropensityRow(dataset.features.values.subarray(row * dataset.features.columns), inputs, 0);
          expect(rows.values.subarray(i * inputs.length, (i + 1) * inputs.length)).toEqual(inputs);
        }
      }
      expect(short > 0).toBe(dimension === "churn");
      expect(train_rows > whole_rows).toBe(dimension === "churn");
    }
  });

  test("splits views of random prices by their rows' cut-offs", () => {
    const { train, validation, test: judged } = prepare(dataset).trials;
    const { row } = dataset.trials;
    const periods = ({ from, to }: { from: number; to: number }): number[] => [...row.subarray(from, to)].map((own) => dataset.period[own]!);
    expect([train.from, train.to, validation.to, judged.to]).toEqual([0, validation.from, judged.from, row.length]);
    expect(Math.max(...periods(train))).toBeLessThan(Math.min(...periods(validation)));
    expect(Math.max(...periods(validation))).toBeLessThan(Math.min(...periods(judged)));
  });

  test("says which dimension the history is too short for, and leaves it out", () => {
    const short = learnerStories({ learners: 200, days: 150, seed: "short" });
    const { windows, missing } = prepare(buildPropensityDataset(short, rangeOf(short, 150)));
    expect(Object.keys(windows)).toEqual(["enrollment"]);
    expect(Object.keys(missing).toSorted()).toEqual(["churn", "completion", "upsell"]);
    expect(missing.churn).toContain("60 days");
  });

  test("comes back as it was, and not from other rows", () => {
    const directory = mkdtempSync(join(tmpdir(), "tidemark-preparation-"));
    try {
      const preparation = prepare(dataset);
      preparationStage.save(preparation, directory);
      const context = {} as StageContext;
      expect(preparationStage.load(directory, { data: dataset }, context)).toEqual(preparation);
      const other = withFeature("exposures_30d", (row) => row);
      expect(() => preparationStage.load(directory, { data: other }, context)).toThrow("other matrices");
      expect(preparationStage.detail(preparation)).toMatch(/enrollment \d+ \+ \d+ \+ \d+, churn/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe("understanding", () => {
  test("finds nothing to fail honest rows for, and describes them", async () => {
    const { output, checks } = await understood(dataset);
    for (const check of checks.values()) expect(check, check.detail).not.toMatchObject({ status: "fail" });
    expect([...checks.keys()].toSorted()).toEqual(["drift.base_rate", "drift.features", "leakage.shuffled_auc", "leakage.single_input_auc", "leakage.time_order", "quality.constant", "quality.missing"]);
    expect(checks.get("leakage.shuffled_auc")?.detail).toMatch(/enrollment 0\.\d+ ± 0\.\d+, churn/);
    expect(output.histograms).toHaveLength(propensityInputNames.length + binaryDimensions.length);
    for (const series of output.trend!.series) expect(series.values).toHaveLength(dataset.at_ms.length);
    // The last windows of 60 days are not whole: they say nothing of churn.
    expect(output.trend!.series.find(({ name }) => name === "churned")?.values.at(-1)).toBeNull();
    const { row, y } = dataset.labels.enrollment;
    const first = y.filter((_, i) => dataset.period[row[i]!] === 0);
    expect(output.trend!.series.find(({ name }) => name === "enrolled")?.values[0]).toBeCloseTo(first.reduce((sum, own) => sum + own, 0) / first.length, 12);
  });

  test.each(binaryDimensions)("an input that holds the label of %s sets off the alarm, monotone or not", async (dimension) => {
    const { row, y } = dataset.labels[dimension];
    const label = new Map([...row].map((own, i) => [own, y[i]!]));
    const leaks = [(own: number): number => label.get(own) ?? 0, (own: number): number => (label.get(own) === 1 ? 3 : own % 2 === 0 ? 0 : 9)];
    for (const leak of leaks) {
      const { checks } = await understood(withFeature("streak_days", leak));
      expect(checks.get("leakage.single_input_auc")).toMatchObject({ status: "fail", detail: expect.stringContaining(`log_streak_days alone has an AUC of 1.000 for ${dimension}`) });
    }
  });

  test("labels dealt anew, of whatever an input holds, leave an AUC that chance explains", () => {
    const { row, y } = dataset.labels.churn;
    const label = new Map([...row].map((own, i) => [own, y[i]!]));
    const leaking = withFeature("streak_days", (own) => label.get(own) ?? 0);
    const split = splitWindows(leaking, inputsMatrix(leaking.features), "churn");
    if (typeof split === "string") throw new Error(split);
    const errors = Array.from({ length: 40 }, (_, seed) => {
      const { auc, se } = shuffledAuc(split, propensityInputNames.length, `seed ${seed}`);
      return (auc - 0.5) / se;
    });
    // Their standard error is what it is said to be: the mean square of 40 lies within 0.4 to 1.9 nearly always.
    const square = errors.reduce((sum, error) => sum + error * error, 0) / errors.length;
    expect(square).toBeGreaterThan(0.4);
    expect(square).toBeLessThan(1.9);
  });

  test("an AUC on shuffled labels fails beyond 0.02, unless chance explains it", () => {
    const judged = (auc: number, se: number): string => judgeShuffled([["enrollment", { auc: 0.5, se: 0.003 }], ["churn", { auc, se }]]).status;
    expect(judged(0.53, 0.003)).toBe("fail");
    expect(judged(0.47, 0.003)).toBe("fail");
    expect(judged(0.515, 0.003)).toBe("warn");
    expect(judged(0.511, 0.003)).toBe("ok");
    expect(judged(0.53, 0.02)).toBe("ok");
  });
});
