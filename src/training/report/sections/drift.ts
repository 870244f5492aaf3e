import { barChart } from "../charts/bar-chart.ts";
import { blue, orange } from "../charts/look.ts";
import { figure, figures } from "../figure.ts";
import { fixed } from "../format.ts";
import { html } from "../html.ts";
import type { Section } from "../section.ts";
import { leftOut } from "../table.ts";

const FEATURES_MAX = 30;

export const driftSection: Section = {
  id: "drift",
  title: "Drift",
  stage: "understanding",
  shows: "how far each feature has moved between the training rows and those held out",
  body({ analysis: { drift }, checks }) {
    if (drift.length === 0) return null;
    const sorted = drift.toSorted((a, b) => b.psi - a.psi);
    const shown = sorted.slice(0, FEATURES_MAX);
    const moved = sorted.filter(({ status }) => status !== "ok");
    const limit = checks.find(({ name }) => name === "drift.features")?.limit ?? undefined;
    return html`<p>${moved.length === 0 ? "No feature has moved beyond its limit." : html`Beyond the limit: ${moved.slice(0, FEATURES_MAX).map(({ feature }, i) => html`${i === 0 ? null : ", "}<code>${feature}</code>`)}. A model that leans on it is judged, and will serve, on values that it has hardly seen.`}</p>
${figures("medium", [
  figure({
    title: "Population stability index",
    unit: "Σ (held out − training) · ln(held out / training) over tenths of the training rows",
    look: "Below 0.1 nothing has moved, above 0.25 much has; the dashed line is the limit of the check.",
    chart: barChart({
      alt: `Population stability index by feature: ${shown.map(({ feature, psi, status }) => `${feature} ${fixed(psi, 3)}${status === "ok" ? "" : " (moved)"}`).join(", ")}`,
      axis: "population stability index",
      bars: shown.map(({ feature, psi, status }) => ({ label: feature, value: psi, text: `${fixed(psi, 3)}${status === "ok" ? "" : " moved"}`, colour: status === "ok" ? blue : orange })),
      limits: limit === undefined ? [] : [limit],
    }),
  }),
])}${leftOut(sorted.length, shown.length)}`;
  },
};
