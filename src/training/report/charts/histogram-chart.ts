import { figure, percent } from "../format.ts";
import type { Chart } from "./draw.ts";
import { blue, grid, orange, still, xAxis, yAxis } from "./look.ts";

export interface HistogramSeries {
  readonly edges: readonly number[];
  readonly counts: readonly number[];
}

export interface HistogramChartOptions {
  readonly alt: string;
  readonly axis?: string;
  /** Filled; its rows against those of `held_out`, as shares of each. */
  readonly train: HistogramSeries;
  readonly held_out?: HistogramSeries;
  readonly logarithmic?: boolean;
  readonly width?: number;
  readonly height?: number;
}

const WIDTH = 300;
const HEIGHT = 180;

/** Corners of the steps, from zero to zero, in shares of all rows. */
function steps({ edges, counts }: HistogramSeries): [number, number][] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const share = (bin: number): number => (total > 0 ? counts[bin]! / total : 0);
  const corners = counts.flatMap((_, bin): [number, number][] => [[edges[bin]!, share(bin)], [edges[bin + 1]!, share(bin)]]);
  return [[edges[0]!, 0], ...corners, [edges[counts.length]!, 0]];
}

/** Two distributions over the same bins. */
export function histogramChart({ alt, axis, train, held_out, logarithmic = false, width = WIDTH, height = HEIGHT }: HistogramChartOptions): Chart {
  const { edges } = train;
  const log = logarithmic && edges[0]! > 0;
  return {
    alt,
    width,
    height,
    option: {
      grid,
      xAxis: xAxis({ ...(axis !== undefined && { name: axis }), min: edges[0], max: edges.at(-1), logarithmic: log, format: figure }),
      yAxis: yAxis({ name: "share of rows", min: 0, format: (share) => percent(share, share < 0.02 && share > 0 ? 1 : 0), ticks: 3 }),
      series: [
        { ...still, type: "line", showSymbol: false, data: steps(train), lineStyle: { color: blue, width: 1 }, areaStyle: { color: blue, opacity: 0.35 } },
        ...(held_out === undefined ? [] : [{ ...still, type: "line" as const, showSymbol: false, data: steps(held_out), lineStyle: { color: orange, width: 2 } }]),
      ],
    },
  };
}
