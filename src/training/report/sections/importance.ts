import { barChart } from "../charts/bar-chart.ts";
import { figure, figures, legend } from "../figure.ts";
import { percent } from "../format.ts";
import { html } from "../html.ts";
import type { Section } from "../section.ts";
import { leftOut } from "../table.ts";

const FEATURES_MAX = 24;

/** What the challenger leans on, and whether the others do, too. */
export const importanceSection: Section = {
  id: "importance",
  title: "Importance",
  stage: "evaluation",
  shows: "what each feature is worth to the challenger",
  body({ candidates }) {
    const selected = candidates.find((candidate) => candidate.selected);
    const sorted = Object.entries(selected?.importance ?? {}).sort(([, a], [, b]) => b - a);
    if (selected === undefined || sorted.length === 0) return null;
    const shown = sorted.slice(0, FEATURES_MAX);
    const others = candidates.filter((candidate) => candidate !== selected);
    return html`<p>What shuffling a feature among the held-out rows costs, as a share of what shuffling each of them costs together.</p>
${legend([
  { swatch: "area", colour: "blue", text: selected.name },
  { swatch: "dot", colour: "orange", text: "the other candidates" },
])}${figures("medium", [
  figure({
    title: html`Importance in ${selected.name}`,
    unit: "share of all that shuffling costs, %",
    look: "Dots far from the end of a bar: the models disagree, mostly because features say the same. One bar alone: look for a leak.",
    chart: barChart({
      alt: `Importance in ${selected.name}: ${shown.map(([feature, share]) => `${feature} ${percent(share)}`).join(", ")}`,
      axis: "importance, %",
      bars: shown.map(([feature, share]) => ({ label: feature, value: share, text: others.length > 0 ? "" : percent(share), others: others.flatMap(({ importance }) => importance[feature] ?? []) })),
      format: (share) => percent(share, 0),
    }),
  }),
])}${leftOut(sorted.length, shown.length)}`;
  },
};
