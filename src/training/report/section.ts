import type { StageName, TrainingReport } from "../../contracts/training-run.ts";
import { type Content, html, type Html } from "./html.ts";

/** A part of the page that takes its part of the record. */
export interface Section {
  readonly id: string;
  readonly title: string;
  /** The stage whose output it shows. */
  readonly stage: StageName;
  /** What it shows, for those who have to do without: "… of the rows". */
  readonly shows: string;
  /** null when the record has nothing for it. */
  body(report: TrainingReport): Content;
}

/** Why a stage's output is not in the record. */
function absence({ stages, status, failure }: TrainingReport, name: StageName): string {
  const state = stages.find((stage) => stage.name === name)?.status ?? "waiting";
  if (state === "done") return `The stage ${name} is done, and the record holds nothing of this.`;
  if (state === "failed") return `The stage ${name} failed before it came to this${failure === null ? "" : ` (${failure.code})`}.`;
  if (status === "running") return state === "running" ? `The stage ${name} is at work on it.` : `It comes with the stage ${name}, which has not begun.`;
  return `Not reached: the run ended in the stage ${failure?.stage ?? "before"}, and this comes with the stage ${name}.`;
}

/** What stands in the place of something that the record does not have. */
function notReached(report: TrainingReport, stage: StageName, shows: string): Html {
  return html`<p class="absent"><span class="absent-mark" aria-hidden="true">○</span> ${absence(report, stage)} Here would be ${shows}.</p>`;
}

export interface RenderedSection extends Pick<Section, "id" | "title"> {
  readonly present: boolean;
  readonly markup: Html;
}

export function renderSection({ id, title, stage, shows, body }: Section, report: TrainingReport): RenderedSection {
  const content = body(report);
  const present = content !== null && content !== undefined;
  return { id, title, present, markup: html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${present ? content : notReached(report, stage, shows)}
</section>
` };
}
