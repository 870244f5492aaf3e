import type { Analysis, CategoryRow, Curve, Histogram } from "../../contracts/training-analysis.ts";
import { noAnalysis } from "../../contracts/training-analysis.ts";
import { type CandidateRecord, RUN_FORMAT, type StageName, stageNames, type TrainingReport } from "../../contracts/training-run.ts";
import { riskLevels, segments } from "../../contracts/segments.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";

const FROM_MS = Date.UTC(2026, 0, 1);

export interface SampleSize {
  readonly categories: number;
  readonly weeks: number;
  readonly features: number;
  readonly candidates: number;
  readonly curves: number;
  /** What a name of data looks like, such as that of a category. */
  readonly name: (kind: string, i: number) => string;
}

const usual: SampleSize = { categories: 3, weeks: 6, features: 4, candidates: 3, curves: 2, name: (kind, i) => `${kind}_${i}` };

const times = <Value>(count: number, value: (i: number) => Value): Value[] => Array.from({ length: count }, (_, i) => value(i));
/** Between −1 and 1, the same for the same i. */
const wave = (i: number): number => Math.sin(1 + 1.7 * i);

function histogram(name: string, i: number): Histogram {
  return { name, unit: "log", scale: i % 2 === 0 ? "linear" : "log", edges: [0.5, 1, 2, 4, 8], train: [10, 40 + i, 30, 5], held_out: [2, 9, 7, 3], missing: i };
}

function category({ name }: SampleSize, i: number): CategoryRow {
  const estimate = { value: -1.4 + 0.8 * wave(i), se: 0.12, sales: 900 + i, identified: i % 3 !== 2, source: "category" };
  return { category: name("category", i), courses: 10 + i, exposures: 12_000 + i, enrollments: 900 + i, conversion: 0.075, mean_price_tokens: 88.5, revenue_tokens: 79_650 - 100 * i, elasticity: estimate };
}

function curve({ name }: SampleSize, i: number): Curve {
  const points = times(9, (step) => {
    const price = 60 + 10 * step;
    const enrollments = 9 * (100 / price) ** 1.3;
    return { price_tokens: price, enrollments, enrollments_ci95: [Math.floor(enrollments / 2), Math.ceil(1.7 * enrollments)] as [number, number], revenue_tokens: enrollments * price, revenue_ci95: [(enrollments * price) / 2, 1.7 * enrollments * price] as [number, number] };
  });
  return { course_id: name("course", i), category: name("category", i), price_tokens: 100, exposures_per_week: 110, elasticity: { value: -1.3, ci95: [-1.7, -0.9], identified: i % 2 === 0 }, points, best_price_tokens: 60, supported: [80, 125] };
}

function candidate(size: SampleSize, i: number): CandidateRecord {
  const metrics = { poisson_deviance: 0.78 + 0.01 * i, skill: 0.024 - 0.01 * i, r2_log: 0.41, rmse_log: 0.36, mape_log: 0.44, wape: 0.87 };
  return {
    name: size.name("learner", i),
    selected: i === 0,
    barred: i === 1 ? "its prediction rises with price on 83 % of the validation rows" : null,
    forward: { rows: 7_485, metrics },
    grouped: { rows: 2_000, metrics: { r2_log: 0.83, rmse_log: 0.41, mape_log: 0.15 }, ceiling: { r2_log: 0.9, rmse_log: 0.31, mape_log: 0.11 } },
    slices: times(size.categories, (slice) => ({ by: "category", value: size.name("category", slice), rows: 900, metrics: { ...metrics, skill: 0.05 * wave(slice) } })),
    importance: Object.fromEntries(times(size.features, (feature) => [size.name("feature", feature), 1 / (2 + feature)])),
    elasticity: i === 2 ? null : -0.15,
    backend: "wasm",
    seconds: 3.1 + i,
  };
}

function analysis(size: SampleSize): Analysis {
  const features = times(size.features, (i) => size.name("feature", i));
  const columns = [...features, "conversion"];
  const at = times(size.weeks, (week) => formatTime(FROM_MS + 7 * week * DAY_MS));
  return {
    histograms: features.map(histogram),
    correlation: { names: columns, values: columns.map((_, i) => columns.map((_name, j) => (i === j ? 1 : i + j === 1 ? null : wave(i + j)))) },
    trend: {
      at,
      block: at.map((_, week) => (week < size.weeks - 2 ? "train" : week < size.weeks - 1 ? "validation" : "test")),
      series: [
        { name: "exposures", unit: "a week", values: at.map((_, week) => 10_000 + 400 * wave(week)) },
        { name: "conversion", unit: "enrollments per exposure", values: at.map((_, week) => (week === 1 ? null : 0.08 + 0.01 * wave(week))) },
      ],
    },
    drift: features.map((feature, i) => ({ feature, psi: 0.3 / (1 + i), status: i === 0 ? "warn" : "ok" })),
    categories: times(size.categories, (i) => category(size, i)),
    prices: { variation: histogram("log price over the reference price", 0), within_course_sd: 0.177, between_course_sd: 0.457, jitter: { exposure_share: 0.99, course_week_share: 1, courses: 1_200, sd: 0.084 } },
    elasticity: { global: { value: -1.2, se: 0.136, sales: 47_784, identified: true, source: "global" }, tau_category: 0.34, tau_course: 0.17 },
    residuals: {
      candidate: size.name("learner", 0),
      mean: 0.013,
      sd: 0.982,
      edges: [-2, -1, 0, 1, 2],
      counts: [10, 60, 25, 5],
      by_prediction: times(10, (i) => ({ predicted: 0.05 * 1.5 ** i, mean: 0.05 * wave(i), sd: 0.98, rows: 748 })),
      by_period: times(4, (i) => ({ at: formatTime(FROM_MS + 7 * i * DAY_MS), mean: 0.05 * wave(i), sd: 0.97, rows: 1_870 })),
    },
    calibration: times(size.candidates, (i) => ({ candidate: size.name("learner", i), bins: times(10, (bin) => ({ rows: 700, predicted: 0.02 * (bin + 1), observed: 0.02 * (bin + 1) + 0.002 * wave(bin), ci95: [0.02 * (bin + 1) - 0.005, 0.02 * (bin + 1) + 0.005] })) })),
    curves: times(size.curves, (i) => curve(size, i)),
    segments: segments.toReversed().map((segment, i) => ({
      segment,
      learners: 1_000 * i,
      scores: { enrollment: 0.8 - 0.2 * i, churn: 0.1 + 0.2 * i, completion: 0.4, upsell: 0.2, price_sensitivity: 0.5 },
      risk: riskLevels.map((level) => ({ level, learners: i })),
      enrolled_share: i === 0 ? null : 0.78 - 0.2 * i,
      churned_share: i === 0 ? null : 0.12 + 0.2 * i,
      spent_tokens: 40_000 * i,
      lifetime_tokens: 90_000 * i,
    })),
  };
}

/** The record of a run that came to its end and promoted its challenger, of any size and with any names. */
export function sampleReport(options: Partial<SampleSize> = {}): TrainingReport {
  const size = { ...usual, ...options };
  return {
    format: RUN_FORMAT,
    run_id: "20260226T000000000Z-elasticity-0001",
    family: "elasticity",
    trigger: "hand",
    seed: 7,
    code_version: "0.1.0",
    range: { stream: "EVENTS", stream_created: "2026-01-01T00:00:00.123456789Z", first_sequence: 1, last_sequence: 975_632, from: formatTime(FROM_MS), to: formatTime(FROM_MS + 42 * DAY_MS) },
    status: "completed",
    started_at: "2026-02-26T00:00:00.000Z",
    ended_at: "2026-02-26T00:02:17.250Z",
    attempts: 1,
    machine: { node: "v20.19.0", platform: "linux-x64", cpus: 2, backend: "wasm" },
    stages: stageNames.map((name, i) => ({ name, status: "done", seconds: 3 ** i / 10, detail: `what came of ${name}` })),
    checks: [
      { name: "quality.refused", stage: "data", status: "ok", value: 0, limit: 0.01, detail: "no dead letter among the events" },
      { name: "drift.features", stage: "understanding", status: "warn", value: 0.3, limit: 0.25, detail: "distributions that moved" },
      { name: "leakage.time_order", stage: "understanding", status: "ok", value: null, limit: null, detail: "nothing to take it from" },
    ],
    candidates: times(size.candidates, (i) => candidate(size, i)),
    artifact: { name: "elasticity/20260212T000000000Z-6e894f4d", version: "20260212T000000000Z-6e894f4d", digest: "ab".repeat(32), bytes: 11_600 },
    verdict: {
      challenger: size.name("learner", 0),
      promoted: true,
      reason: "beats what there is",
      comparisons: [
        { opponent: "the trailing conversion", kind: "naive", metric: "poisson_deviance", challenger: 0.778, theirs: 0.798, difference: -0.02, ci95: [-0.026, -0.012], margin: 0, passed: true, detail: "beats it" },
        { opponent: "the champion 20260101T000000000Z-00000000", kind: "champion", metric: "poisson_deviance", challenger: 0.778, theirs: 0.781, difference: -0.003, ci95: [-0.006, 0.0005], margin: 0.001, passed: true, detail: "beats it" },
      ],
    },
    failure: null,
    analysis: analysis(size),
  };
}

/** What of a record each stage fills in. */
const filledBy: Readonly<Record<"understanding" | "evaluation", readonly (keyof Analysis)[]>> = {
  understanding: ["histograms", "correlation", "trend", "drift", "categories", "prices"],
  evaluation: ["elasticity", "residuals", "calibration", "curves", "segments"],
};

/** The record of a run that failed in a stage: what comes later is not there. */
export function failedReport(stage: StageName, report: TrainingReport = sampleReport()): TrainingReport {
  const at = stageNames.indexOf(stage);
  const reached = (name: StageName): boolean => stageNames.indexOf(name) < at;
  const kept = (["understanding", "evaluation"] as const).filter(reached).flatMap((name) => filledBy[name]);
  return {
    ...report,
    status: "failed",
    stages: report.stages.map((own, i) => (i < at ? own : { name: own.name, status: i === at ? "failed" : "waiting", seconds: 0, detail: "" })),
    checks: report.checks.filter((check) => reached(check.stage)),
    ...(!reached("evaluation") && { candidates: [], artifact: null, verdict: null }),
    failure: { stage, code: "too_little_data", message: `the stage ${stage} had too little to work with` },
    analysis: { ...noAnalysis, ...Object.fromEntries(kept.map((key) => [key, report.analysis[key]])) },
  };
}
