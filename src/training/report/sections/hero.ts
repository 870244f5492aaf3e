import type { TrainingReport } from "../../../contracts/training-run.ts";
import { readElasticity } from "../../../models/elasticity-type.ts";
import { day, daysBetween, duration, figure, fixed, percent, secondsBetween } from "../format.ts";
import { type Content, html, type Html } from "../html.ts";
import { entityOf } from "../words.ts";
import { outcomeOf } from "./outcome.ts";

interface Tile {
  readonly title: string;
  readonly value: Content;
  readonly note: Content;
}

function modelTile({ candidates, artifact }: TrainingReport): Tile[] {
  const selected = candidates.find((candidate) => candidate.selected);
  return selected === undefined ? [] : [{ title: "Challenger", value: selected.name, note: artifact === null ? "no artifact" : html`<code>${artifact.version}</code>` }];
}

function qualityTiles({ candidates, family }: TrainingReport): Tile[] {
  const selected = candidates.find((candidate) => candidate.selected);
  if (selected === undefined) return [];
  const { forward, grouped } = selected;
  const { skill } = forward.metrics;
  const r2 = grouped?.metrics["r2_log"];
  return [
    ...(skill === undefined ? [] : [{ title: "Skill, forward in time", value: percent(skill, 2), note: `of the naive forecast's deviance saved on ${figure(forward.rows)} rows` }]),
    ...(grouped === null || r2 === undefined ? [] : [{ title: `R² on whole ${entityOf(family)}s`, value: fixed(r2, 3), note: grouped.ceiling["r2_log"] === undefined ? `on ${figure(grouped.rows)} not fitted to` : `of ${fixed(grouped.ceiling["r2_log"], 3)} that chance leaves a perfect model` }]),
  ];
}

function elasticityTile({ analysis: { elasticity } }: TrainingReport): Tile[] {
  if (elasticity === null) return [];
  const { value, se, identified } = elasticity.global;
  const { ci95, type } = readElasticity(value, se);
  return [{ title: "Causal elasticity", value: identified ? fixed(value, 2) : "not identified", note: identified ? `95 %: ${fixed(ci95[0], 2)} to ${fixed(ci95[1], 2)}, ${type}` : "prices never varied at random" }];
}

function checksTile({ checks }: TrainingReport): Tile {
  const count = (status: string): number => checks.filter((check) => check.status === status).length;
  const [ok, warn, fail] = [count("ok"), count("warn"), count("fail")];
  return { title: "Checks", value: checks.length === 0 ? "none made" : fail > 0 ? `${fail} failed` : warn > 0 ? `${warn} to look at` : "all passed", note: `${ok} ok, ${warn} warned, ${fail} failed` };
}

function runTiles({ range, started_at, ended_at, attempts, machine }: TrainingReport): Tile[] {
  return [
    { title: "Data", value: `${figure(Math.round(daysBetween(range.from, range.to)))} days`, note: html`<time>${day(range.from)}</time> to <time>${day(range.to)}</time>, ${figure(range.last_sequence - range.first_sequence + 1)} messages of ${range.stream}` },
    { title: "Duration", value: ended_at === null ? "under way" : duration(secondsBetween(started_at, ended_at)), note: `${machine.cpus} cores, backend ${machine.backend}${attempts > 1 ? `, ${attempts} attempts` : ""}` },
  ];
}

/** The verdict and what there is to know at a glance. */
export function hero(report: TrainingReport): Html {
  const { tone, mark, headline, why, gains } = outcomeOf(report);
  const tiles = [...modelTile(report), ...qualityTiles(report), ...elasticityTile(report), checksTile(report), ...runTiles(report)];
  return html`<header class="hero ${tone}">
<p class="kicker">Tidemark · training run · ${report.family}</p>
<h1><span class="mark" aria-hidden="true">${mark}</span>${headline}</h1>
${why.map((sentence) => html`<p class="why">${sentence}</p>
`)}${gains !== undefined && html`<p>${gains.on}</p>
<ul class="gains">${gains.against.map((gain) => html`<li>${gain}</li>`)}</ul>
`}<p class="run">Run <code>${report.run_id}</code></p>
<dl class="tiles">
${tiles.map(({ title, value, note }) => html`<div><dt>${title}</dt><dd><strong>${value}</strong><span>${note}</span></dd></div>
`)}</dl>
</header>
`;
}
