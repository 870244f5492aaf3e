import type { ElasticityReport, ReportedElasticity, ReportedEstimate, ReportedHierarchy } from "../contracts/elasticity-report.ts";
import { formatCount } from "./progress.ts";

const methodNames: Readonly<Record<ElasticityReport["specification"]["method"], string>> = { ols: "least squares", "2sls": "two-stage least squares", dml: "double machine learning", poisson: "Poisson regression", hierarchical: "by group, shrunk towards the mean" };
const LABEL_WIDTH = 16;

/** Four significant digits, without an exponent where that is short. */
export function figure(value: number | null): string {
  if (value === null) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(3);
  return String(Number(value.toPrecision(4)));
}

function probability(p: number | null): string {
  if (p === null) return "–";
  return p < 1e-4 ? "< 0.0001" : p.toFixed(4);
}

function ends({ shape, parts }: ReportedElasticity["ci95"]): string {
  if (shape === "empty") return "empty: no effect fits all instruments";
  if (shape === "line") return "everything";
  return parts.map(({ low, high }) => (low === null ? `up to ${figure(high)}` : high === null ? `${figure(low)} and more` : `${figure(low)} to ${figure(high)}`)).join(" or ");
}

/** Columns as wide as their widest cell, the first to the left and the others to the right. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, j) => Math.max(...rows.map((row) => row[j]!.length)));
  return rows.map((row) => row.map((cell, j) => (j === 0 ? cell.padEnd(widths[j]!) : cell.padStart(widths[j]!))).join("  ").trimEnd());
}

function detail(label: string, text: string): string {
  return `${label.padEnd(LABEL_WIDTH)} ${text}`;
}

function errorsText({ specification: { errors }, clusters }: ElasticityReport): string {
  if (errors !== "clustered") return errors === "iid" ? "one variance for all rows" : `robust errors (${errors})`;
  return `errors clustered by ${clusters.map(({ name, levels }) => `${name} (${formatCount(levels)})`).join(" and ")}`;
}

function headline(name: string, { value, ci95, ci95_source, type }: ReportedElasticity): string {
  return `${name} ${figure(value)}, ${type}; 95 %${ci95_source === "anderson_rubin" ? " (Anderson–Rubin)" : ""}: ${ends(ci95)}`;
}

function rowsText({ read, used, ...left }: ElasticityReport["rows"]): string {
  const why: readonly (readonly [number, string])[] = [
    [left.missing, "with a missing value"],
    [left.not_positive, "without a logarithm"],
    [left.without_previous, "the first of their unit"],
    [left.zero_weight, "without weight"],
    [left.singletons, "alone in a fixed effect"],
    [left.without_events, "in a fixed effect that never sold"],
    [left.separated, "separated"],
  ];
  const parts = why.filter(([count]) => count > 0).map(([count, text]) => `${formatCount(count)} ${text}`);
  return `${formatCount(used)} of ${formatCount(read)}${parts.length > 0 ? `; left out: ${parts.join(", ")}` : ""}`;
}

function estimateLines(report: ElasticityReport, result: ReportedEstimate): string[] {
  const statistic = result.df === null ? "z" : "t";
  const table = aligned([
    ["", "coefficient", "error", statistic, "p", "95 % interval"],
    ...result.coefficients.map(({ name, estimate, se, statistic: own, p, low, high }) => [name, figure(estimate), figure(se), figure(own), probability(p), low === null ? "–" : `${figure(low)} to ${figure(high)}`]),
  ]);
  const { first_stage, anderson_rubin, over_identification, draws, nuisances } = result;
  const lines = [
    headline("elasticity", result.elasticity),
    "",
    ...table,
    "",
    detail("rows", rowsText(report.rows)),
    detail("errors", `${errorsText(report)}${result.df === null ? "" : `; ${statistic} with ${formatCount(result.df)} degrees of freedom`}`),
  ];
  if (result.absorbed.length > 0) lines.push(detail("fixed effects", result.absorbed.map(({ name, levels, nested }) => `${name} (${formatCount(levels)}${nested ? ", within clusters" : ""})`).join(", ")));
  if (first_stage !== null) lines.push(detail("first stage", `F ${figure(first_stage.f)} (p ${probability(first_stage.p)}), effective F ${figure(first_stage.f_effective)}, with one variance ${figure(first_stage.f_iid)}; partial R² ${figure(first_stage.r2_partial)}`));
  if (anderson_rubin !== null) lines.push(detail("Anderson–Rubin", `no effect: F ${figure(anderson_rubin.f)} (p ${probability(anderson_rubin.p)}); coefficient 95 %: ${ends(anderson_rubin.set)}`));
  if (over_identification !== null) lines.push(detail("J", `${over_identification.test === "sargan" ? "Sargan" : "Hansen"} ${figure(over_identification.j)}, ${over_identification.df} degree${over_identification.df === 1 ? "" : "s"} of freedom (p ${probability(over_identification.p)})`));
  if (result.r2 !== null) lines.push(detail(result.dispersion === null ? "R²" : "deviance", `${figure(result.r2)}${result.r2_within === null || result.absorbed.length === 0 ? "" : `, within ${figure(result.r2_within)}`}${result.dispersion === null ? "" : ` explained; over-dispersion ${figure(result.dispersion)}`}`));
  if (draws.length > 1) lines.push(detail("draws of folds", draws.map(({ estimate }) => figure(estimate)).join(", ")));
  for (const { name, learners, r2 } of nuisances) lines.push(detail("learned", `${name}: R² ${figure(r2)} out of fold (${[...new Set(learners)].join(", ")})`));
  for (const { name, of } of result.dropped_columns) lines.push(detail("dropped", of.length > 0 ? `${name}, a combination of ${of.join(", ")}` : `${name}, which does not vary${result.absorbed.length > 0 ? " within fixed effects" : ""}`));
  return lines;
}

function hierarchyLines(report: ElasticityReport, { mean, tau, groups }: ReportedHierarchy): string[] {
  const table = aligned([
    ["", "rows", "own", "error", "elasticity", "95 % interval", "", "weight of the mean"],
    ...groups.map(({ group, rows, own, elasticity, share }) => [group, formatCount(rows), own.identified ? figure(own.value) : "–", own.identified ? figure(own.se) : own.reason, figure(elasticity.value), ends(elasticity.ci95), elasticity.type, figure(share)]),
  ]);
  return [headline("mean elasticity", mean), `spread between groups (standard deviation) ${figure(tau)}`, "", ...table, "", detail("rows", rowsText(report.rows)), detail("errors", errorsText(report))];
}

/** Differences whose gain is within its error are no finding. */
function heterogeneityLines({ slopes, penalty, gain, gain_se }: NonNullable<ElasticityReport["heterogeneity"]>): string[] {
  const found = penalty !== null && gain > 2 * gain_se;
  const how = slopes.map(({ name, slope, mean }) => `${name}: ${figure(slope)} a unit around ${figure(mean)}`).join("; ");
  const gained = `on folds not fitted to, the loss falls by ${figure(100 * gain)} % (± ${figure(100 * gain_se)})`;
  return [detail("differs with", found ? how : `none of ${slopes.map(({ name }) => name).join(", ")} that one effect for all does not do as well without`), detail("", gained)];
}

/** The report as a person reads it. */
export function elasticityTable(report: ElasticityReport): string {
  const { specification: { method, group_method, form, quantity, price }, result, heterogeneity, notes } = report;
  const inner = group_method === null ? methodNames[method] : `${methodNames[group_method]} ${methodNames[method]}`;
  const lines = [`${quantity} on ${price} in ${form}: ${inner}`];
  if (!result.identified) lines.push(`not identified (${result.reason}): ${result.detail}`, "", detail("rows", rowsText(report.rows)));
  else lines.push(...("groups" in result ? hierarchyLines(report, result) : estimateLines(report, result)));
  if (heterogeneity !== null) lines.push(...heterogeneityLines(heterogeneity));
  for (const note of notes) lines.push(detail("note", note));
  return lines.join("\n");
}
