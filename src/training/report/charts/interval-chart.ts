import type { CustomSeriesRenderItemParams, CustomSeriesRenderItemAPI, CustomSeriesRenderItemReturn } from "echarts";
import { figure } from "../format.ts";
import type { Chart } from "./draw.ts";
import { grid, hairline, muted, nameAxis, paper, pixel, type Point, rangeOf, still, xAxis } from "./look.ts";

/** An estimate with its interval: measured, hollow where it is only assumed, a diamond where it sums up the others. */
export interface Interval {
  readonly label: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly colour: string;
  readonly mark: "dot" | "hollow" | "diamond";
}

export interface IntervalChartOptions {
  readonly alt: string;
  readonly axis: string;
  readonly rows: readonly Interval[];
  /** Values with a line of their own. */
  readonly references: readonly number[];
  readonly format?: (value: number) => string;
}

const WIDTH = 400;
const ROW = 26;
const FOOT = 52;

type Element = NonNullable<CustomSeriesRenderItemReturn>;

function markAt({ x, y }: Point, { mark, colour }: Interval): Element {
  if (mark === "diamond") return { type: "polygon", shape: { points: [[x - 7, y], [x, y - 7], [x + 7, y], [x, y + 7]] }, style: { fill: colour } };
  return { type: "circle", shape: { cx: x, cy: y, r: 4.5 }, style: { fill: mark === "hollow" ? paper : colour, stroke: colour, lineWidth: 1.5 } };
}

/** A forest plot: one row an estimate, first on top. */
export function intervalChart({ alt, axis, rows, references, format = figure }: IntervalChartOptions): Chart {
  const { min, max } = rangeOf([...references, ...rows.flatMap(({ value, low, high }) => [value, low, high])], 0.04);
  const renderItem = ({ dataIndex }: CustomSeriesRenderItemParams, api: CustomSeriesRenderItemAPI): CustomSeriesRenderItemReturn => {
    const row = rows[dataIndex]!;
    const from = pixel(api, row.low, dataIndex);
    const to = pixel(api, row.high, dataIndex);
    const whisker: Element = { type: "line", shape: { x1: from.x, y1: from.y, x2: to.x, y2: to.y }, style: { fill: "none", stroke: row.colour, lineWidth: 2, ...(row.mark === "hollow" && { lineDash: [4, 3] }) } };
    return { type: "group", children: [whisker, markAt(pixel(api, row.value, dataIndex), row)] };
  };
  return {
    alt,
    width: WIDTH,
    height: rows.length * ROW + FOOT,
    option: {
      grid,
      xAxis: { ...xAxis({ name: axis, min, max, format }), splitLine: { show: true, lineStyle: { color: hairline } } },
      yAxis: nameAxis(rows.map(({ label }) => label)),
      series: [
        {
          ...still,
          type: "custom",
          renderItem,
          data: rows.map(({ value }, i) => [value, i]),
          markLine: { silent: true, symbol: "none", label: { show: false }, lineStyle: { color: muted, type: "dashed", width: 1.5 }, data: references.map((at) => ({ xAxis: at })) },
        },
      ],
    },
  };
}
