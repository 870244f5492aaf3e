import type { Analysis } from "../../contracts/training-analysis.ts";
import type { Check } from "../../contracts/training-run.ts";
import { countByBin, quantileEdges, stabilityIndex } from "../../models/histogram.ts";
import { type FeatureTable, featureColumn } from "../feature-table.ts";
import { judge, STABILITY_MAX } from "./check-limits.ts";

const BINS = 10;

/** How far each feature's distribution in the rows held out is from that of the training rows, in tenths of the latter. */
export function featureDrift(table: FeatureTable): { drift: Analysis["drift"]; check: Omit<Check, "stage"> } {
  const drift = table.names.map((feature, column) => {
    const train = featureColumn(table, column, 0, table.train_rows);
    const held_out = featureColumn(table, column, table.test_from, table.matrix.rows);
    const edges = quantileEdges(train, BINS);
    const psi = stabilityIndex(countByBin(train, edges).counts, countByBin(held_out, edges).counts);
    return { feature, psi, status: psi > STABILITY_MAX ? ("warn" as const) : ("ok" as const) };
  });
  const moved = drift.filter(({ status }) => status !== "ok").toSorted((a, b) => b.psi - a.psi);
  const detail = moved.length === 0 ? "no feature's distribution moved" : `moved: ${moved.map(({ feature, psi }) => `${feature} (${psi.toFixed(2)})`).join(", ")}`;
  return { drift, check: judge("drift.features", moved.length / Math.max(1, drift.length), detail) };
}

/** Whether as many of those who look buy as did. */
export function conversionDrift(train: number, held_out: number): Omit<Check, "stage"> {
  const ratio = train > 0 && held_out > 0 ? Math.max(held_out / train, train / held_out) : null;
  return judge("drift.conversion", ratio, `${(100 * train).toFixed(2)} % in the training weeks, ${(100 * held_out).toFixed(2)} % in those held out`);
}
