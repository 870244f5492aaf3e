import type { Analysis, Histogram } from "../../../contracts/training-analysis.ts";
import { histogramChart } from "../charts/histogram-chart.ts";
import { figure, figures, legend } from "../figure.ts";
import { figure as number, fixed } from "../format.ts";
import { html, type Html } from "../html.ts";
import type { Section } from "../section.ts";
import { leftOut } from "../table.ts";

const HISTOGRAMS_MAX = 36;

/** Mean over bins at their middle; null without rows. */
function middle(edges: readonly number[], counts: readonly number[]): number | null {
  let rows = 0;
  let sum = 0;
  for (const [bin, count] of counts.entries()) {
    rows += count;
    sum += (count * (edges[bin]! + edges[bin + 1]!)) / 2;
  }
  return rows > 0 ? sum / rows : null;
}

const drawable = ({ edges, train, held_out }: Histogram): boolean => train.length > 0 && edges.length === train.length + 1 && held_out.length === train.length;

function distribution({ name, unit, scale, edges, train, held_out, missing }: Histogram, drift: Analysis["drift"]): Html {
  const [before, after] = [middle(edges, train), middle(edges, held_out)];
  const psi = drift.find(({ feature }) => feature === name);
  const means = `mean about ${number(before)} in training, ${number(after)} held out`;
  return figure({
    title: html`<code>${name}</code>`,
    unit: unit === "" ? "in its own unit" : unit,
    look: html`${means}${psi === undefined ? null : html`; stability index ${fixed(psi.psi, 3)}${psi.status === "ok" ? null : html` <strong class="attention">moved</strong>`}`}${missing > 0 ? `; ${number(missing)} missing` : null}`,
    chart: histogramChart({
      alt: `Distribution of ${name}${unit === "" ? "" : `, ${unit}`}, from ${number(edges[0])} to ${number(edges.at(-1))}: ${means}`,
      train: { edges, counts: train },
      held_out: { edges, counts: held_out },
      logarithmic: scale === "log",
    }),
  });
}

/** What the rows look like, those of the training weeks against those that judge. */
export const distributionsSection: Section = {
  id: "distributions",
  title: "Distributions",
  stage: "understanding",
  shows: "every feature and label in the training rows against the rows held out",
  body({ analysis: { histograms, drift } }) {
    const all = histograms.filter(drawable);
    if (all.length === 0) return null;
    const shown = all.slice(0, HISTOGRAMS_MAX);
    return html`<p>Each outline should follow its area: where it does not, the models are judged on rows unlike those that they learned from. Spikes at an end are caps or defaults.</p>
${legend([
  { swatch: "area", colour: "blue", text: "training rows" },
  { swatch: "line", colour: "orange", text: "held-out rows" },
])}${figures("small", shown.map((histogram) => distribution(histogram, drift)))}${leftOut(all.length, shown.length)}`;
  },
};
