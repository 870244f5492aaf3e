import type { CategoryRow } from "../../../contracts/training-analysis.ts";
import { barChart } from "../charts/bar-chart.ts";
import { figure, figures } from "../figure.ts";
import { figure as number, fixed, percent, short } from "../format.ts";
import { html, type Html } from "../html.ts";
import type { Section } from "../section.ts";
import { leftOut, table } from "../table.ts";
import { estimateText } from "./estimate.ts";

const BARS_MAX = 16;

interface Bars {
  readonly title: string;
  readonly unit: string;
  readonly look: string;
  readonly of: (row: CategoryRow) => number;
  readonly text: (value: number) => string;
}

const charts: readonly Bars[] = [
  { title: "Revenue", unit: "tokens, over all weeks", look: "Where a better price is worth most.", of: (row) => row.revenue_tokens, text: short },
  { title: "Conversion", unit: "enrollments per exposure", look: "Differences are taste and price together; elasticity is their slope, not their level.", of: (row) => row.conversion, text: (value) => percent(value, 2) },
  { title: "Mean price", unit: "tokens, over exposures", look: "Against conversion it says nothing of cause: dear categories may be the wanted ones.", of: (row) => row.mean_price_tokens, text: (value) => number(value) },
  { title: "Exposures", unit: "over all weeks", look: "How much evidence there is: little makes wide intervals.", of: (row) => row.exposures, text: short },
];

function bars({ title, unit, look, of, text }: Bars, rows: readonly CategoryRow[]): Html {
  return figure({
    title,
    unit,
    look,
    chart: barChart({
      alt: `${title} by category, ${unit}: ${rows.map((row) => `${row.category} ${text(of(row))}`).join(", ")}`,
      axis: unit,
      bars: rows.map((row) => ({ label: row.category, value: of(row), text: text(of(row)) })),
      format: title === "Conversion" ? (value) => percent(value, 0) : short,
    }),
  });
}

/** What sells, and at which prices. */
export const categoriesSection: Section = {
  id: "categories",
  title: "Categories",
  stage: "understanding",
  shows: "courses, exposures, enrollments, prices and revenue by category",
  body({ analysis: { categories } }) {
    if (categories.length === 0) return null;
    const sorted = categories.toSorted((a, b) => b.revenue_tokens - a.revenue_tokens);
    const shown = sorted.slice(0, BARS_MAX);
    return html`${table({
      caption: "Categories by revenue",
      rows: sorted,
      columns: [
        { head: "category", cell: ({ category }) => category },
        { head: "courses", numeric: true, cell: ({ courses }) => number(courses) },
        { head: "exposures", numeric: true, cell: ({ exposures }) => number(exposures) },
        { head: "enrollments", numeric: true, cell: ({ enrollments }) => number(enrollments) },
        { head: "conversion", numeric: true, cell: ({ conversion }) => percent(conversion, 2) },
        { head: "mean price, tokens", numeric: true, cell: ({ mean_price_tokens }) => fixed(mean_price_tokens, 1) },
        { head: "revenue, tokens", numeric: true, cell: ({ revenue_tokens }) => number(Math.round(revenue_tokens)) },
        { head: "causal elasticity", numeric: true, cell: ({ elasticity }) => (elasticity === null ? "–" : estimateText(elasticity)) },
      ],
    })}
${figures("medium", charts.map((chart) => bars(chart, shown)))}${leftOut(sorted.length, shown.length)}`;
  },
};
