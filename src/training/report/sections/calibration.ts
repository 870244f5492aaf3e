import type { Analysis } from "../../../contracts/training-analysis.ts";
import { errorBarChart } from "../charts/error-bar-chart.ts";
import { figure, figures } from "../figure.ts";
import { figure as number, percent } from "../format.ts";
import { html, type Html } from "../html.ts";
import type { Section } from "../section.ts";
import { leftOut, table } from "../table.ts";

type Calibration = Analysis["calibration"][number];
const CANDIDATES_MAX = 12;

/** Bins whose interval holds what was predicted. */
const hits = ({ bins }: Calibration): number => bins.filter(({ predicted, ci95: [low, high] }) => low <= predicted && predicted <= high).length;

function reliability(own: Calibration): Html {
  const { candidate, bins } = own;
  const axis = { format: (rate: number) => percent(rate, 0) };
  return figure({
    title: candidate,
    unit: "enrollments per exposure, predicted against observed with 95 % interval",
    look: `${hits(own)} of ${bins.length} intervals hold the prediction; about 95 of 100 should.`,
    chart: errorBarChart({
      alt: `Calibration of ${candidate}, predicted and observed: ${bins.map(({ predicted, observed }) => `${percent(predicted)} and ${percent(observed)}`).join("; ")}`,
      x: { ...axis, name: "predicted" },
      y: { ...axis, name: "observed" },
      points: bins.map(({ predicted, observed, ci95: [low, high] }) => ({ x: predicted, y: observed, low, high })),
      reference: "identity",
      height: 270,
    }),
    figures: table({
      caption: `Calibration of ${candidate} by tenth of the predicted rate`,
      rows: bins,
      columns: [
        { head: "predicted", cell: ({ predicted }) => percent(predicted, 2) },
        { head: "observed", numeric: true, cell: ({ observed }) => percent(observed, 2) },
        { head: "95 % interval", numeric: true, cell: ({ ci95: [low, high] }) => `${percent(low, 2)} to ${percent(high, 2)}` },
        { head: "rows", numeric: true, cell: ({ rows }) => number(rows) },
      ],
    }),
  });
}

export const calibrationSection: Section = {
  id: "calibration",
  title: "Calibration",
  stage: "evaluation",
  shows: "predicted against observed rates, by tenth of the predictions",
  body({ analysis: { calibration }, candidates }) {
    const drawn = calibration.filter(({ bins }) => bins.length > 0);
    if (drawn.length === 0) return null;
    const selected = candidates.find((candidate) => candidate.selected)?.name;
    const ordered = [...drawn.filter(({ candidate }) => candidate === selected), ...drawn.filter(({ candidate }) => candidate !== selected)];
    const shown = ordered.slice(0, CANDIDATES_MAX);
    return html`<p>The dashed line is where predictions come true. Points above it sell more than predicted, below it less; a line flatter than the dashed one is a model that is too sure of itself. The challenger comes first.</p>
${figures("small", shown.map(reliability))}${leftOut(ordered.length, shown.length)}`;
  },
};
