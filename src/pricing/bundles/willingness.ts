import { normalQuantile } from "./normal-quantile.ts";

/** Log willingness to pay, normal: mean and sd of log tokens. */
export interface Willingness {
  readonly log_mean: number;
  readonly log_sd: number;
}

/** A conversion of 0 or 1 has no quantile. */
const CONVERSION_MIN = 1e-9;

/**
 * The log-normal willingness to pay that answers `price` as a logit demand curve does: the share that would pay it is s, and it falls with log price at −slope·s(1 − s). From
 * Φ((m − log p)/σ) = s and φ(z)/σ = slope·s(1 − s) with z = Φ⁻¹(s): σ = φ(z)/(slope·s(1 − s)), m = log p + σz. Beyond that price the two curves part, the log-normal's tail being
 * the thinner one.
 */
export function willingnessAt(price: number, conversion: number, slope: number): Willingness {
  const s = Math.min(1 - CONVERSION_MIN, Math.max(CONVERSION_MIN, conversion));
  const z = normalQuantile(s);
  const log_sd = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI) / (slope * s * (1 - s));
  return { log_mean: Math.log(price) + log_sd * z, log_sd };
}
