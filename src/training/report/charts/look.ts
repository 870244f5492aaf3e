import type { CustomSeriesRenderItemAPI, XAXisComponentOption, YAXisComponentOption } from "echarts";
import { short } from "../format.ts";
import { shortText } from "../html.ts";

/** Colours are variables of the page's style sheet, which sets them for light, dark and paper. */
export const ink = "var(--ink)";
export const muted = "var(--muted)";
export const hairline = "var(--line)";
export const paper = "var(--paper)";
/** Series colours that the colour-blind tell apart, after Okabe and Ito; shape or position says the same again wherever it matters. */
export const blue = "var(--blue)";
export const orange = "var(--orange)";
export const green = "var(--green)";
/** Fills that ink is read on. */
export const warm = "var(--warm)";
export const cool = "var(--cool)";
/** What is there for comparison. */
export const faint = "var(--faint)";

export const FONT_SIZE = 12;
/** Of a label in a chart; tables have names in full. */
const LABEL_CHARACTERS_MAX = 24;

/**
 * A text of data as charts may have it. ECharts keeps texts as keys of plain objects: an id such as `__proto__`, which is a legal one, would change what all
 * objects inherit. Those few names get an invisible character.
 */
function harmless(text: string): string {
  return text in Object.prototype ? `${text}\u2060` : text;
}

export const chartLabel = (text: string): string => harmless(shortText(text, LABEL_CHARACTERS_MAX));
/** Longer ones would leave no room for the plot. */
const AXIS_NAME_CHARACTERS_MAX = 48;
const axisName = (text: string): string => harmless(shortText(text, AXIS_NAME_CHARACTERS_MAX));

/** Room around a plot, its axis labels and names included. */
export const grid = { left: 12, right: 16, top: 4, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "all" } as const;

/** A text over lines and bars stays readable. */
export const halo = { textBorderColor: "var(--raised)", textBorderWidth: 3 } as const;

/** Drawn and left alone: no script will ever listen. */
export const still = { silent: true, clip: false } as const;

export interface AxisOptions {
  /** With its unit. */
  readonly name?: string;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly logarithmic?: boolean;
  readonly format?: (value: number) => string;
  readonly ticks?: number;
  /** Values that have a tick each, instead of round ones. */
  readonly at?: readonly number[];
}

function scale({ min, max, logarithmic, ticks }: AxisOptions) {
  return {
    type: logarithmic === true ? "log" : "value",
    splitNumber: ticks ?? 4,
    scale: true,
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
  } as const;
}

/** An end that is no round number has no label; zero is one. */
function ends({ min, max, at }: AxisOptions) {
  return at === undefined && { ...(min !== undefined && min !== 0 && { showMinLabel: false }), ...(max !== undefined && { showMaxLabel: false }) };
}

export function xAxis(options: AxisOptions): XAXisComponentOption {
  const { name, format = short, at } = options;
  const custom = at === undefined ? {} : { customValues: [...at] };
  return {
    ...scale(options),
    ...(name !== undefined && { name: axisName(name), nameLocation: "middle", nameGap: 24, nameTextStyle: { color: muted, fontSize: FONT_SIZE } }),
    axisLine: { show: true, onZero: false, lineStyle: { color: hairline } },
    axisTick: { show: true, lineStyle: { color: hairline }, ...custom },
    axisLabel: { color: muted, hideOverlap: true, ...ends(options), ...custom, formatter: (value: number) => format(value) },
    splitLine: { show: false },
  };
}

/** Its name stands above it, level. */
export function yAxis(options: AxisOptions): YAXisComponentOption {
  const { name, format = short } = options;
  return {
    ...scale(options),
    ...(name !== undefined && { name: axisName(name), nameLocation: "end", nameGap: 10, nameTextStyle: { color: muted, fontSize: FONT_SIZE, align: "left" } }),
    axisLine: { show: false, onZero: false },
    axisTick: { show: false },
    axisLabel: { color: muted, ...ends(options), formatter: (value: number) => format(value) },
    splitLine: { show: true, lineStyle: { color: hairline } },
  };
}

/** Names from top to bottom. */
export function nameAxis(names: readonly string[]): YAXisComponentOption {
  return {
    type: "category",
    data: names.map(chartLabel),
    inverse: true,
    axisLine: { show: false },
    axisTick: { show: false },
    axisLabel: { color: ink, interval: 0 },
    splitLine: { show: false },
  };
}

/** A range that holds all values and, if given, a margin on both sides as a share of it; something around a single value. */
export function rangeOf(values: readonly number[], margin = 0): { readonly min: number; readonly max: number } {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (!(min <= max)) return { min: 0, max: 1 };
  const size = Math.max(Math.abs(min), Math.abs(max));
  // Closer than this and ticks would have one label.
  const single = !(max - min > 1e-9 * size);
  const room = single ? 0.1 * (size || 1) : margin * (max - min);
  return { min: min - room, max: max + room };
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export function pixel(api: CustomSeriesRenderItemAPI, x: number, y: number): Point {
  const [px = 0, py = 0] = api.coord([x, y]);
  return { x: px, y: py };
}
