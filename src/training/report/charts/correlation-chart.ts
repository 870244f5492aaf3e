import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemParams, CustomSeriesRenderItemReturn } from "echarts";
import { fixed } from "../format.ts";
import type { Chart } from "./draw.ts";
import { chartLabel, cool, grid, hairline, ink, muted, nameAxis, pixel, still, warm } from "./look.ts";

export interface CorrelationChartOptions {
  readonly alt: string;
  readonly names: readonly string[];
  /** null where there is none. */
  readonly values: readonly (readonly (number | null)[])[];
}

const CELL = 36;
/** For the names, on both axes. */
const LABELS = 170;
/** Fewer columns are wider. */
const WIDTH_MIN = 520;
/** Below this a figure is noise to the eye. */
const TEXT_MIN = 0.1;

/** The lower triangle: warm rises together, cool moves apart, and the stronger the colour the closer the two. */
export function correlationChart({ alt, names, values }: CorrelationChartOptions): Chart {
  const rows = names.slice(1);
  const columns = names.slice(0, -1);
  const cells = rows.flatMap((_, row) => columns.slice(0, row + 1).map((_name, column) => ({ row, column, value: values[row + 1]?.[column] ?? null })));
  const renderItem = ({ dataIndex }: CustomSeriesRenderItemParams, api: CustomSeriesRenderItemAPI): CustomSeriesRenderItemReturn => {
    const { row, column, value } = cells[dataIndex]!;
    const [width = 0, height = 0] = (api.size?.([1, 1]) as number[] | undefined) ?? [];
    const { x, y } = pixel(api, column, row);
    const shape = { x: x - width / 2 + 1, y: y - height / 2 + 1, width: width - 2, height: height - 2 };
    if (value === null) return { type: "rect", shape, style: { fill: "none", stroke: hairline } };
    const text = Math.abs(value) < TEXT_MIN ? "" : fixed(value, 2).replace("0.", ".");
    return {
      type: "group",
      children: [
        { type: "rect", shape, style: { fill: value < 0 ? cool : warm, opacity: Math.min(1, 0.05 + 0.95 * Math.abs(value)) } },
        ...(text === "" ? [] : [{ type: "text", style: { x, y, text, fill: ink, align: "center", verticalAlign: "middle", fontSize: 11 } } as const]),
      ],
    };
  };
  return {
    alt,
    width: Math.max(WIDTH_MIN, LABELS + columns.length * CELL),
    height: LABELS + rows.length * CELL,
    option: {
      grid,
      xAxis: { type: "category", data: columns.map(chartLabel), axisLine: { show: false }, axisTick: { show: false }, axisLabel: { color: muted, interval: 0, rotate: 60 }, splitLine: { show: false } },
      yAxis: nameAxis(rows),
      series: [{ ...still, type: "custom", renderItem, data: cells.map(({ row, column }) => [column, row]) }],
    },
  };
}
