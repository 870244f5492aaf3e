import { expect, test } from "vitest";
import { type Judged, missedGates } from "./propensity-gates.ts";
import type { Figures } from "./report.ts";

const good: Figures = { auc: 0.86, observable_auc: 0.865, behind_ceiling_error: 0.001, latent_auc: 0.9, above_latent_error: 0.002, hand_score_auc: 0.81, above_hand_error: 0.002, ece: 0.01, ece_error: 0.002, slope: 1, slope_error: 0.02 };
const passing: Judged = { binary: { enrollment: good, churn: good, completion: good, upsell: good }, price_sensitivity: { spearman: 0.68, spearman_ceiling: 0.73, spearman_error: 0.01 }, shuffled_auc: 0.51 };
const changed = (dimension: keyof Judged["binary"], change: Figures): Judged => ({ ...passing, binary: { ...passing.binary, [dimension]: { ...good, ...change } } });

test("figures within the gates miss none", () => {
  expect(missedGates(passing)).toEqual([]);
  // Of completion and upsell only that nothing leaks.
  expect(missedGates(changed("upsell", { ece: 0.1, slope: 2, observable_auc: 0.95, hand_score_auc: 0.9 }))).toEqual([]);
});

test.each<[string, Judged, RegExp]>([
  ["behind the ceiling", changed("enrollment", { observable_auc: 0.89 }), /enrollment: AUC behind the observable ceiling is 0\.0300 ± 0\.0010/],
  ["below the hand score", changed("churn", { hand_score_auc: 0.87 }), /churn: AUC above the hand score's/],
  ["off by more than allowed", changed("churn", { ece: 0.021 }), /churn: calibration error/],
  ["too sure", changed("enrollment", { slope: 0.88 }), /enrollment: calibration slope/],
  ["without a slope", changed("enrollment", { slope: null }), /enrollment: calibration slope/],
  ["better than the truth", changed("completion", { latent_auc: 0.85 }), /completion: AUC exceeds that of the truth by 0\.0100 ± 0\.0020: something leaks/],
  ["learning from shuffled labels", { ...passing, shuffled_auc: 0.53 }, /shuffled labels/],
  ["ranking price sensitivity badly", { ...passing, price_sensitivity: { spearman: 0.5, spearman_ceiling: 0.73, spearman_error: 0.01 } }, /price sensitivity/],
  ["not ranking it at all", { ...passing, price_sensitivity: { spearman: null, spearman_ceiling: 0.73, spearman_error: 0.01 } }, /price sensitivity/],
])("%s is missed, by name", (_what, judged, message) => {
  const missed = missedGates(judged);
  expect(missed).toHaveLength(1);
  expect(missed[0]).toMatch(message);
});

test("above the truth by what chance explains is no leak", () => {
  expect(missedGates(changed("completion", { latent_auc: 0.857, above_latent_error: 0.002 }))).toEqual([]);
});
