import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemReturn, SeriesOption } from "echarts";
import type { Chart } from "./draw.ts";
import { blue, green, ink, muted, orange, pixel, still, xAxis, yAxis } from "./look.ts";

export interface DemandPoint {
  readonly price: number;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface DemandChartOptions {
  readonly alt: string;
  readonly enrollments: readonly DemandPoint[];
  readonly revenue: readonly DemandPoint[];
  readonly price_now: number;
  readonly price_best: number;
  /** Prices that the data support. */
  readonly supported: readonly [number, number];
}

const WIDTH = 300;
const HEIGHT = 322;
/** Both plots under each other, on the same prices. */
const PANEL = { left: 46, right: 12, height: 100, outerBoundsMode: "none" } as const;

interface Panel extends Pick<DemandChartOptions, "price_now" | "price_best" | "supported"> {
  readonly index: number;
  readonly points: readonly DemandPoint[];
  readonly colour: string;
}

/** The line with its interval as a band, and the prices that matter. */
function panelSeries({ index, points, colour, price_now, price_best, supported }: Panel): SeriesOption[] {
  const axes = { xAxisIndex: index, yAxisIndex: index };
  const corners = [...points.map(({ price, high }) => [price, high] as const), ...points.toReversed().map(({ price, low }) => [price, low] as const)];
  const band = (_: unknown, api: CustomSeriesRenderItemAPI): CustomSeriesRenderItemReturn => {
    const at = corners.map(([price, value]) => pixel(api, price, value));
    return { type: "polygon", shape: { points: at.map(({ x, y }) => [x, y]) }, style: { fill: colour, opacity: 0.2 } };
  };
  const from = Math.max(supported[0], points[0]!.price);
  const to = Math.min(supported[1], points.at(-1)!.price);
  return [
    {
      ...still,
      ...axes,
      type: "custom",
      renderItem: band,
      data: [[points[0]!.price, points[0]!.value]],
      ...(from < to && { markArea: { silent: true, itemStyle: { color: muted, borderColor: "none", opacity: 0.13 }, label: { show: false }, data: [[{ xAxis: from }, { xAxis: to }]] } }),
    },
    {
      ...still,
      ...axes,
      type: "line",
      showSymbol: points.length === 1,
      symbol: "circle",
      itemStyle: { color: colour },
      lineStyle: { color: colour, width: 2 },
      data: points.map(({ price, value }) => [price, value]),
      markLine: {
        silent: true,
        symbol: "none",
        label: { show: false },
        data: [
          { xAxis: price_now, lineStyle: { color: ink, type: "dotted", width: 1.5 } },
          { xAxis: price_best, lineStyle: { color: green, type: "solid", width: 2 } },
        ],
      },
    },
  ];
}

/** Expected enrollments over the price, and revenue below. */
export function demandChart(options: DemandChartOptions): Chart {
  const { alt, enrollments, revenue, price_now, price_best } = options;
  const prices = [price_now, price_best, ...enrollments.map(({ price }) => price)];
  const across = { min: Math.min(...prices), max: Math.max(...prices) };
  const panels = [
    { name: "enrollments a week", points: enrollments, colour: blue },
    { name: "revenue, tokens a week", points: revenue, colour: orange },
  ];
  return {
    alt,
    width: WIDTH,
    height: HEIGHT,
    option: {
      grid: [{ ...PANEL, top: 26 }, { ...PANEL, top: 178 }],
      xAxis: panels.map((_, index) => ({ ...xAxis({ ...across, ...(index === 1 && { name: "price, tokens" }) }), gridIndex: index })),
      yAxis: panels.map(({ name, points }, index) => ({ ...yAxis({ name, min: 0, max: Math.max(1e-9, ...points.map(({ value, high }) => Math.max(value, high))), ticks: 3 }), gridIndex: index })),
      series: panels.flatMap(({ points, colour }, index) => panelSeries({ ...options, index, points, colour })),
    },
  };
}
