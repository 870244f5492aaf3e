import { type Chart, draw } from "./charts/draw.ts";
import { type Content, html, type Html } from "./html.ts";

export interface Figure {
  readonly title: Content;
  /** Of what is drawn. */
  readonly unit: Content;
  /** What to look for, in one line. */
  readonly look: Content;
  readonly chart: Chart;
  /** The same in figures, folded away. */
  readonly figures?: Content;
}

/** A chart under its caption. */
export function figure({ title, unit, look, chart, figures }: Figure): Html {
  return html`<figure>
<figcaption><strong>${title}</strong> <span class="unit">${unit}</span><span class="look">${look}</span></figcaption>
${draw(chart)}
${figures === undefined ? null : html`<details><summary>Figures</summary>${figures}</details>`}
</figure>
`;
}

/** Figures side by side as far as there is room. */
export function figures(size: "small" | "medium", items: readonly Html[]): Html {
  return html`<div class="figures ${size}">
${items}</div>
`;
}

/** A figure that keeps its size and scrolls by itself where the page is narrow. */
export function wideFigure(title: string, options: Omit<Figure, "title">): Html {
  return html`<section class="figures wide" aria-label="${title}" tabindex="0">
${figure({ title, ...options })}</section>
`;
}

export interface LegendItem {
  readonly swatch: "area" | "line" | "dot" | "hollow" | "diamond" | "shade" | "shade-dark" | "dotted" | "band";
  readonly colour: "blue" | "orange" | "green" | "muted" | "faint" | "warm" | "cool" | "ink";
  readonly text: Content;
}

export function legend(items: readonly LegendItem[]): Html {
  return html`<ul class="legend">${items.map(({ swatch, colour, text }) => html`<li><span class="swatch ${swatch} ${colour}" aria-hidden="true"></span>${text}</li>`)}</ul>
`;
}
