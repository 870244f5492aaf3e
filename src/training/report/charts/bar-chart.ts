import { short } from "../format.ts";
import type { Chart } from "./draw.ts";
import { blue, chartLabel, grid, halo, ink, muted, nameAxis, orange, rangeOf, still, xAxis } from "./look.ts";

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** At its end. */
  readonly text: string;
  readonly colour?: string;
  /** The same figure of others, as dots across the bar. */
  readonly others?: readonly number[];
}

export interface BarChartOptions {
  readonly alt: string;
  readonly axis: string;
  readonly bars: readonly Bar[];
  readonly format?: (value: number) => string;
  /** Lines across all bars. */
  readonly limits?: readonly number[];
}

const WIDTH = 400;
const ROW = 24;
/** Axis and its name. */
const FOOT = 52;
/** Of a character, and around the plot: nobody can measure text here, and what stands at the ends of bars must stay inside. */
const CHARACTER = 7;
const AROUND = 45;
const longest = (texts: readonly string[]): number => CHARACTER * texts.reduce((most, text) => Math.max(most, [...text].length), 1);

/** Horizontal bars from zero, first on top. */
export function barChart({ alt, axis, bars, format = short, limits = [] }: BarChartOptions): Chart {
  const values = bars.flatMap(({ value, others = [] }) => [value, ...others]);
  const { min, max } = rangeOf([0, ...values, ...limits]);
  const plot_px = WIDTH - AROUND - longest(bars.map(({ label }) => chartLabel(label)));
  const text_px = 10 + longest(bars.map(({ text }) => text));
  const ends = (min < 0 ? 1 : 0) + (max > 0 ? 1 : 0);
  const room = (text_px / Math.max(plot_px / 4, plot_px - ends * text_px)) * (max - min);
  return {
    alt,
    width: WIDTH,
    height: bars.length * ROW + FOOT,
    option: {
      grid,
      xAxis: xAxis({ name: axis, format, min: min < 0 ? min - room : min, max: max > 0 ? max + room : max }),
      yAxis: nameAxis(bars.map(({ label }) => label)),
      series: [
        {
          ...still,
          type: "bar",
          barWidth: "62%",
          data: bars.map(({ value, text, colour = blue }) => ({ value, itemStyle: { color: colour }, label: { show: true, position: value < 0 ? "left" : "right", color: ink, ...halo, formatter: () => text } })),
          ...(limits.length > 0 && { markLine: { silent: true, z: 1, symbol: "none", label: { show: false }, lineStyle: { color: muted, type: "dashed", width: 1 }, data: limits.map((limit) => ({ xAxis: limit })) } }),
        },
        { ...still, type: "scatter", symbolSize: 6, z: 3, itemStyle: { color: orange }, data: bars.flatMap(({ others = [] }, row) => others.map((value) => [value, row])) },
      ],
    },
  };
}
