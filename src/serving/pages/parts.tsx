import type { Child } from "hono/jsx";
import { formatChange, formatDay } from "./format.ts";

/** A figure that is worth its own card. */
export function Tile({ label, value, unit, note, trend }: { readonly label: string; readonly value: string; readonly unit?: string; readonly note?: Child; readonly trend?: Child }) {
  return (
    <div class="tile">
      <dt>{label}</dt>
      <dd>
        <strong data-value>{value}</strong>
        {unit !== undefined && <span class="unit"> {unit}</span>}
        {trend}
        {note !== undefined && <span class="note">{note}</span>}
      </dd>
    </div>
  );
}

/** A change with its direction in words for those who see no colour. `good`: whether up is. */
export function Change({ pct, than, good = true }: { readonly pct: number; readonly than: string; readonly good?: boolean }) {
  const flat = Math.abs(pct) < 0.05;
  const tone = flat ? "flat" : pct > 0 === good ? "up" : "down";
  return (
    <span class={`change ${tone}`}>
      <span aria-hidden="true">{flat ? "→" : pct > 0 ? "↑" : "↓"}</span> {formatChange(pct)} <span class="than">{than}</span>
    </span>
  );
}

const WIDTH = 120;
const HEIGHT = 32;

/** A line without axes beside a figure: its course, not its values, which stand in a chart elsewhere. */
export function Spark({ values, label }: { readonly values: readonly number[]; readonly label: string }) {
  if (values.length < 2) return null;
  const low = Math.min(...values);
  const room = Math.max(...values) - low || 1;
  const points = values.map((value, i) => `${((i / (values.length - 1)) * WIDTH).toFixed(1)},${(HEIGHT - 2 - ((value - low) / room) * (HEIGHT - 4)).toFixed(1)}`).join(" ");
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <polyline points={points} fill="none" vector-effect="non-scaling-stroke" />
    </svg>
  );
}

/** A share as a bar; the figure stands beside it in text. */
export function Bar({ share, tone = "teal" }: { readonly share: number; readonly tone?: "teal" | "orange" | "red" | "grey" }) {
  return (
    <svg class={`bar ${tone}`} viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect class="track" width="100" height="6" rx="3" />
      <rect class="fill" width={Math.max(0, Math.min(100, share * 100)).toFixed(1)} height="6" rx="3" />
    </svg>
  );
}

export function Badge({ tone, children }: { readonly tone: "good" | "warn" | "bad" | "plain"; readonly children?: Child }) {
  return <span class={`badge ${tone}`}>{children}</span>;
}

/** Nothing to show, and what would bring something. */
export function Empty({ title, children }: { readonly title: string; readonly children?: Child }) {
  return (
    <div class="state empty">
      <strong>{title}</strong>
      <span>{children}</span>
    </div>
  );
}

/** Still being worked out: keeps the place, and the next update fills it. `tall`: that of a chart, or whatever is left of the window. */
export function Pending({ tall = false, children }: { readonly tall?: boolean | "window"; readonly children?: Child }) {
  return (
    <div class={`state pending${tall === false ? "" : tall === true ? " tall" : " window"}`} role="status">
      <span class="pulse" aria-hidden="true"></span>
      <span>{children}</span>
    </div>
  );
}

/** Something is missing around an answer; it is given all the same. */
export function Degraded({ reasons }: { readonly reasons: readonly string[] }) {
  if (reasons.length === 0) return null;
  return (
    <div class="notice" role="status">
      <strong>Answers are degraded.</strong> {reasons.map((reason) => degradedTexts[reason] ?? reason).join(" ")}
    </div>
  );
}

const degradedTexts: Readonly<Record<string, string>> = {
  no_model: "No model of demand has been promoted yet: prices come from priors.",
  no_propensity_model: "No model of learners has been promoted yet: hand-weighted scores answer.",
  broker_unreachable: "The broker is away: prices are answered from what is known, and nothing new arrives.",
  features_stale: "The fold is behind its stream: prices rest on what was known a while ago.",
  not_converged: "A demand curve could not be fitted: the price is held.",
};

/** A time that the script keeps relative ("4 s ago"); without it, its day, which is as wide: nothing moves when the script takes over. */
export function Ago({ time }: { readonly time: string }) {
  return (
    <time datetime={time} title={time} data-ago>
      {formatDay(Date.parse(time))}
    </time>
  );
}

export function Section({ title, id, aside, children }: { readonly title: string; readonly id: string; readonly aside?: Child; readonly children?: Child }) {
  return (
    <section aria-labelledby={id} class="section">
      <div class="section-head">
        <h2 id={id}>{title}</h2>
        {aside !== undefined && <p class="aside">{aside}</p>}
      </div>
      {children}
    </section>
  );
}

/** A heading of a table; that of a column of numbers stands at its right, as they do. */
export type Column = string | { readonly number: string };

/** A table that scrolls by itself where it is wider than the page, also by keyboard; `children` are its rows. */
export function DataTable({ label, caption, columns, children }: { readonly label: string; readonly caption?: Child; readonly columns: readonly Column[]; readonly children?: Child }) {
  return (
    <div class="scroll" tabindex={0} role="region" aria-label={label}>
      <table class="data">
        {caption !== undefined && <caption>{caption}</caption>}
        <thead>
          <tr>
            {columns.map((column) => (
              <th scope="col" class={typeof column === "string" ? undefined : "number"}>
                {typeof column === "string" ? column : column.number}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
