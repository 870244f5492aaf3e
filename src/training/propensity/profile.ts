import { type BinaryDimension, binaryDimensions } from "../../contracts/propensity.ts";
import type { Analysis, Histogram } from "../../contracts/training-analysis.ts";
import type { Check } from "../../contracts/training-run.ts";
import { formatTime } from "../../lib/time.ts";
import { correlations } from "../../models/correlation.ts";
import { propensityInputNames } from "../../models/propensity/inputs.ts";
import { judge } from "../checks/check-limits.ts";
import { comparedHistogram } from "../compared-histogram.ts";
import { type FeatureTable, featureColumn } from "../feature-table.ts";
import type { Blocks } from "./cut-offs.ts";
import type { PropensityDataset } from "./dataset.ts";
import { propensityDefinitions, windowMs } from "./definitions.ts";
import type { Windows } from "./leakage.ts";
import type { WindowRows } from "./outputs.ts";

/** What a dimension's rate counts: churn is that nothing happened. */
const names: Readonly<Record<BinaryDimension, string>> = { enrollment: "enrolled", churn: "churned", completion: "completed", upsell: "upsold" };

function shareOf(dimension: BinaryDimension, y: ArrayLike<number>, from: number, to: number): number {
  let happened = 0;
  for (let i = from; i < to; i++) happened += y[i]!;
  const share = happened / (to - from);
  return dimension === "churn" ? 1 - share : share;
}

/** Of the training rows of each dimension. */
export function baseRates(windows: Windows): Partial<Record<BinaryDimension, number>> {
  return Object.fromEntries(windows.map(([dimension, { learning, whole_rows }]) => [dimension, shareOf(dimension, learning.y, 0, whole_rows)]));
}

/** Whether it happens to as many as it did. */
export function baseRateDrift(windows: Windows): Omit<Check, "stage"> {
  const rates = windows.map(([dimension, { learning, whole_rows, test }]) => {
    const [before, after] = [shareOf(dimension, learning.y, 0, whole_rows), shareOf(dimension, test.y, 0, test.rows)];
    return { factor: Math.max(after / before, before / after), detail: `${names[dimension]} ${(100 * before).toFixed(1)} % in the training rows, ${(100 * after).toFixed(1)} % in those held out` };
  });
  return judge("drift.base_rate", Math.max(...rates.map(({ factor }) => factor)), rates.map(({ detail }) => detail).join("; "));
}

/** Every input, and what is to be predicted: 1 where it happened; of churn, when. */
export function histograms(table: FeatureTable, windows: Windows): Histogram[] {
  const inputs = table.names.map((name, column) =>
    comparedHistogram(name, name.startsWith("log_") ? "log" : "", featureColumn(table, column, 0, table.train_rows), featureColumn(table, column, table.test_from, table.matrix.rows)),
  );
  const label = ({ y, steps }: WindowRows, from: number, to: number): Float64Array => Float64Array.from({ length: to - from }, (_, i) => (y[from + i] === 1 ? steps[from + i]! : 0));
  const labels = windows.map(([dimension, { learning, whole_rows, test, steps_max }]) =>
    comparedHistogram(dimension === "churn" ? `step of ${steps_max} with the first activity; 0 = churned` : names[dimension], "", label(learning, 0, whole_rows), label(test, 0, test.rows)),
  );
  return [...inputs, ...labels];
}

/** Of the inputs and, last, enrollment, over the training rows: of these, the first ones, everybody is asked. */
export function correlation(table: FeatureTable, enrolled: ArrayLike<number>): NonNullable<Analysis["correlation"]> {
  const columns = table.names.map((_, column) => featureColumn(table, column, 0, table.train_rows));
  return { names: [...propensityInputNames, names.enrollment], values: correlations([...columns, Float64Array.from({ length: table.train_rows }, (_, row) => enrolled[row]!)]) };
}

/** By cut-off, as far as windows were seen whole. */
export function trend({ at_ms, period, labels, trials, range }: PropensityDataset, { train, validation }: Blocks): NonNullable<Analysis["trend"]> {
  const byPeriod = (row: ArrayLike<number>, counts: (position: number) => boolean = () => true): number[] => {
    const found = new Array<number>(at_ms.length).fill(0);
    for (let i = 0; i < row.length; i++) if (counts(i)) found[period[row[i]!]!]!++;
    return found;
  };
  const share = (name: string, part: readonly number[], whole: readonly number[]): { name: string; unit: string; values: (number | null)[] } => ({ name, unit: "share", values: whole.map((count, i) => (count > 0 ? part[i]! / count : null)) });
  const rows = byPeriod(Int32Array.from(period.keys()));
  const shares = binaryDimensions.map((dimension) => {
    const { row, y, steps } = labels[dimension];
    if (steps === undefined) return share(names[dimension], byPeriod(row, (i) => y[i] === 1), byPeriod(row));
    const whole = (i: number): boolean => at_ms[period[row[i]!]!]! + windowMs(propensityDefinitions[dimension]) <= range.to_ms;
    return share(names[dimension], byPeriod(row, (i) => whole(i) && y[i] === 0), byPeriod(row, whole));
  });
  return {
    at: at_ms.map(formatTime),
    block: at_ms.map((_, i) => (i < train.to ? "train" : i < validation.to ? "validation" : "test")),
    series: [
      { name: "learners", unit: "at the cut-off", values: rows },
      ...shares,
      share("conversion of random prices", byPeriod(trials.row, (i) => trials.enrolled[i] === 1), byPeriod(trials.row)),
      share("random prices that the balance covers", byPeriod(trials.row, (i) => trials.affordable[i] === 1), byPeriod(trials.row)),
    ],
  };
}
