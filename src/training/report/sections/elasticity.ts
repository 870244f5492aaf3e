import type { ElasticityEstimate } from "../../../contracts/artifact.ts";
import type { Analysis } from "../../../contracts/training-analysis.ts";
import { readElasticity, type ElasticityType } from "../../../models/elasticity-type.ts";
import { type Interval, intervalChart } from "../charts/interval-chart.ts";
import { blue, green, ink, muted, orange } from "../charts/look.ts";
import { figure, figures, legend, type LegendItem } from "../figure.ts";
import { figure as number, fixed } from "../format.ts";
import { html, type Html } from "../html.ts";
import type { Section } from "../section.ts";
import { leftOut, table } from "../table.ts";
import { estimateText } from "./estimate.ts";

const ROWS_DRAWN_MAX = 24;

interface Row {
  readonly name: string;
  readonly estimate: ElasticityEstimate;
  readonly total: boolean;
}

type Named = Omit<Row, "estimate"> & { readonly estimate: ElasticityEstimate | null };

const colours: Readonly<Record<ElasticityType, string>> = { elastic: orange, unit: blue, inelastic: green };

/** A category without a single sale at a random price has no estimate at all. */
function typeOf(estimate: ElasticityEstimate | null): ElasticityType | "not identified" {
  return estimate?.identified === true ? readElasticity(estimate.value, estimate.se).type : "not identified";
}

/** Of the kinds that are drawn. */
function keyOf(rows: readonly Row[]): Html {
  const items: readonly (LegendItem & { readonly drawn: (row: Row) => boolean })[] = [
    { swatch: "dot", colour: "orange", text: "elastic: below −1, cheaper earns more", drawn: ({ estimate, total }) => !total && typeOf(estimate) === "elastic" },
    { swatch: "dot", colour: "blue", text: "unit: the interval holds −1", drawn: ({ estimate, total }) => !total && typeOf(estimate) === "unit" },
    { swatch: "dot", colour: "green", text: "inelastic: above −1, dearer earns more", drawn: ({ estimate, total }) => !total && typeOf(estimate) === "inelastic" },
    { swatch: "diamond", colour: "ink", text: "all courses", drawn: ({ estimate, total }) => total && estimate.identified },
    { swatch: "hollow", colour: "muted", text: "not identified: assumed", drawn: ({ estimate }) => !estimate.identified },
  ];
  return legend(items.filter(({ drawn }) => rows.some(drawn)));
}

function interval({ name, estimate, total }: Row): Interval {
  const { value, se, identified } = estimate;
  const { ci95: [low, high], type } = readElasticity(value, se);
  return { label: name, value, low, high, colour: identified ? (total ? ink : colours[type]) : muted, mark: identified ? (total ? "diamond" : "dot") : "hollow" };
}

function summary({ global, tau_category, tau_course }: NonNullable<Analysis["elasticity"]>): string {
  if (!global.identified) return "Not identified: prices never varied at random, so that no estimate can tell the effect of price from that of what moved it. What is drawn hollow is the assumption that prices start from.";
  const effect = `One percent more in price ${global.value > 0 ? "adds" : "costs"} about ${fixed(Math.abs(global.value), 1)} percent of the enrollments per exposure.`;
  return `All courses together: ${estimateText(global)}. ${effect} Categories spread by ${fixed(tau_category, 2)} around it, courses by ${fixed(tau_course, 2)} around their category (standard deviations).`;
}

/** The answer that prices rest on: what demand does when the price alone moves. */
export const elasticitySection: Section = {
  id: "elasticity",
  title: "Causal elasticity",
  stage: "evaluation",
  shows: "the causal elasticity by category with 95 % intervals",
  body({ analysis: { elasticity, categories } }) {
    if (elasticity === null) return null;
    const total: Row = { name: "all courses", estimate: elasticity.global, total: true };
    const known = categories.flatMap(({ category, elasticity: estimate }): Row[] => (estimate === null ? [] : [{ name: category, estimate, total: false }])).sort((a, b) => b.estimate.sales - a.estimate.sales);
    const unknown = categories.flatMap(({ category, elasticity: estimate }): Named[] => (estimate === null ? [{ name: category, estimate, total: false }] : []));
    const shown = [...known.slice(0, ROWS_DRAWN_MAX).sort((a, b) => a.estimate.value - b.estimate.value), total];
    return html`<p>${summary(elasticity)}</p>
${table<Named>({
  caption: "Causal elasticity of enrollments per exposure to price",
  rows: [total, ...known, ...unknown],
  mark: ({ total }) => (total ? "total" : undefined),
  columns: [
    { head: "category", cell: ({ name }) => name },
    { head: "elasticity (95 % interval)", numeric: true, cell: ({ estimate }) => (estimate === null ? "not identified" : estimateText(estimate)) },
    { head: "type", cell: ({ estimate }) => html`<span class="type ${typeOf(estimate).replace(" ", "-")}">${typeOf(estimate)}</span>` },
    { head: "sales behind it", numeric: true, cell: ({ estimate }) => (estimate === null ? "–" : number(Math.round(estimate.sales))) },
    { head: "mostly from", cell: ({ estimate }) => estimate?.source },
  ],
})}
${keyOf(shown)}${figures("medium", [
  figure({
    title: "Causal elasticity by category",
    unit: "d log(enrollments per exposure) / d log(price), with 95 % interval",
    look: "The dashed line is −1, where revenue does not depend on price. An interval across it cannot tell whether to go up or down.",
    chart: intervalChart({
      alt: `Causal elasticity with 95 % intervals: ${shown.map(({ name, estimate }) => `${name} ${estimateText(estimate)}${estimate.identified ? `, ${typeOf(estimate)}` : ""}`).join("; ")}`,
      axis: "elasticity of enrollments to price",
      rows: shown.map(interval),
      references: [-1],
    }),
  }),
])}${leftOut(known.length, shown.length - 1)}`;
  },
};
