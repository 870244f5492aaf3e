import type { BinaryDimension } from "../src/contracts/propensity.ts";
import type { Figures } from "./report.ts";

export interface Judged {
  readonly binary: Readonly<Record<BinaryDimension, Figures>>;
  readonly price_sensitivity: Figures;
  readonly shuffled_auc: number;
}

const BEHIND_CEILING_MAX = 0.02;
const ECE_MAX = 0.02;
const SLOPE = { min: 0.9, max: 1.1 };
const SHUFFLED_MAX = 0.02;
const SPEARMAN_SHARE_MIN = 0.8;
/** Standard errors by which nothing may be better than the truth. */
const ERRORS = 2;

/** What of SCIENCE's gates is missed, each with its Monte Carlo error. */
export function missedGates({ binary, price_sensitivity, shuffled_auc }: Judged): string[] {
  const failures: string[] = [];
  const expect = (what: string, value: number, error: number, low: number, high: number): void => {
    if (!(value >= low && value <= high)) failures.push(`${what} is ${value.toFixed(4)} ± ${error.toFixed(4)}, not in [${low}, ${high}]`);
  };
  for (const [dimension, own] of Object.entries(binary)) {
    const of = (name: string): number => own[name] ?? Number.NaN;
    const above = of("auc") - of("latent_auc");
    if (!(above <= ERRORS * of("above_latent_error"))) failures.push(`${dimension}: AUC exceeds that of the truth by ${above.toFixed(4)} ± ${of("above_latent_error").toFixed(4)}: something leaks`);
    if (dimension !== "enrollment" && dimension !== "churn") continue;
    expect(`${dimension}: AUC behind the observable ceiling`, of("observable_auc") - of("auc"), of("behind_ceiling_error"), -1, BEHIND_CEILING_MAX);
    expect(`${dimension}: AUC above the hand score's`, of("auc") - of("hand_score_auc"), of("above_hand_error"), 1e-9, 1);
    expect(`${dimension}: calibration error`, of("ece"), of("ece_error"), 0, ECE_MAX);
    expect(`${dimension}: calibration slope`, of("slope"), of("slope_error"), SLOPE.min, SLOPE.max);
  }
  expect("AUC on shuffled labels", shuffled_auc, 0, 0.5 - SHUFFLED_MAX, 0.5 + SHUFFLED_MAX);
  const share = (price_sensitivity["spearman"] ?? Number.NaN) / (price_sensitivity["spearman_ceiling"] ?? Number.NaN);
  expect("price sensitivity: share of the ceiling's rank correlation", share, price_sensitivity["spearman_error"] ?? Number.NaN, SPEARMAN_SHARE_MIN, Number.POSITIVE_INFINITY);
  return failures;
}
