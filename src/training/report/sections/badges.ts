import type { Check, StageRecord } from "../../../contracts/training-run.ts";
import { html, type Html } from "../html.ts";

type Status = Check["status"] | StageRecord["status"];

/** A sign and a word: colour is never alone. */
const signs: Readonly<Record<Status, readonly [sign: string, word: string]>> = {
  ok: ["✓", "ok"],
  warn: ["!", "warning"],
  fail: ["✕", "failed"],
  done: ["✓", "done"],
  failed: ["✕", "failed"],
  running: ["…", "running"],
  waiting: ["○", "not reached"],
};

export function badge(status: Status): Html {
  const [sign, word] = signs[status];
  return html`<span class="badge ${status}"><span aria-hidden="true">${sign}</span> ${word}</span>`;
}
