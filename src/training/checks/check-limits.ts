import type { Check } from "../../contracts/training-run.ts";

/** A figure above `warn` is noted, one above `fail` ends the run; null: never. */
export interface CheckLimit {
  readonly what: string;
  readonly warn: number;
  readonly fail: number | null;
}

/**
 * A feature has moved when its population stability index is above this. Some always have: those that measure age, and those of which a week has only a few values, such
 * as a category's; so that it takes many to fail a run.
 */
export const STABILITY_MAX = 0.25;

/** Every check that a run makes, and where it draws the line. */
export const checkLimits = {
  "leakage.time_order": { what: "milliseconds by which labels of one block reach into the next", warn: 0, fail: 0 },
  "leakage.shuffled_labels": { what: "skill on labels that were shuffled, in standard errors above 0", warn: 2.5, fail: 3 },
  "leakage.single_feature": { what: "share of the validation deviance that one feature alone explains", warn: 0.5, fail: 0.8 },
  "leakage.future": { what: "cut-offs whose features were changed by what became known after them", warn: 0, fail: 0 },
  "leakage.shuffled_auc": { what: "distance of the AUC from 0.5 on labels that were shuffled, if it is beyond four standard errors", warn: 0.01, fail: 0.02 },
  "leakage.single_input_auc": { what: "AUC that one input alone has on the validation rows", warn: 0.9, fail: 0.95 },
  "drift.features": { what: "share of the features whose distribution moved between the training weeks and those held out", warn: 0.25, fail: 0.75 },
  "drift.conversion": { what: "factor between the conversion held out and that of the training weeks", warn: 2, fail: 20 },
  "drift.base_rate": { what: "factor between the share held out to whom it happened and that of the training rows, of any dimension", warn: 2, fail: 20 },
  "drift.calibration": { what: "calibration error of a champion on the rows held out, of any dimension", warn: 0.02, fail: null },
  "quality.refused": { what: "share of the messages that are dead letters", warn: 0.01, fail: 0.2 },
  "quality.duplicates": { what: "share of the events that came a second time", warn: 0.05, fail: null },
  "quality.missing": { what: "share of the feature values that are not finite numbers", warn: 0, fail: 0.01 },
  "quality.constant": { what: "features that never vary in the training weeks", warn: 0, fail: null },
  "quality.duplicate_rows": { what: "share of the rows that repeat another of the same course and week", warn: 0, fail: 0 },
  "quality.unseen_enrollments": { what: "share of the course-weeks with more enrollments than exposures", warn: 0.05, fail: 0.5 },
  "quality.price_outliers": { what: "share of the course-weeks at more than 5 times, or less than a fifth of, the course's median price", warn: 0.01, fail: 0.2 },
  "quality.week_gaps": { what: "share of the weeks with less than a tenth of the median week's exposures", warn: 0, fail: 0.5 },
} as const satisfies Record<string, CheckLimit>;
export type CheckName = keyof typeof checkLimits;

/** Judges a figure by its check's limits. What cannot be taken is null, and passes with the reason that `detail` gives. */
export function judge(name: CheckName, value: number | null, detail: string): Omit<Check, "stage"> {
  const { warn, fail }: CheckLimit = checkLimits[name];
  const passes = (limit: number | null): boolean => limit === null || value === null || value <= limit;
  const status = !passes(fail) ? "fail" : !passes(warn) ? "warn" : "ok";
  return { name, status, value, limit: value === null ? null : status === "fail" ? fail : warn, detail };
}
