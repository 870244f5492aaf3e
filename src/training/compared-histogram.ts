import type { Histogram } from "../contracts/training-analysis.ts";
import { countByBin, histogramEdges } from "../models/histogram.ts";

const BINS = 30;

/** Values of the training rows and of those held out, in the bins of the former. */
export function comparedHistogram(name: string, unit: string, train: Float64Array, held_out: Float64Array): Histogram {
  const edges = histogramEdges(train, BINS);
  const [before, after] = [countByBin(train, edges), countByBin(held_out, edges)];
  return { name, unit, scale: "linear", edges, train: before.counts, held_out: after.counts, missing: before.missing + after.missing };
}
