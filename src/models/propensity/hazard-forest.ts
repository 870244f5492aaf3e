import type { PropensityTrees } from "../../contracts/propensity.ts";
import type { BinnedMatrix } from "../../contracts/worker-protocol.ts";
import { assert } from "../../lib/assert.ts";
import { fitForest } from "../forest.ts";
import { type HazardFit, type HazardRows, improveOffsets, lifeTable } from "./hazard.ts";
import { compileMargin } from "./margin.ts";

export interface HazardForestOptions {
  readonly trees: number;
  /** Least steps at risk in a leaf: rows, where a window has one step. */
  readonly leaf_weight_min: number;
  readonly prior_weight: number;
  readonly seed: number;
}

export const hazardForestDefaults: Omit<HazardForestOptions, "seed"> = { trees: 40, leaf_weight_min: 60, prior_weight: 4 };

/** Rounds that offsets take to settle, each a Newton step. */
const OFFSET_ROUNDS = 8;

/**
 * A random forest with probability leaves (Breiman 2001; Malley et al. 2012): each leaf's share of steps at risk in which it happened, so that
 * windows that were cut short count for what was seen of them. How a step differs from that average is fitted afterwards, on the rows that the trees
 * did not see: on their own rows they are too sure.
 */
export function fitHazardForest(data: HazardRows, binned: BinnedMatrix, { trees, leaf_weight_min, prior_weight, seed }: HazardForestOptions): HazardFit<PropensityTrees> {
  const { values, columns, y, steps, steps_max, train_rows, rows } = data;
  assert(rows > train_rows, "a forest needs validation rows");
  const counts = { values, columns, y: Float64Array.from(y), exposure: Float64Array.from(steps), train_rows, rows };
  const options = { trees, leaf_weight_min, columns_per_split: Math.max(1, Math.round(Math.sqrt(columns))), prior_weight, decreasing_columns: 0, seed };
  const { model, cover } = fitForest(counts, options, 0, trees, binned);
  const found: PropensityTrees = { ...model, kind: "forest", base: 0, cover: [...cover] };
  if (steps_max === 1) return { model: found, offsets: new Float64Array(1) };
  const margin = compileMargin(found, columns);
  const unseen = rows - train_rows;
  const margins = Float64Array.from({ length: unseen }, (_, i) => margin.margin(values, (train_rows + i) * columns));
  const late: HazardRows = { ...data, y: y.subarray(train_rows), steps: steps.subarray(train_rows), train_rows: unseen, rows: unseen };
  const mean = margins.reduce((sum, own) => sum + own, 0) / unseen;
  const offsets = lifeTable(late).map((own) => own - mean);
  for (let round = 0; round < OFFSET_ROUNDS; round++) improveOffsets(late, margins, offsets);
  return { model: found, offsets };
}
