import { parseTime } from "../../../lib/time.ts";
import type { Chart } from "./draw.ts";
import { blue, FONT_SIZE, grid, hairline, muted, rangeOf, still, yAxis } from "./look.ts";

/** Part of the time axis that is shaded. */
export interface Span {
  readonly shade: "light" | "dark";
  readonly from_ms: number;
  readonly to_ms: number;
}

export interface TrendChartOptions {
  readonly alt: string;
  readonly axis: string;
  readonly at: readonly string[];
  readonly values: readonly (number | null)[];
  readonly spans: readonly Span[];
}

const WIDTH = 400;
const HEIGHT = 190;
/** Beyond these, symbols hide the line; below, a lone value must show. */
const SYMBOLS_MAX = 80;

const shadeOpacity = { light: 0.12, dark: 0.28 } as const;

/** A series over time, with the parts of the split shaded. */
export function trendChart({ alt, axis, at, values, spans }: TrendChartOptions): Chart {
  const { min, max } = rangeOf(values.filter((value) => value !== null), 0.08);
  return {
    alt,
    width: WIDTH,
    height: HEIGHT,
    option: {
      grid,
      xAxis: {
        type: "time",
        axisLine: { show: true, onZero: false, lineStyle: { color: hairline } },
        axisTick: { show: true, lineStyle: { color: hairline } },
        axisLabel: { color: muted, fontSize: FONT_SIZE, hideOverlap: true, formatter: (at_ms: number) => new Date(at_ms).toISOString().slice(0, 10) },
        splitLine: { show: false },
        splitNumber: 3,
      },
      yAxis: yAxis({ name: axis, min, max, ticks: 3 }),
      series: [
        {
          ...still,
          type: "line",
          showSymbol: at.length <= SYMBOLS_MAX,
          symbol: "circle",
          symbolSize: 3,
          itemStyle: { color: blue },
          lineStyle: { color: blue, width: 1.5 },
          data: at.map((time, i) => [parseTime(time), values[i] ?? null]),
          markArea: {
            silent: true,
            label: { show: false },
            data: spans.map(({ shade, from_ms, to_ms }) => [{ xAxis: from_ms, itemStyle: { color: muted, borderColor: "none", opacity: shadeOpacity[shade] } }, { xAxis: to_ms }]),
          },
        },
      ],
    },
  };
}
