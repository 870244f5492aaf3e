import type { Check } from "../../../contracts/training-run.ts";
import { counted, figure } from "../format.ts";
import { breakable, html } from "../html.ts";
import type { Section } from "../section.ts";
import { table } from "../table.ts";
import { badge } from "./badges.ts";

const urgency: Readonly<Record<Check["status"], number>> = { fail: 0, warn: 1, ok: 2 };

/** What was looked at before anything was believed; the worst first. */
export const checksSection: Section = {
  id: "checks",
  title: "Checks",
  stage: "data",
  shows: "the leakage, drift and quality checks with their limits",
  body({ checks }) {
    if (checks.length === 0) return null;
    const failed = checks.filter(({ status }) => status === "fail").length;
    const warned = checks.filter(({ status }) => status === "warn").length;
    return html`<p>${failed > 0 ? `${counted(failed, "check")} failed and ended the run.` : "No check failed."} ${warned > 0 ? `${counted(warned, "warning")} to look at: the run went on.` : "None warned."} A figure above its limit warns; far above it, the check fails and nothing of
the run is promoted.</p>
${table({
  caption: "Leakage, drift and data quality",
  rows: checks.toSorted((a, b) => urgency[a.status] - urgency[b.status]),
  columns: [
    { head: "check", cell: ({ name }) => html`<code>${breakable(name)}</code>` },
    { head: "result", cell: ({ status }) => badge(status) },
    { head: "figure", numeric: true, cell: ({ value }) => figure(value) },
    { head: "limit", numeric: true, cell: ({ limit }) => figure(limit) },
    { head: "found", cell: ({ detail }) => detail },
    { head: "stage", cell: ({ stage }) => stage },
  ],
})}`;
  },
};
