import type { ElasticityReport, ReportedElasticity, ReportedEstimate, ReportedHierarchy } from "../contracts/elasticity-report.ts";
import { formatCount } from "./progress.ts";

const methodNames: Readonly<Record<ElasticityReport["specification"]["method"], string>> = {
  ols: "least squares",
  "2sls": "two-stage least squares",
  dml: "double machine learning",
  poisson: "Poisson regression",
  hierarchical: "by group, shrunk towards the mean",
};
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

function coefficientLines({ df, coefficients }: ReportedEstimate): string[] {
  const heading = ["", "coefficient", "error", df === null ? "z" : "t", "p", "95 % interval"];
  const rows = coefficients.map(({ name, estimate, se, statistic, p, low, high }) => {
    const reach = low === null ? "–" : `${figure(low)} to ${figure(high)}`;
    return [name, figure(estimate), figure(se), figure(statistic), probability(p), reach];
  });
  return aligned([heading, ...rows]);
}

/** What says whether instruments are strong and valid. */
function instrumentLines({ first_stage, anderson_rubin, over_identification }: ReportedEstimate): string[] {
  const lines: string[] = [];
  if (first_stage !== null) {
    const { f, p, f_effective, f_iid, r2_partial } = first_stage;
    const others = `effective F ${figure(f_effective)}, with one variance ${figure(f_iid)}; partial R² ${figure(r2_partial)}`;
    lines.push(detail("first stage", `F ${figure(f)} (p ${probability(p)}), ${others}`));
  }
  if (anderson_rubin !== null) {
    const { f, p, set } = anderson_rubin;
    lines.push(detail("Anderson–Rubin", `no effect: F ${figure(f)} (p ${probability(p)}); coefficient 95 %: ${ends(set)}`));
  }
  if (over_identification !== null) {
    const { test, j, df, p } = over_identification;
    const freedom = `${df} degree${df === 1 ? "" : "s"} of freedom`;
    lines.push(detail("J", `${test === "sargan" ? "Sargan" : "Hansen"} ${figure(j)}, ${freedom} (p ${probability(p)})`));
  }
  return lines;
}

function fitLines({ r2, r2_within, dispersion, absorbed }: ReportedEstimate): string[] {
  if (r2 === null) return [];
  if (dispersion !== null) return [detail("deviance", `${figure(r2)} explained; over-dispersion ${figure(dispersion)}`)];
  return [detail("R²", `${figure(r2)}${r2_within === null || absorbed.length === 0 ? "" : `, within ${figure(r2_within)}`}`)];
}

function droppedLines({ dropped_columns, absorbed }: ReportedEstimate): string[] {
  const still = `which does not vary${absorbed.length > 0 ? " within fixed effects" : ""}`;
  return dropped_columns.map(({ name, of }) => detail("dropped", `${name}, ${of.length > 0 ? `a combination of ${of.join(", ")}` : still}`));
}

function estimateLines(report: ElasticityReport, result: ReportedEstimate): string[] {
  const { df, absorbed, draws, nuisances } = result;
  const freedom = df === null ? "" : `; t with ${formatCount(df)} degrees of freedom`;
  const effects = absorbed.map(({ name, levels, nested }) => `${name} (${formatCount(levels)}${nested ? ", within clusters" : ""})`);
  return [
    headline("elasticity", result.elasticity),
    "",
    ...coefficientLines(result),
    "",
    detail("rows", rowsText(report.rows)),
    detail("errors", `${errorsText(report)}${freedom}`),
    ...(effects.length > 0 ? [detail("fixed effects", effects.join(", "))] : []),
    ...instrumentLines(result),
    ...fitLines(result),
    ...(draws.length > 1 ? [detail("draws of folds", draws.map(({ estimate }) => figure(estimate)).join(", "))] : []),
    ...nuisances.map(({ name, learners, r2 }) => detail("learned", `${name}: R² ${figure(r2)} out of fold (${[...new Set(learners)].join(", ")})`)),
    ...droppedLines(result),
  ];
}

function hierarchyLines(report: ElasticityReport, { mean, tau, groups }: ReportedHierarchy): string[] {
  const heading = ["", "rows", "own", "error", "elasticity", "95 % interval", "", "weight of the mean"];
  const rows = groups.map(({ group, rows: count, own, elasticity, share }) => {
    const itself = own.identified ? [figure(own.value), figure(own.se)] : ["–", own.reason];
    return [group, formatCount(count), ...itself, figure(elasticity.value), ends(elasticity.ci95), elasticity.type, figure(share)];
  });
  return [
    headline("mean elasticity", mean),
    `spread between groups (standard deviation) ${figure(tau)}`,
    "",
    ...aligned([heading, ...rows]),
    "",
    detail("rows", rowsText(report.rows)),
    detail("errors", errorsText(report)),
  ];
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
