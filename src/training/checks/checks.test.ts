import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { courseFeatureNames } from "../../features/course-view.ts";
import type { CourseRow } from "../../features/replay.ts";
import { Prng } from "../../lib/prng.ts";
import { DAY_MS } from "../../lib/time.ts";
import { boostingDefaults, fitBoosting } from "../../models/boosting.ts";
import type { FeatureTable } from "../feature-table.ts";
import type { UnbinnedRows } from "../learning-rows.ts";
import { createTrainingPool, type TrainingPool } from "../pool.ts";
import { shareableDoubles } from "../shared-memory.ts";
import { type CheckLimit, checkLimits, judge } from "./check-limits.ts";
import { conversionDrift, featureDrift } from "./drift.ts";
import { shuffledLabels, singleFeature, timeOrder } from "./leakage.ts";
import { rowChecks, valueChecks } from "./quality.ts";

const names = ["price", "trend", "leak"];

/** Rows of which the first column says a little of the label; `leak` makes the last one of it. */
function learn(rows: number, leak: (y: number, exposure: number) => number): UnbinnedRows {
  const random = new Prng("checks");
  const columns = names.length;
  const [values, y, exposure] = [shareableDoubles(rows * columns), shareableDoubles(rows), shareableDoubles(rows)];
  for (let row = 0; row < rows; row++) {
    exposure[row] = 5 + random.integer(30);
    const signal = random.normal();
    y[row] = random.poisson(exposure[row]! * Math.exp(-2 + 0.4 * signal));
    values.set([signal, random.normal(), leak(y[row]!, exposure[row]!)], row * columns);
  }
  return { values, columns, y, exposure, train_rows: Math.floor(0.7 * rows), rows };
}

const none = (): number => 0;

describe("leakage", () => {
  let pool: TrainingPool;
  beforeAll(async () => {
    pool = await createTrainingPool({ threads: 1, deadline_ms: 60_000, backend: "cpu" });
  });
  afterAll(() => pool.close());

  test("a feature that holds its own label sets off the alarm, others do not", () => {
    expect(singleFeature(learn(4_000, none), names)).toMatchObject({ status: "ok", detail: expect.stringContaining("price alone explains") });
    const leaking = singleFeature(learn(4_000, (y, exposure) => y / exposure), names);
    expect(leaking).toMatchObject({ status: "fail", limit: 0.8, detail: expect.stringContaining("leak alone explains") });
  });

  test("shuffled labels cannot be predicted, on any seed, whatever the features hold; one that was fitted to what judges it can", async () => {
    const signal = new AbortController().signal;
    for (let seed = 1; seed <= 5; seed++) expect((await shuffledLabels(learn(4_000, (y, exposure) => y / exposure), names, seed, pool, signal)).status).toBe("ok");
    const cheat: Pick<TrainingPool, "fit"> = {
      fit: ({ data: { values, columns, y, exposure } }) => {
        const rows = y.length;
        const all = { values: new Float64Array(values.buffer), columns, y, exposure, train_rows: rows, rows };
        const { model } = fitBoosting(all, { ...boostingDefaults, decreasing_columns: 0, seed: 1, trees_max: 100, leaf_hessian_min: 1 });
        return Promise.resolve({ model, importance: {}, backend: "typed-arrays", seconds: 0 });
      },
    };
    expect(await shuffledLabels(learn(4_000, none), names, 1, cheat, signal)).toMatchObject({ status: "fail", limit: 3 });
    // What one shuffle shows and others do not is chance.
    let fits = 0;
    const lucky: typeof cheat = { fit: (job, stop) => (fits++ === 0 ? cheat : pool).fit(job, stop) };
    expect(await shuffledLabels(learn(4_000, none), names, 1, lucky, signal)).toMatchObject({ status: "ok", detail: expect.stringContaining("(median of three shuffles)") });
    expect(fits).toBe(3);
  });

  test("labels of one block that reach into the next are found", () => {
    const at_ms = [0, 7, 14, 21].map((day) => day * DAY_MS);
    expect(timeOrder(at_ms, 7 * DAY_MS, [2, 3])).toMatchObject({ status: "ok", value: 0 });
    expect(timeOrder(at_ms, 7 * DAY_MS + 1, [2, 3])).toMatchObject({ status: "fail", value: 1 });
    expect(timeOrder(at_ms, 30 * DAY_MS, [2])).toMatchObject({ value: 23 * DAY_MS });
  });
});

function table(rows: number, of: (row: number, column: number) => number): FeatureTable {
  const values = shareableDoubles(rows * names.length);
  for (let i = 0; i < values.length; i++) values[i] = of(Math.floor(i / names.length), i % names.length);
  return { names, matrix: { rows, columns: names.length, values }, train_rows: 0.6 * rows, test_from: 0.8 * rows };
}

describe("drift", () => {
  const random = new Prng("drift");

  test("tells what moved, and fails when nearly all did", () => {
    expect(featureDrift(table(2_000, () => random.normal())).check).toMatchObject({ status: "ok", value: 0 });
    const one = featureDrift(table(2_000, (row, column) => random.normal() + (column === 1 && row >= 1_600 ? 1 : 0)));
    expect(one.check).toMatchObject({ status: "warn", value: 1 / 3, detail: expect.stringContaining("moved: trend (") });
    expect(one.drift.map(({ status }) => status)).toEqual(["ok", "warn", "ok"]);
    expect(featureDrift(table(2_000, (row) => random.normal() + (row >= 1_600 ? 1 : 0))).check).toMatchObject({ status: "fail", value: 1 });
  });

  test("a conversion that breaks off either way is noted", () => {
    expect(conversionDrift(0.08, 0.07).status).toBe("ok");
    expect(conversionDrift(0.08, 0.03).status).toBe("warn");
    expect(conversionDrift(0.08, 0.001).status).toBe("fail");
    expect(conversionDrift(0.001, 0.08).status).toBe("fail");
    expect(conversionDrift(0, 0.08)).toMatchObject({ status: "ok", value: null });
  });
});

const row = (course: number, period: number, change: Partial<CourseRow> = {}): CourseRow => ({
  course_id: `c${course}`, category: "k", period, view: new Float64Array(courseFeatureNames.length), exposures: 10, enrollments: 1, mean_log_price: Math.log(50), jitter_exposures: 0, jitter_enrollments: 0, mean_jitter: 0, ...change,
});
const platform = (change: (course: number, period: number) => Partial<CourseRow> = () => ({})): CourseRow[] =>
  Array.from({ length: 200 }, (_, i) => row(i % 10, Math.floor(i / 10), change(i % 10, Math.floor(i / 10))));
const statusOf = (rows: readonly CourseRow[], name: string): string | undefined => rowChecks(rows, 20).find((check) => check.name === name)?.status;

describe("quality", () => {
  test("an even platform passes", () => {
    expect(rowChecks(platform(), 20).map(({ status }) => status)).toEqual(["ok", "ok", "ok", "ok"]);
  });

  test.each<[string, string, CourseRow[]]>([
    ["quality.duplicate_rows", "fail", [...platform(), row(3, 3)]],
    ["quality.unseen_enrollments", "warn", platform((course) => (course === 0 ? { enrollments: 11 } : {}))],
    ["quality.unseen_enrollments", "fail", platform((course) => (course < 6 ? { exposures: 0 } : {}))],
    ["quality.price_outliers", "warn", platform((course, period) => (course < 5 && period === 4 ? { mean_log_price: Math.log(5_000) } : {}))],
    ["quality.price_outliers", "fail", platform((_, period) => (period % 4 === 3 ? { mean_log_price: 0 } : {}))],
    ["quality.week_gaps", "warn", platform().filter(({ period }) => period !== 7)],
    ["quality.week_gaps", "fail", platform((_, period) => (period < 11 ? { exposures: 0, enrollments: 0 } : {}))],
  ])("%s: %s", (name, status, rows) => {
    expect(statusOf(rows, name)).toBe(status);
  });

  test("values that are missing or never vary are counted", () => {
    const random = new Prng("values");
    const [missing, constant] = valueChecks(table(1_000, (at, column) => (column === 2 ? 4 : at === 7 ? Number.NaN : random.normal())));
    expect(missing).toMatchObject({ status: "warn", value: 2 / 3_000 });
    expect(constant).toMatchObject({ status: "warn", value: 1, detail: expect.stringContaining("leak") });
  });
});

test("limits are ordered, and a figure is judged by them", () => {
  for (const limit of Object.values<CheckLimit>(checkLimits)) expect(limit.fail ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(limit.warn);
  expect(judge("quality.refused", 0.01, "")).toMatchObject({ status: "ok", limit: 0.01 });
  expect(judge("quality.refused", 0.011, "")).toMatchObject({ status: "warn", limit: 0.01 });
  expect(judge("quality.refused", 0.21, "")).toMatchObject({ status: "fail", limit: 0.2 });
  expect(judge("quality.duplicates", 1, "")).toMatchObject({ status: "warn" });
  expect(judge("quality.refused", null, "no stream")).toMatchObject({ status: "ok", value: null, limit: null });
  // A figure that is no number passes nothing.
  expect(judge("quality.refused", Number.NaN, "").status).toBe("fail");
});
