import type { EChartsOption } from "echarts";
// One file instead of two hundred modules: it loads in half the time of the pieces that are used here.
import { init } from "echarts/dist/echarts.esm.min";
import { escapeHtml, html, type Html, trusted } from "../html.ts";
import { FONT_SIZE, ink } from "./look.ts";

/** Natural size; the page scales charts to their place. */
export interface ChartSize {
  readonly width: number;
  readonly height: number;
}

/** What a chart draws, and what it says to those who cannot see it. */
export interface Chart extends ChartSize {
  readonly alt: string;
  readonly option: EChartsOption;
}

/** Style attributes become presentation attributes: a page whose policy allows no inline style still shows them. Of fonts only size and weight; the family is the page's. */
function presentation(style: string): string {
  const size = /([\d.]+)px/u.exec(style)?.[1];
  const weight = /\b(bold|\d00)\b/u.exec(style)?.[1];
  return `${size === undefined ? "" : ` font-size="${size}"`}${weight === undefined ? "" : ` font-weight="${weight}"`}`;
}

/**
 * ECharts counts elements over the life of the process (classes, clip paths), adds a style sheet for pointers and attributes for its own client. Without them
 * equal charts are equal bytes, and any number of them can stand in a page. Every value in quotes is ECharts' own: it writes data as text only, escaped.
 */
function stripped(svg: string): string {
  return svg
    .replace(/<style ?>.*?<\/style>/su, "")
    .replace(/<defs ?>.*?<\/defs>/su, "")
    .replace(/<rect [^>]*fill="none"><\/rect>\n/u, "")
    .replaceAll(/ (?:class|clip-path|ecmeta_\w+|pointer-events|xml:space)="[^"]*"/gu, "")
    .replaceAll(/ style="([^"]*)"/gu, (_, style: string) => presentation(style))
    .replaceAll(/><\/(?:path|line|rect|circle|polygon|polyline)>/gu, "/>")
    .replaceAll("\n", "");
}

/** Coordinates that overflowed: figures of more than some 10³⁰⁰, or closer together than doubles can tell. */
const overflow = /="[^"]*(?:NaN|Infinity)/u;

/** An SVG element, or a note in its place if the figures are too large or too close for one. Nothing in it is clipped: axes must hold what is drawn. */
export function draw({ width, height, alt, option }: Chart): Html {
  const chart = init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    chart.setOption({ animation: false, useUTC: true, textStyle: { color: ink, fontSize: FONT_SIZE }, ...option });
    const body = stripped(chart.renderToSVGString()).replace(/^<svg[^>]*>/u, "");
    if (overflow.test(body)) return html`<p class="note">These figures are too large, or too close together, to draw. ${alt}</p>`;
    return trusted(`<svg class="chart" role="img" aria-label="${escapeHtml(alt)}" viewBox="0 0 ${width} ${height}" xmlns="http://www.w3.org/2000/svg">${body}`);
  } finally {
    chart.dispose();
  }
}
