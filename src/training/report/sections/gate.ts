import type { Comparison } from "../../../contracts/training-run.ts";
import { type Interval, intervalChart } from "../charts/interval-chart.ts";
import { blue, orange } from "../charts/look.ts";
import { figure, figures } from "../figure.ts";
import { fixed, percent, percentTick } from "../format.ts";
import { html } from "../html.ts";
import { metricLabel } from "../metrics.ts";
import type { Section } from "../section.ts";
import { table } from "../table.ts";
import { entityOf } from "../words.ts";
import { badge } from "./badges.ts";
import { improvement, improvementText } from "./outcome.ts";

function intervals(comparisons: readonly Comparison[]): Interval[] {
  return comparisons.flatMap((comparison) => {
    const gain = improvement(comparison);
    return gain === null ? [] : [{ label: comparison.opponent, ...gain, colour: comparison.passed ? blue : orange, mark: comparison.passed ? "dot" : "hollow" }];
  });
}

/** The challenger against each of those that it must beat. */
export const gateSection: Section = {
  id: "gate",
  title: "What it had to beat",
  stage: "evaluation",
  shows: "the challenger against the champion and the naive forecasts on the same held-out rows",
  body({ verdict, family, trigger }) {
    if (verdict === null || verdict.comparisons.length === 0) return null;
    const { comparisons, challenger, reason } = verdict;
    const rows = intervals(comparisons);
    const loss = metricLabel(comparisons[0]!.metric);
    return html`<p>${challenger}, ${trigger === "import" ? "which was trained elsewhere" : "the best on the validation rows of those that may serve"}, must lose less than each of these on later rows that nothing was fitted to or selected on. Both are judged on the same rows; intervals
resample all rows of a ${entityOf(family)} together.</p>
<p class="reason"><span>The verdict as recorded</span> ${reason}</p>
${table({
  caption: "The challenger against its opponents",
  rows: comparisons,
  columns: [
    { head: "opponent", cell: ({ opponent }) => opponent },
    { head: "gate", cell: ({ passed }) => badge(passed ? "ok" : "fail") },
    { head: "the challenger is", cell: improvementText },
    { head: html`its ${loss.label}`, numeric: true, cell: ({ challenger: own }) => fixed(own, 5) },
    { head: "theirs", numeric: true, cell: ({ theirs }) => fixed(theirs, 5) },
    { head: "margin asked", numeric: true, cell: ({ margin }) => percent(margin, margin === 0 ? 0 : 2) },
  ],
})}
${rows.length > 0 && figures("medium", [
  figure({
    title: "Improvement over each opponent",
    unit: html`${loss.label} saved, % of the opponent's, with 95 % interval`,
    look: "Dashed: no better, and the margins that are asked. Right of them is better; an interval across 0 leaves the order open.",
    chart: intervalChart({
      alt: `Improvement over opponents with 95 % intervals: ${comparisons.map((comparison) => `${comparison.opponent}: ${improvementText(comparison)}`).join("; ")}`,
      axis: `${loss.label} saved, %`,
      rows,
      references: [...new Set([0, ...comparisons.map(({ margin }) => margin)])],
      format: percentTick,
    }),
  }),
])}`;
  },
};
