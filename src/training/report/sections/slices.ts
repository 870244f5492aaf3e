import type { CandidateRecord } from "../../../contracts/training-run.ts";
import { barChart } from "../charts/bar-chart.ts";
import { blue, orange } from "../charts/look.ts";
import { figure, figures } from "../figure.ts";
import { figure as number, percent, percentTick } from "../format.ts";
import { html, type Html } from "../html.ts";
import { metricLabels } from "../metrics.ts";
import type { Section } from "../section.ts";
import { type Column, leftOut, table } from "../table.ts";

type Slice = CandidateRecord["slices"][number];
const BARS_MAX = 24;

function skillFigure(by: string, slices: readonly Slice[]): Html[] {
  const rows = slices.flatMap(({ value, metrics }) => (metrics["skill"] === undefined ? [] : [{ label: value, value: metrics["skill"], text: percent(metrics["skill"], 1), colour: metrics["skill"] < 0 ? orange : blue }]));
  if (rows.length === 0) return [];
  const shown = rows.slice(0, BARS_MAX);
  return [
    figure({
      title: `Skill by ${by}`,
      unit: "share of the naive forecast's deviance that is saved, %",
      look: "Below 0 the naive forecast would have done better there: few rows, or a part that is unlike the rest.",
      chart: barChart({ alt: `Skill by ${by}: ${shown.map(({ label, text }) => `${label} ${text}`).join(", ")}`, axis: "skill, %", bars: shown, format: percentTick }),
    }),
  ];
}

function sliceTable(candidate: string, by: string, slices: readonly Slice[]): Html {
  return html`${table<Slice>({
    caption: `${candidate} by ${by}`,
    rows: slices,
    columns: [
      { head: by, cell: ({ value }) => value },
      { head: "rows", numeric: true, cell: ({ rows }) => number(rows) },
      ...metricLabels(slices.map(({ metrics }) => metrics)).map(({ name, label, format }): Column<Slice> => ({ head: label, numeric: true, cell: ({ metrics }) => format(metrics[name]) })),
    ],
  })}
${figures("medium", skillFigure(by, slices))}${leftOut(slices.length, Math.min(slices.length, BARS_MAX))}`;
}

/** Whether the challenger is good everywhere or only on the whole. */
export const slicesSection: Section = {
  id: "slices",
  title: "Slices",
  stage: "evaluation",
  shows: "the challenger's figures on the parts of the held-out rows",
  body({ candidates }) {
    const selected = candidates.find((candidate) => candidate.selected);
    if (selected === undefined || selected.slices.length === 0) return null;
    const parts = [...new Set(selected.slices.map(({ by }) => by))];
    return parts.map((by) => sliceTable(selected.name, by, selected.slices.filter((slice) => slice.by === by)));
  },
};
