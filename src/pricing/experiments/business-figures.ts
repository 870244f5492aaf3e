import type { ExperimentResults, Figure } from "../../contracts/experiment-results.ts";
import type { Arm } from "./assignment.ts";
import { PairedMoments } from "./paired-moments.ts";

const Z95 = 1.959963984540054;
/** A normal interval of fewer says more than there is. */
const UNITS_MIN = 30;

/** Figures by name, each of one unit; null: the unit does not count for it. */
export type BusinessSeries<Unit> = Readonly<Record<string, (unit: Unit) => number | null>>;

function momentsOf<Unit>(units: readonly Unit[], figure: (unit: Unit) => number | null): PairedMoments {
  const moments = new PairedMoments();
  for (const unit of units) {
    const value = figure(unit);
    if (value !== null) moments.add(value, 0);
  }
  return moments;
}

/** With a 95 % interval. */
export function around(value: number, variance: number): NonNullable<Figure> {
  const reach = Z95 * Math.sqrt(variance);
  return { value, low: value - reach, high: value + reach };
}

/** The first arm at list price. */
export function holdoutOf(arms: readonly Arm[]): string | null {
  return arms.find(({ price }) => price.kind === "list")?.name ?? null;
}

/**
 * Each arm's figures beside the hold-out's, with 95 % intervals of this moment. They describe; what decides is the always-valid
 * comparison, since these intervals are for one look.
 */
export function businessFigures<Unit>(arms: readonly Arm[], counted: ReadonlyMap<string, readonly Unit[]>, series: BusinessSeries<Unit>): ExperimentResults["business"] {
  const holdout = holdoutOf(arms);
  if (holdout === null) return { holdout, arms: [] };
  const figuresOf = (arm: string): ExperimentResults["business"]["arms"][number]["figures"] => {
    const figures = Object.entries(series).map(([name, figure]) => {
      const [own, other] = [arm, holdout].map((of) => momentsOf(counted.get(of) ?? [], figure));
      const enough = (moments: PairedMoments): boolean => moments.n >= UNITS_MIN;
      const alone = (moments: PairedMoments): Figure => (enough(moments) ? around(moments.mean_y, moments.varianceOfMean(0)) : null);
      const difference = enough(own!) && enough(other!) ? around(own!.mean_y - other!.mean_y, own!.varianceOfMean(0) + other!.varianceOfMean(0)) : null;
      return [name, { arm: alone(own!), holdout: alone(other!), difference }] as const;
    });
    return Object.fromEntries(figures);
  };
  return { holdout, arms: arms.filter(({ name }) => name !== holdout).map(({ name }) => ({ arm: name, figures: figuresOf(name) })) };
}
