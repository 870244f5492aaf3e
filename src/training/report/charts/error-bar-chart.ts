import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemParams, CustomSeriesRenderItemReturn, MarkLineComponentOption } from "echarts";
import { figure } from "../format.ts";
import type { Chart } from "./draw.ts";
import { blue, grid, muted, pixel, rangeOf, still, type AxisOptions, xAxis, yAxis } from "./look.ts";

export interface ErrorBar {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
}

export interface ErrorBarChartOptions {
  readonly alt: string;
  readonly x: AxisOptions;
  readonly y: AxisOptions;
  readonly points: readonly ErrorBar[];
  /** `identity`: both axes alike, and the line y = x; otherwise level lines. */
  readonly reference: "identity" | readonly number[];
  readonly width?: number;
  readonly height?: number;
}

/** Of positive values, with a margin as a factor on both sides. */
function logRange(values: readonly number[]): { readonly min: number; readonly max: number } {
  const { min, max } = rangeOf(values.map(Math.log), 0.06);
  return { min: Math.exp(min), max: Math.exp(max) };
}

/** Points with a vertical interval each, against the line where they should be. */
export function errorBarChart({ alt, x, y, points, reference, width = 300, height = 250 }: ErrorBarChartOptions): Chart {
  const level = reference === "identity" ? [] : reference;
  const across = points.map((point) => point.x);
  const upright = [...level, ...points.flatMap((point) => [point.y, point.low, point.high])];
  const both = rangeOf([...across, ...upright], 0.05);
  const horizontal = reference === "identity" ? both : x.logarithmic === true ? logRange(across) : rangeOf(across, 0.06);
  const vertical = reference === "identity" ? both : rangeOf(upright, 0.08);
  const renderItem = ({ dataIndex }: CustomSeriesRenderItemParams, api: CustomSeriesRenderItemAPI): CustomSeriesRenderItemReturn => {
    const point = points[dataIndex]!;
    const [low, high, middle] = [pixel(api, point.x, point.low), pixel(api, point.x, point.high), pixel(api, point.x, point.y)];
    return {
      type: "group",
      children: [
        { type: "line", shape: { x1: low.x, y1: low.y, x2: high.x, y2: high.y }, style: { fill: "none", stroke: blue, lineWidth: 1.5 } },
        { type: "circle", shape: { cx: middle.x, cy: middle.y, r: 3.5 }, style: { fill: blue } },
      ],
    };
  };
  const lines: NonNullable<MarkLineComponentOption["data"]> = reference === "identity" ? [[{ coord: [both.min, both.min] }, { coord: [both.max, both.max] }]] : level.map((at) => ({ yAxis: at }));
  return {
    alt,
    width,
    height,
    option: {
      grid,
      xAxis: xAxis({ format: figure, ...x, ...horizontal }),
      yAxis: yAxis({ format: figure, ...y, ...vertical }),
      series: [
        {
          ...still,
          type: "custom",
          renderItem,
          data: points.map((point) => [point.x, point.y]),
          markLine: { silent: true, symbol: "none", label: { show: false }, lineStyle: { color: muted, type: "dashed", width: 1.5 }, data: lines },
        },
      ],
    },
  };
}
