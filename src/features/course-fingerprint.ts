import { courseStates } from "./course-features.ts";
import { offsetOf, recordWidths } from "./feature-set.ts";

/** Slots of a course's record that a view alone never changes. */
const slots: Int32Array = ((): Int32Array => {
  const viewed = new Uint8Array(recordWidths.course);
  for (const state of courseStates) {
    if (state.folds["exposure.viewed"] !== undefined) viewed.fill(1, offsetOf(state), offsetOf(state) + state.aggregator.width);
  }
  return Int32Array.from([...viewed.keys()].filter((slot) => viewed[slot] === 0));
})();

const double = new Float64Array(1);
const words = new Int32Array(double.buffer);

/**
 * What events other than views have made of a course's record, in 53 bits: equal for two records that differ by views alone (up to a chance of 1e-16 for others).
 * A sale changes the demand cells as a view does, but counts in windows, too, which views leave alone.
 */
export function fingerprintWithoutViews(record: Float64Array): number {
  let a = 0x9e3779b9 | 0;
  let b = 0x7f4a7c15 | 0;
  for (let k = 0; k < slots.length; k++) {
    const slot = slots[k]!;
    const value = record[slot]!;
    if (value === 0) continue;
    double[0] = value;
    a = Math.imul(a ^ words[0]! ^ slot, 0x85ebca6b);
    a ^= a >>> 15;
    b = Math.imul(b ^ words[1]! ^ a, 0xc2b2ae35);
    b ^= b >>> 13;
  }
  return (a >>> 0) * 0x200000 + (b >>> 11);
}
