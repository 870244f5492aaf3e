import type { SegmentRow } from "../../../contracts/training-analysis.ts";
import { barChart } from "../charts/bar-chart.ts";
import { figure, figures, legend } from "../figure.ts";
import { figure as number, percent, percentTick, short } from "../format.ts";
import { html, type Html } from "../html.ts";
import type { Section } from "../section.ts";
import { type Column, table } from "../table.ts";

interface Bars {
  readonly title: string;
  readonly unit: string;
  readonly look: string;
  readonly of: (row: SegmentRow) => number;
  readonly text: (value: number) => string;
  readonly tick: (value: number) => string;
  /** What came of it. */
  readonly happened?: (row: SegmentRow) => number | null;
}

const charts: readonly Bars[] = [
  { title: "Learners", unit: "in the segment", look: "A campaign for a segment reaches so many.", of: ({ learners }) => learners, text: short, tick: short },
  { title: "Enrollment", unit: "mean score and share who enrolled", look: "The dot should lie at the bar's end.", of: ({ scores }) => scores.enrollment, text: (value) => percent(value, 1), tick: percentTick, happened: ({ enrolled_share }) => enrolled_share },
  { title: "Churn", unit: "mean score and share who were not seen again", look: "The dot should lie at the bar's end.", of: ({ scores }) => scores.churn, text: (value) => percent(value, 1), tick: percentTick, happened: ({ churned_share }) => churned_share },
  { title: "Lifetime value", unit: "tokens expected within a year, all learners", look: "What there is to lose: many who buy seldom may be worth more than a few who buy often.", of: ({ lifetime_tokens }) => lifetime_tokens, text: short, tick: short },
];

function bars({ title, unit, look, of, text, tick, happened }: Bars, rows: readonly SegmentRow[]): Html {
  const observed = (row: SegmentRow): readonly number[] => {
    const own = happened?.(row) ?? null;
    return own === null ? [] : [own];
  };
  return figure({
    title,
    unit,
    look,
    chart: barChart({
      alt: `${title} by segment, ${unit}: ${rows.map((row) => `${row.segment} ${text(of(row))}${observed(row).map((own) => `, in fact ${text(own)}`).join("")}`).join("; ")}`,
      axis: unit,
      bars: rows.map((row) => ({ label: row.segment, value: of(row), text: text(of(row)), others: observed(row) })),
      format: tick,
    }),
  });
}

const scoreColumns = (["enrollment", "churn", "completion", "upsell", "price_sensitivity"] as const).map((dimension): Column<SegmentRow> => ({ head: dimension.replaceAll("_", " "), numeric: true, cell: ({ scores }) => percent(scores[dimension], 1) }));

/** Who the learners are by what they are about to do, and what they are worth. */
export const segmentsSection: Section = {
  id: "segments",
  title: "Segments",
  stage: "evaluation",
  shows: "learners by segment, with their scores, what came of them and what they are expected to spend",
  body({ analysis: { segments } }) {
    if (segments.length === 0) return null;
    const all = segments.reduce((sum, { learners }) => sum + learners, 0);
    return html`<p>By the probability of enrolling: hot from 70\u00A0%, warm from 50\u00A0%, cold from 30\u00A0%, dormant below; at the last cut-off whose windows have passed. Lifetime value is price × expected enrollments of the enrollment window × the windows that the learner is expected to stay, with the retention that the churn score says, over a year (Gupta, Lehmann, Stuart 2004).</p>
${table<SegmentRow>({
  caption: "Segments: mean scores, and what came of them",
  rows: segments,
  columns: [
    { head: "segment", cell: ({ segment }) => segment },
    { head: "learners", numeric: true, cell: ({ learners }) => number(learners) },
    { head: "share", numeric: true, cell: ({ learners }) => percent(all === 0 ? null : learners / all, 1) },
    ...scoreColumns,
    { head: "enrolled", numeric: true, cell: ({ enrolled_share }) => percent(enrolled_share, 1) },
    { head: "not seen again", numeric: true, cell: ({ churned_share }) => percent(churned_share, 1) },
    { head: "at high risk", numeric: true, cell: ({ risk, learners }) => percent(learners === 0 ? null : risk.filter(({ level }) => level === "high").reduce((sum, own) => sum + own.learners, 0) / learners, 1) },
    { head: "spent, tokens", numeric: true, cell: ({ spent_tokens }) => number(Math.round(spent_tokens)) },
    { head: "lifetime value, tokens", numeric: true, cell: ({ lifetime_tokens }) => number(Math.round(lifetime_tokens)) },
    { head: "a learner", numeric: true, cell: ({ lifetime_tokens, learners }) => number(learners === 0 ? null : Math.round(lifetime_tokens / learners)) },
  ],
})}
${legend([
  { swatch: "area", colour: "blue", text: "score" },
  { swatch: "dot", colour: "orange", text: "what came of it" },
])}${figures("medium", charts.map((chart) => bars(chart, segments)))}`;
  },
};
