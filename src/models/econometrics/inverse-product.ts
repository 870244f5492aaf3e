import { choleskyInPlace, choleskySolveInPlace } from "../../lib/linear-algebra.ts";

/** A pivot below this share of its diagonal is rounding. */
const PIVOT_MIN = 1e-12;

/** aᵀM⁻¹b for a symmetric positive definite M, row-major; undefined where M is not, or is only by rounding. */
export function inverseProduct(m: Float64Array, a: Float64Array, b: Float64Array): number | undefined {
  const n = a.length;
  const factor = m.slice();
  if (!choleskyInPlace(factor, n)) return undefined;
  for (let i = 0; i < n; i++) if (!(factor[i * n + i]! ** 2 > PIVOT_MIN * m[i * n + i]!)) return undefined;
  const solved = b.slice();
  choleskySolveInPlace(factor, n, solved);
  let product = 0;
  for (let i = 0; i < n; i++) product += a[i]! * solved[i]!;
  return product;
}
