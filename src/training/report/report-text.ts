import type { CandidateRecord, Check, TrainingReport, TrainingRun } from "../../contracts/training-run.ts";
import { groupBy } from "../../lib/group-by.ts";
import { number, textTable } from "./text-table.ts";

const share = (value: number): string => `${(100 * value).toFixed(1)} %`;

/** What a run is and what came of it, in two lines. */
export function headline(run: TrainingRun): string[] {
  const { verdict, failure } = run;
  const outcome = failure !== null ? `failed in ${failure.stage}: ${failure.message}` : verdict === null ? run.status : `${run.artifact?.name ?? "no artifact"} ${verdict.promoted ? "promoted" : "not promoted"}: ${verdict.reason}`;
  return [`Run ${run.run_id}: ${run.family}, seed ${run.seed}, ${run.trigger}, version ${run.code_version}`, outcome];
}

export function stageLines({ stages }: TrainingRun): string[] {
  return textTable(["stage", "status", "seconds"], stages.map(({ name, status, seconds }) => [name, status, seconds.toFixed(1)])).map((line, i) => (i === 0 || stages[i - 1]!.detail === "" ? line : `${line}  ${stages[i - 1]!.detail}`));
}

const mark: Readonly<Record<Check["status"], string>> = { ok: "ok  ", warn: "WARN", fail: "FAIL" };

export function checkLines(checks: readonly Check[]): string[] {
  return checks.map(({ name, status, value, limit, detail }) => `  ${mark[status]}  ${name.padEnd(28)} ${number(value).padStart(10)}${limit === null ? "" : ` (limit ${number(limit)})`}  ${detail}`);
}

const FIGURES = [["deviance", "poisson_deviance"], ["skill", "skill"], ["R2 (log)", "r2_log"], ["RMSE (log)", "rmse_log"], ["MAPE (log)", "mape_log"], ["WAPE", "wape"], ["log loss", "log_loss"], ["AUC", "auc"], ["ECE", "ece"], ["slope", "slope"], ["precision@70", "precision_70"], ["F1", "f1"]] as const;

/** One row a candidate: held out forward in time. */
export function candidateLines(candidates: readonly CandidateRecord[]): string[] {
  const shown = FIGURES.filter(([, metric]) => candidates.some(({ forward }) => forward.metrics[metric] !== undefined));
  const rows = candidates.map(({ name, selected, forward, elasticity, backend, seconds }) => [`${selected ? "*" : " "} ${name}`, ...shown.map(([, metric]) => number(forward.metrics[metric])), number(elasticity), seconds.toFixed(1), backend]);
  return textTable(["  candidate", ...shown.map(([title]) => title), "elasticity", "seconds", "backend"], rows);
}

function groupedLines(candidates: readonly CandidateRecord[]): string[] {
  const rows = candidates.flatMap(({ name, grouped }) =>
    grouped === null ? [] : [[name, ...(["r2_log", "rmse_log", "mape_log"] as const).map((metric) => `${number(grouped.metrics[metric])} [${number(grouped.ceiling[metric])}]`)]],
  );
  return rows.length === 0 ? [] : ["", "Whole courses, out of fold; in brackets what chance alone would leave of a perfect model", ...textTable(["candidate", "R2 (log)", "RMSE (log)", "MAPE (log)"], rows)];
}

/** Of every selected candidate, part by part. */
function sliceLines(candidates: readonly CandidateRecord[]): string[] {
  return candidates.filter(({ selected }) => selected).flatMap(({ name, slices }) =>
    [...groupBy(slices, ({ by }) => by)].flatMap(([by, own]) => {
      const shown = FIGURES.filter(([, metric]) => own.some(({ metrics }) => metrics[metric] !== undefined));
      const table = textTable([by, "rows", ...shown.map(([title]) => title)], own.map(({ value, rows, metrics }) => [value, String(rows), ...shown.map(([, metric]) => number(metrics[metric]))]));
      return ["", `${name} by ${by}`].concat(table);
    }),
  );
}

function categoryLines({ categories, elasticity }: TrainingReport["analysis"]): string[] {
  if (categories.length === 0) return [];
  const slope = (value: number, se: number, identified: boolean): string => (identified ? `${value.toFixed(2)} ± ${(1.96 * se).toFixed(2)}` : "not identified");
  const rows = categories.map((row) => [
    row.category, String(row.courses), String(row.exposures), String(row.enrollments), share(row.conversion), row.mean_price_tokens.toFixed(1), String(Math.round(row.revenue_tokens)),
    row.elasticity === null ? "-" : slope(row.elasticity.value, row.elasticity.se, row.elasticity.identified),
  ]);
  const global = elasticity === null ? [] : [`  causal elasticity of enrollments to price, all courses: ${slope(elasticity.global.value, elasticity.global.se, elasticity.global.identified)}; spread between categories ${elasticity.tau_category.toFixed(2)}, between courses ${elasticity.tau_course.toFixed(2)}`];
  return ["", "Categories", ...textTable(["category", "courses", "exposures", "enrollments", "conversion", "mean price", "revenue", "elasticity"], rows), ...global];
}

function analysisLines({ analysis, candidates }: TrainingReport): string[] {
  const { prices, drift, calibration, residuals, curves } = analysis;
  const selected = candidates.find((candidate) => candidate.selected);
  const importance = Object.entries(selected?.importance ?? {}).sort(([, a], [, b]) => b - a).filter(([, own]) => own > 0.001);
  const own = calibration.find(({ candidate }) => candidate === selected?.name);
  return [
    ...categoryLines(analysis),
    ...(prices === null ? [] : ["", `Prices vary by ${share(prices.within_course_sd)} within courses; ${share(prices.jitter.exposure_share)} of the exposures and ${share(prices.jitter.course_week_share)} of the course-weeks at a random price (sd ${share(prices.jitter.sd)}, ${prices.jitter.courses} courses)`]),
    ...(drift.length === 0 ? [] : ["", "Drift between training and held-out weeks (population stability index)", ...textTable(["feature", "index", "status"], drift.toSorted((a, b) => b.psi - a.psi).map(({ feature, psi, status }) => [feature, psi.toFixed(3), status]))]),
    ...(importance.length === 0 ? [] : ["", `Importance in ${selected!.name}: ${importance.map(([feature, value]) => `${feature} ${share(value)}`).join(", ")}`]),
    ...(own === undefined ? [] : ["", `Calibration of ${own.candidate} by tenth of the exposures`, ...textTable(["rows", "predicted", "observed", "95 %"], own.bins.map(({ rows, predicted, observed, ci95 }) => [String(rows), share(predicted), share(observed), `${share(ci95[0])} to ${share(ci95[1])}`]))]),
    ...(residuals === null ? [] : ["", `Pearson residuals of ${residuals.candidate}: mean ${number(residuals.mean)}, sd ${number(residuals.sd)}`]),
    ...(curves.length === 0 ? [] : ["", "Expected demand by price, before a course's own posterior", ...textTable(["course", "price", "best", "elasticity", "revenue a week", "at the best"], curves.map((curve) => {
      const at = (price: number): string => number(curve.points.reduce((a, b) => (Math.abs(b.price_tokens - price) < Math.abs(a.price_tokens - price) ? b : a)).revenue_tokens);
      return [curve.course_id, String(curve.price_tokens), String(curve.best_price_tokens), curve.elasticity.value.toFixed(2), at(curve.price_tokens), at(curve.best_price_tokens)];
    }))]),
  ];
}

/** The whole report as plain text. */
export function reportText(report: TrainingReport): string {
  const { range, machine, checks, candidates, verdict, attempts, started_at, ended_at } = report;
  return `${[
    ...headline(report),
    "",
    `Data ${range.from} to ${range.to}: sequences ${range.first_sequence} to ${range.last_sequence} of ${range.stream}`,
    `Ran ${started_at} to ${ended_at ?? "now"}, ${attempts === 1 ? "in one go" : `${attempts} attempts`}, on ${machine.platform} with ${machine.cpus} cores, ${machine.node}, tensor backend ${machine.backend}`,
    "",
    "Stages",
    ...stageLines(report),
    "",
    "Checks",
    ...checkLines(checks),
    ...(candidates.length === 0 ? [] : ["", "Held out, forward in time", ...candidateLines(candidates)]),
    ...groupedLines(candidates),
    ...sliceLines(candidates),
    ...(verdict === null ? [] : ["", "The challenger against", ...verdict.comparisons.map(({ passed, detail }) => `  ${passed ? mark.ok : mark.fail}  ${detail}`)]),
    ...analysisLines(report),
  ].join("\n")}\n`;
}
