import { bytes, figure, moment } from "../format.ts";
import { type Content, html } from "../html.ts";
import type { Section } from "../section.ts";

/** What the run follows from: with these, another gives the same artifact. */
export const lineageSection: Section = {
  id: "lineage",
  title: "Lineage",
  stage: "data",
  shows: "where the run came from",
  body({ run_id, family, trigger, seed, code_version, range, machine, artifact, started_at, ended_at, attempts, format }) {
    const rows: readonly (readonly [string, Content])[] = [
      ["run", html`<code>${run_id}</code>`],
      ["family", family],
      ["begun by", trigger],
      ["seed", html`<code>${String(seed)}</code>`],
      ["code version", html`<code>${code_version}</code>`],
      ["stream", html`${range.stream}, created ${moment(range.stream_created)}`],
      ["sequences", `${figure(range.first_sequence)} to ${figure(range.last_sequence)}`],
      ["data", `${moment(range.from)} to ${moment(range.to)}`],
      ["artifact", artifact === null ? "none" : html`<code>${artifact.name}</code>, ${bytes(artifact.bytes)}`],
      ["SHA-256", artifact === null ? "–" : html`<code class="digest">${artifact.digest}</code>`],
      ["ran", `${moment(started_at)} to ${ended_at === null ? "now" : moment(ended_at)}${attempts > 1 ? `, by ${attempts} processes one after the other` : ""}`],
      ["machine", `${machine.platform}, ${machine.cpus} cores, Node ${machine.node}, tensor backend ${machine.backend}`],
      ["record", `format ${format}`],
    ];
    return html`<p>Equal stream, sequences, seed and code give an equal artifact, byte for byte on a CPU backend.</p>
<dl class="lineage">
${rows.map(([term, value]) => html`<div><dt>${term}</dt><dd>${value}</dd></div>
`)}</dl>
`;
  },
};
