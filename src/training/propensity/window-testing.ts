import type { BinaryDimension } from "../../contracts/propensity.ts";
import type { LearningWindows } from "../../contracts/worker-protocol.ts";
import { Prng } from "../../lib/prng.ts";
import { logistic } from "../../models/propensity/hazard.ts";
import { shareableBytes, shareableDoubles, shareableInts } from "../shared-memory.ts";

/** True margins by dimension, of rows of standard normal inputs. */
export const trueMargins: Readonly<Record<BinaryDimension, (x: Float64Array) => number>> = {
  enrollment: (x) => -1 + x[0]! + 0.7 * Math.abs(x[1]!),
  churn: (x) => -0.5 + 0.9 * x[0]! - 0.6 * x[2]!,
  completion: (x) => 0.3 + x[3]! * (x[0]! > 0 ? 1 : -0.5),
  upsell: (x) => -1.5 + 0.8 * x[1]!,
};
export const churnOffsets: readonly number[] = [-0.5, -1, -1.4];

/**
 * Windows of every dimension over the same rows, of which the first `train_rows` train; completion asks about every other row, churn is watched in
 * steps, some cut short.
 */
export function syntheticWindows(seed: string, rows: number, train_rows: number, columns = 5): Readonly<Record<BinaryDimension, LearningWindows>> {
  const random = new Prng(seed);
  const inputs = Float64Array.from({ length: rows * columns }, () => random.normal());
  const windows = (dimension: BinaryDimension, offsets: readonly number[], every: number): LearningWindows => {
    const count = Math.ceil(rows / every);
    const [row, y, steps, values] = [shareableInts(count), shareableBytes(count), shareableBytes(count), shareableDoubles(count * columns)];
    for (let i = 0; i < count; i++) {
      row[i] = i * every;
      const x = inputs.subarray(row[i]! * columns, (row[i]! + 1) * columns);
      values.set(x, i * columns);
      const margin = trueMargins[dimension](x);
      const watched = offsets.length > 1 && random.uniform() < 0.3 ? 1 + random.integer(offsets.length) : offsets.length;
      while (steps[i]! < watched && y[i] === 0) {
        y[i] = random.uniform() < logistic(margin + offsets[steps[i]!]!) ? 1 : 0;
        steps[i]!++;
      }
    }
    return { values, columns, y, steps, steps_max: offsets.length, train_rows: Math.ceil(train_rows / every), rows: count, row };
  };
  return { enrollment: windows("enrollment", [0], 1), churn: windows("churn", churnOffsets, 1), completion: windows("completion", [0], 2), upsell: windows("upsell", [0], 1) };
}
