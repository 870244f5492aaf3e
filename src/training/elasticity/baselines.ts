import type { CourseRow } from "../../features/replay.ts";
import { clipRate } from "../../models/compiled.ts";
import { type RowRate, trailingConversion } from "../evaluation.ts";

const WEEKS_PER_YEAR = 52;
/** Exposures' worth of the category's rate that a course's own is shrunk with: few course-weeks sell at all. */
const PRIOR_EXPOSURES = 20;

interface Baseline {
  readonly name: string;
  readonly rate: RowRate;
}

const exposed = (row: CourseRow): number => Math.max(row.exposures, row.enrollments);

/** Conversion of every category over some rows; of an unknown one, that of all. */
function categoryRates(rows: readonly CourseRow[]): (category: string) => number {
  const sums = new Map<string, { enrollments: number; exposures: number }>();
  const all = { enrollments: 0, exposures: 0 };
  for (const row of rows) {
    const own = sums.get(row.category) ?? { enrollments: 0, exposures: 0 };
    sums.set(row.category, own);
    for (const sum of [own, all]) {
      sum.enrollments += row.enrollments;
      sum.exposures += exposed(row);
    }
  }
  const overall = clipRate(all.enrollments / Math.max(1, all.exposures));
  const rates = new Map([...sums].map(([category, { enrollments, exposures }]) => [category, clipRate((enrollments + PRIOR_EXPOSURES * overall) / (exposures + PRIOR_EXPOSURES))]));
  return (category) => rates.get(category) ?? overall;
}

/**
 * What a model must beat to be worth having, each known before the test weeks begin (`test_from`: their first period). The season is a year where the rows reach
 * back that far, else the length of the test block.
 */
export function baselines(rows: readonly CourseRow[], test_from: number, periods: number): Baseline[] {
  const category = categoryRates(rows.filter((row) => row.period < test_from));
  const season = test_from >= WEEKS_PER_YEAR ? WEEKS_PER_YEAR : periods - test_from;
  const seasonal = new Map(rows.filter((row) => row.period >= test_from - season && row.period < test_from).map((row) => [`${row.period + season} ${row.course_id}`, row]));
  return [
    { name: "the trailing conversion", rate: trailingConversion },
    {
      name: `the seasonal naive forecast (${season} weeks before)`,
      rate: (row) => {
        const before = seasonal.get(`${row.period} ${row.course_id}`);
        const [enrollments, exposures] = before === undefined ? [0, 0] : [before.enrollments, exposed(before)];
        return clipRate((enrollments + PRIOR_EXPOSURES * category(row.category)) / (exposures + PRIOR_EXPOSURES));
      },
    },
    { name: "the category mean", rate: (row) => category(row.category) },
  ];
}
