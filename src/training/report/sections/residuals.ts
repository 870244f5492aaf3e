import type { Analysis } from "../../../contracts/training-analysis.ts";
import { parseTime } from "../../../lib/time.ts";
import { errorBarChart } from "../charts/error-bar-chart.ts";
import { histogramChart } from "../charts/histogram-chart.ts";
import { figure, figures } from "../figure.ts";
import { day, figure as number, fixed } from "../format.ts";
import { html, type Html } from "../html.ts";
import type { Section } from "../section.ts";
import { table } from "../table.ts";

type Residuals = NonNullable<Analysis["residuals"]>;

const Z95 = 1.959963984540054;

/** Periods that have a tick each. */
const TICKS_MAX = 6;

/** Half the 95 % interval of a mean. */
const half = ({ sd, rows }: { readonly sd: number; readonly rows: number }): number => (Z95 * sd) / Math.sqrt(Math.max(1, rows));

function byPrediction({ by_prediction }: Residuals): Html[] {
  if (by_prediction.length === 0) return [];
  const logarithmic = by_prediction.every(({ predicted }) => predicted > 0);
  const text = by_prediction.map((tenth) => `${number(tenth.predicted)}: ${fixed(tenth.mean, 3)}`).join(", ");
  const x = { name: "expected count of a row", logarithmic, format: (value: number) => number(value, 2) };
  return [
    figure({
      title: "Mean residual by size",
      unit: "mean Pearson residual by tenth of the expected count, with 95 % interval",
      look: "Should straddle 0 everywhere: a slope means that small and large rows are wrong in opposite ways.",
      chart: errorBarChart({ alt: `Mean residual by expected count: ${text}`, x, y: { name: "mean residual" }, points: by_prediction.map((tenth) => ({ x: tenth.predicted, y: tenth.mean, low: tenth.mean - half(tenth), high: tenth.mean + half(tenth) })), reference: [0] }),
      figures: table({
        caption: "Residuals by tenth of the expected count",
        rows: by_prediction,
        columns: [
          { head: "expected count", cell: ({ predicted }) => number(predicted) },
          { head: "mean", numeric: true, cell: ({ mean }) => fixed(mean, 3) },
          { head: "standard deviation", numeric: true, cell: ({ sd }) => fixed(sd, 3) },
          { head: "rows", numeric: true, cell: ({ rows }) => number(rows) },
        ],
      }),
    }),
    figure({
      title: "Spread by size",
      unit: "standard deviation of Pearson residuals by tenth of the expected count",
      look: "1 is pure counting noise; above it counts scatter more than Poisson, and intervals must be wider.",
      chart: errorBarChart({ alt: `Standard deviation of residuals by expected count: ${by_prediction.map((tenth) => `${number(tenth.predicted)}: ${fixed(tenth.sd, 3)}`).join(", ")}`, x, y: { name: "standard deviation" }, points: by_prediction.map(({ predicted, sd }) => ({ x: predicted, y: sd, low: sd, high: sd })), reference: [1] }),
    }),
  ];
}

function byPeriod({ by_period }: Residuals): Html[] {
  const periods = by_period.filter(({ at }) => !Number.isNaN(parseTime(at)));
  if (periods.length === 0) return [];
  return [
    figure({
      title: "Mean residual by week",
      unit: "mean Pearson residual of a held-out period, with 95 % interval",
      look: "All on one side: the level has moved since the training weeks.",
      chart: errorBarChart({
        alt: `Mean residual by period: ${periods.map(({ at, mean }) => `${day(at)}: ${fixed(mean, 3)}`).join(", ")}`,
        x: { format: (at_ms) => new Date(at_ms).toISOString().slice(5, 10), ...(periods.length <= TICKS_MAX && { at: periods.map(({ at }) => parseTime(at)) }) },
        y: { name: "mean residual" },
        points: periods.map((period) => ({ x: parseTime(period.at), y: period.mean, low: period.mean - half(period), high: period.mean + half(period) })),
        reference: [0],
      }),
    }),
  ];
}

function distribution({ edges, counts, candidate, mean, sd }: Residuals): Html[] {
  if (counts.length === 0 || edges.length !== counts.length + 1) return [];
  return [
    figure({
      title: "Residuals",
      unit: "Pearson: (count − expected) / √expected",
      look: "The peak left of 0 is rows without a sale; a long right tail is sales that nothing foretold.",
      chart: histogramChart({ alt: `Distribution of Pearson residuals of ${candidate}: mean ${fixed(mean, 3)}, standard deviation ${fixed(sd, 3)}, from ${number(edges[0])} to ${number(edges.at(-1))}`, axis: "Pearson residual", train: { edges, counts }, height: 250 }),
    }),
  ];
}

export const residualsSection: Section = {
  id: "residuals",
  title: "Residuals",
  stage: "evaluation",
  shows: "where the challenger is wrong on the test rows, and by how much",
  body({ analysis: { residuals } }) {
    if (residuals === null) return null;
    const drawn = [...distribution(residuals), ...byPrediction(residuals), ...byPeriod(residuals)];
    if (drawn.length === 0) return null;
    return html`<p>${residuals.candidate} on the test rows: mean ${fixed(residuals.mean, 3)}, standard deviation ${fixed(residuals.sd, 3)}, where unbiased counts without over-dispersion have 0 and 1.</p>
${figures("small", drawn)}`;
  },
};
