import { figure, fixed, percent } from "./format.ts";

/** How a metric of the record is shown. */
export interface MetricLabel {
  readonly name: string;
  readonly label: string;
  /** In words, for whoever does not know it. */
  readonly meaning: string;
  format(value: number | null | undefined): string;
}

const three = (value: number | null | undefined): string => fixed(value, 3);

const known: readonly MetricLabel[] = [
  { name: "poisson_deviance", label: "deviance", meaning: "mean Poisson deviance of the counts, lower is better: what models are chosen by", format: (value) => fixed(value, 4) },
  { name: "skill", label: "skill", meaning: "share of the naive forecast's deviance that the model saves, above 0 beats it", format: (value) => percent(value, 2) },
  { name: "r2_log", label: "R²", meaning: "share of the variance of log(1 + count) that is explained", format: three },
  { name: "rmse_log", label: "RMSE", meaning: "root mean squared error of log(1 + count)", format: three },
  { name: "mape_log", label: "MAPE", meaning: "mean absolute percentage error of log(1 + count), over rows that sold", format: (value) => percent(value) },
  { name: "wape", label: "WAPE", meaning: "sum of absolute errors over the sum of counts, in levels", format: (value) => percent(value) },
  { name: "log_loss", label: "log loss", meaning: "mean minus log-likelihood of what happened, lower is better: what models are chosen by", format: (value) => fixed(value, 4) },
  { name: "auc", label: "AUC", meaning: "probability that of two learners the one to whom it happened has the higher score", format: three },
  { name: "brier", label: "Brier", meaning: "mean squared error of the probabilities", format: three },
  { name: "ece", label: "ECE", meaning: "mean distance between what is predicted and what happens, over tenths of the rows by score; at most 0.02", format: three },
  { name: "slope", label: "slope", meaning: "of the outcome's log-odds on the score's: 1 is well calibrated, below is too sure; 0.9 to 1.1", format: three },
  { name: "precision_70", label: "precision@70 %", meaning: "share of the scores of at least 0.7 to whom it happened", format: (value) => percent(value) },
  { name: "recall_high", label: "recall at high", meaning: "share of those to whom it happened with a score of at least 0.7", format: (value) => percent(value) },
  { name: "share_70", label: "at least 70 %", meaning: "share of the rows with a score of at least 0.7", format: (value) => percent(value) },
  { name: "f1", label: "F1", meaning: "harmonic mean of precision and recall, at the threshold that the validation rows chose", format: three },
  { name: "rate", label: "rate", meaning: "share of the rows to whom it happened", format: (value) => percent(value) },
];

export function metricLabel(name: string): MetricLabel {
  return known.find((metric) => metric.name === name) ?? { name, label: name.replaceAll("_", " "), meaning: "", format: (value) => figure(value, 4) };
}

/** Labels of all metrics that any of the records has, known ones first and in their order. */
export function metricLabels(records: readonly Readonly<Record<string, number>>[]): MetricLabel[] {
  const names = new Set(records.flatMap((record) => Object.keys(record)));
  return [...known.filter(({ name }) => names.has(name)), ...[...names].filter((name) => !known.some((metric) => metric.name === name)).sort().map(metricLabel)];
}
