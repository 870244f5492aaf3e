import { barChart } from "../charts/bar-chart.ts";
import { figure, figures } from "../figure.ts";
import { duration, percent } from "../format.ts";
import { html } from "../html.ts";
import type { Section } from "../section.ts";
import { table } from "../table.ts";
import { badge } from "./badges.ts";

/** Where the time went. */
export const stagesSection: Section = {
  id: "stages",
  title: "Stages",
  stage: "data",
  shows: "the stages of the run and the time that each took",
  body({ stages }) {
    const total = stages.reduce((sum, { seconds }) => sum + seconds, 0);
    const taken = stages.filter(({ status }) => status === "done" || status === "failed");
    return html`${table({
      caption: `Stages, ${duration(total)} in all`,
      rows: stages,
      columns: [
        { head: "stage", cell: ({ name }) => name },
        { head: "status", cell: ({ status }) => badge(status) },
        { head: "time", numeric: true, cell: ({ status, seconds }) => (status === "waiting" ? "–" : duration(seconds)) },
        { head: "share", numeric: true, cell: ({ status, seconds }) => (status === "waiting" || total === 0 ? "–" : percent(seconds / total, 0)) },
        { head: "what came of it", cell: ({ detail }) => detail },
      ],
    })}
${taken.length > 0 && figures("medium", [
      figure({
        title: "Time by stage",
        unit: "seconds, of the attempt that finished it",
        look: "The longest bar is where a faster run would begin.",
        chart: barChart({ alt: `Time by stage: ${taken.map(({ name, seconds }) => `${name} ${duration(seconds)}`).join(", ")}`, axis: "seconds", bars: taken.map(({ name, seconds }) => ({ label: name, value: seconds, text: duration(seconds) })) }),
      }),
    ])}`;
  },
};
