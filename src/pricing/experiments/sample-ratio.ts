import { assert } from "../../lib/assert.ts";
import { chiSquareTail } from "../../models/econometrics/distributions.ts";

/** Below it arms did not get the units that they should have: whatever moved some of them may have moved the outcome, so that there is no verdict. */
export const SAMPLE_RATIO_P_MIN = 0.001;

export interface SampleRatio {
  readonly chi_square: number;
  readonly p_value: number;
  readonly ok: boolean;
}

/** χ² test of the arms' counts against what was expected of each (Fabijan et al. 2019); undefined before there is anything to count. */
export function sampleRatio(observed: readonly number[], expected: readonly number[]): SampleRatio | undefined {
  assert(observed.length === expected.length, "each arm has an expectation");
  let chi_square = 0;
  let arms = 0;
  for (let i = 0; i < observed.length; i++) {
    if (!(expected[i]! > 0)) continue;
    arms++;
    chi_square += (observed[i]! - expected[i]!) ** 2 / expected[i]!;
  }
  if (arms < 2) return undefined;
  const p_value = chiSquareTail(chi_square, arms - 1);
  return { chi_square, p_value, ok: p_value >= SAMPLE_RATIO_P_MIN };
}
