import type { CandidateRecord, TrainingReport } from "../../../contracts/training-run.ts";
import { barChart } from "../charts/bar-chart.ts";
import { blue, faint } from "../charts/look.ts";
import { figure, figures, legend } from "../figure.ts";
import { duration, figure as number, fixed, percent, percentTick } from "../format.ts";
import { type Content, html, type Html } from "../html.ts";
import { metricLabel, metricLabels } from "../metrics.ts";
import type { Section } from "../section.ts";
import { type Column, table } from "../table.ts";
import { entityOf } from "../words.ts";

const GROUPED = ["r2_log", "rmse_log", "mape_log"] as const;

function nameOf({ name, selected, barred }: CandidateRecord, promoted: boolean): Content {
  return html`${name}${selected && html` <span class="badge chosen">★ ${promoted ? "champion" : "challenger"}</span>`}${barred !== null && html` <span class="badge warn">barred</span>`}`;
}

const mark = ({ selected }: CandidateRecord): "chosen" | undefined => (selected ? "chosen" : undefined);

function forwardTable(candidates: readonly CandidateRecord[], promoted: boolean): Html {
  const metrics = metricLabels(candidates.map(({ forward }) => forward.metrics));
  return table<CandidateRecord>({
    caption: `Held out, forward in time: ${number(candidates[0]!.forward.rows)} rows after everything that was trained or selected on`,
    rows: candidates,
    mark,
    columns: [
      { head: "candidate", cell: (candidate) => nameOf(candidate, promoted) },
      ...metrics.map(({ name, label, format }): Column<CandidateRecord> => ({ head: label, numeric: true, cell: ({ forward }) => format(forward.metrics[name]) })),
      { head: "own slope", numeric: true, cell: ({ elasticity }) => fixed(elasticity, 2) },
      { head: "time", numeric: true, cell: ({ seconds }) => duration(seconds) },
      { head: "backend", cell: ({ backend }) => backend },
    ],
  });
}

/** Each figure with what chance alone would leave a perfect model beside it. */
function groupedTable(candidates: readonly CandidateRecord[], promoted: boolean, entity: string): Content {
  const rows = candidates.filter(({ grouped }) => grouped !== null);
  if (rows.length === 0) return null;
  return table<CandidateRecord>({
    caption: `Whole ${entity}s that were not fitted to: ${number(rows[0]!.grouped!.rows)} rows, one each`,
    rows,
    mark,
    columns: [
      { head: "candidate", cell: (candidate) => nameOf(candidate, promoted) },
      ...metricLabels(rows.map(({ grouped }) => grouped!.metrics)).flatMap(({ name, label, format }): Column<CandidateRecord>[] => [
        { head: label, numeric: true, cell: ({ grouped }) => format(grouped!.metrics[name]) },
        { head: "noise ceiling", numeric: true, cell: ({ grouped }) => html`<span class="aside">${format(grouped!.ceiling[name])}</span>` },
      ]),
    ],
  });
}

function skillFigure(candidates: readonly CandidateRecord[]): Html[] {
  const rows = candidates.flatMap(({ name, selected, forward }) => (forward.metrics["skill"] === undefined ? [] : [{ label: name, value: forward.metrics["skill"], text: percent(forward.metrics["skill"], 2), colour: selected ? blue : faint }]));
  if (rows.length === 0) return [];
  return [
    figure({
      title: "Skill, forward in time",
      unit: "share of the naive forecast's deviance that is saved, %",
      look: "Longer is better. Bars of one length say that the choice hardly matters.",
      chart: barChart({ alt: `Skill by candidate: ${rows.map(({ label, text }) => `${label} ${text}`).join(", ")}`, axis: "skill, %", bars: rows, format: percentTick }),
    }),
  ];
}

function ceilingFigure(candidates: readonly CandidateRecord[], entity: string): Html[] {
  const rows = candidates.flatMap(({ name, selected, grouped }) => {
    const [value, ceiling] = [grouped?.metrics["r2_log"], grouped?.ceiling["r2_log"]];
    return value === undefined || ceiling === undefined ? [] : [{ label: name, value, ceiling, text: "", colour: selected ? blue : faint, others: [ceiling] }];
  });
  if (rows.length === 0) return [];
  return [
    figure({
      title: `R² on whole ${entity}s, against the noise ceiling`,
      unit: html`R² of log(1 + count), 0 to 1; <span class="swatch dot orange" aria-hidden="true"></span> ceiling`,
      look: "The gap between bar and dot is what a better model could still win; beyond the dot is only chance.",
      chart: barChart({ alt: `R² by candidate, noise ceiling in brackets: ${rows.map(({ label, value, ceiling }) => `${label} ${fixed(value, 3)} (${fixed(ceiling, 3)})`).join(", ")}`, axis: "R² of log(1 + count)", bars: rows }),
    }),
  ];
}

function legendOfMetrics(candidates: readonly CandidateRecord[]): Html {
  const metrics = metricLabels(candidates.flatMap(({ forward, grouped }) => [forward.metrics, grouped?.metrics ?? {}])).filter(({ meaning }) => meaning !== "");
  return html`<dl class="glossary">
${metrics.map(({ label, meaning }) => html`<div><dt>${label}</dt><dd>${meaning}</dd></div>
`)}<div><dt>own slope</dt><dd>d log rate / d log price as the model itself shows it: predictive, confounded, and not the causal elasticity</dd></div>
<div><dt>noise ceiling</dt><dd>the same figure if the predictions were the truth and only chance were left</dd></div>
</dl>
`;
}

function body({ candidates, verdict, family }: TrainingReport): Content {
  if (candidates.length === 0) return null;
  const promoted = verdict?.promoted ?? false;
  const entity = entityOf(family);
  const barred = candidates.filter((candidate) => candidate.barred !== null);
  return html`${forwardTable(candidates, promoted)}
${barred.length > 0 && html`<ul class="notes">${barred.map(({ name, barred: reason }) => html`<li><strong>${name}</strong> may not serve: ${reason}.</li>`)}</ul>
`}${groupedTable(candidates, promoted, entity)}
${legend([{ swatch: "area", colour: "blue", text: "the challenger" }, { swatch: "area", colour: "faint", text: "the others" }])}${figures("medium", [...skillFigure(candidates), ...ceilingFigure(candidates, entity)])}${legendOfMetrics(candidates)}`;
}

/** Every model of the run, judged alike. */
export const candidatesSection: Section = {
  id: "candidates",
  title: "Candidates",
  stage: "evaluation",
  shows: `the candidates with ${GROUPED.map((name) => metricLabel(name).label).join(", ")}, deviance and skill, and their noise ceilings`,
  body,
};
