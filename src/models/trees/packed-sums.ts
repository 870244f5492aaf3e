/**
 * A gradient and a Hessian as whole numbers in one double, gradient·2²⁷ + Hessian: a histogram then takes one addition a value instead of two, its
 * sums are exact in any order, so that trees do not depend on how many threads summed, and a parent less one child is exactly the other.
 */
export const PACKED_SUM = 2 ** 27;
const UNSHIFT = 2 ** -27;
/** What the absolute values of all numerators, and all weights, may sum to. */
const TOTAL_MAX = 2 ** 26;
/** Below this a sum counts as none: its unit would have no inverse. */
const TINY = 1e-280;
/** Adding and taking this away again rounds a double below 2⁵¹ to a whole number, at a fifth of Math.round's cost. */
const ROUNDER = 1.5 * 2 ** 52;

/** The whole numbers' units: [1 gradient unit, 1 Hessian unit]. */
export type Units = Float64Array;

export function packedGradient(packed: number): number {
  return Math.floor(packed * UNSHIFT);
}

export function packedHessian(packed: number): number {
  return packed - Math.floor(packed * UNSHIFT) * PACKED_SUM;
}

/**
 * Packs the gradients and Hessians (≥ 0) of the first `count` of `order` and writes their units. Rounding to a unit loses 1/(2²⁶/count) of a mean
 * value. Returns the packed total.
 */
export function packGradients(gradient: Float64Array, hessian: Float64Array, order: Int32Array, count: number, packed: Float64Array, units: Units): number {
  let gradients = 0;
  let hessians = 0;
  for (let i = 0; i < count; i++) {
    const row = order[i]!;
    gradients += Math.abs(gradient[row]!);
    hessians += hessian[row]!;
  }
  // Each rounding can add half a unit.
  const room = TOTAL_MAX - count;
  const perGradient = gradients > TINY ? room / gradients : 1;
  const perHessian = hessians > TINY ? room / hessians : 1;
  units[0] = 1 / perGradient;
  units[1] = 1 / perHessian;
  let total = 0;
  for (let i = 0; i < count; i++) {
    const row = order[i]!;
    const value = (gradient[row]! * perGradient + ROUNDER - ROUNDER) * PACKED_SUM + (hessian[row]! * perHessian + ROUNDER - ROUNDER);
    packed[row] = value;
    total += value;
  }
  return total;
}
