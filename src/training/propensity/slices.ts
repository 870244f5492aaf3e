import type { CandidateRecord } from "../../contracts/training-run.ts";
import { groupBy } from "../../lib/group-by.ts";
import { areaUnderCurve, calibrationError, logLoss } from "../../models/propensity/binary-metrics.ts";
import { learnerPosition } from "../../models/propensity/learner-vector.ts";
import type { PropensityDataset } from "./dataset.ts";
import type { WindowRows } from "./outputs.ts";

/** Of fewer rows figures are chance. */
const ROWS_MIN = 100;

const ENROLLED = learnerPosition("enrolled");
const ACTIVE = learnerPosition("days_since_last_activity");
const REGISTERED = learnerPosition("registered_at_ms");

function quarterOf(time_ms: number): string {
  if (time_ms <= 0) return "unknown";
  const date = new Date(time_ms);
  return `${date.getUTCFullYear()} Q${1 + Math.floor(date.getUTCMonth() / 3)}`;
}

function enrolledBefore(count: number): string {
  if (count === 0) return "none";
  return count < 3 ? "1 or 2" : "3 or more";
}

function activeBefore(days: number): string {
  if (days <= 7) return "last 7 days";
  if (days <= 30) return "8 to 30 days ago";
  return days < 365 ? "more than 30 days ago" : "none in a year";
}

/** What rows are parted by: the value that a learner's features give. */
const parts: readonly { readonly by: string; valueOf(features: Float64Array): string }[] = [
  { by: "enrollments before", valueOf: (features) => enrolledBefore(features[ENROLLED]!) },
  { by: "latest activity", valueOf: (features) => activeBefore(features[ACTIVE]!) },
  { by: "cohort by registration", valueOf: (features) => quarterOf(features[REGISTERED]!) },
];

/** Figures of the test rows by what kind of learner they are of. */
export function slicesOf({ features }: PropensityDataset, windows: WindowRows, y: Uint8Array, scores: Float64Array): CandidateRecord["slices"] {
  const { values, columns } = features;
  return parts.flatMap(({ by, valueOf }) => {
    const groups = groupBy(Array.from(y.keys()), (i) => valueOf(values.subarray(windows.row[i]! * columns, (windows.row[i]! + 1) * columns)));
    return [...groups].filter(([, own]) => own.length >= ROWS_MIN).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([value, own]) => {
      const [s, labels] = [own.map((i) => scores[i]!), own.map((i) => y[i]!)];
      const auc = areaUnderCurve(s, labels);
      const mean = (terms: readonly number[]): number => terms.reduce((sum, term) => sum + term, 0) / own.length;
      const metrics = { ...(Number.isFinite(auc) && { auc }), log_loss: mean(s.map((score, i) => logLoss(score, labels[i]!))), ece: calibrationError(s, labels), rate: mean(labels), score: mean(s) };
      return { by, value, rows: own.length, metrics };
    });
  });
}
