import type { Objective } from "../../contracts/policy.ts";
import { assert } from "../../lib/assert.ts";
import { type BundleDraws, type BundlePart, CURVES, DRAWS, LEARNERS } from "./bundle-draws.ts";

/** Prices that are compared in one go; of a wider range every so-manieth, then those around the best. */
const PRICES_MAX = 512;

/** What a price of the bundle brings, per learner who sees it. */
export interface BundleOutcome {
  readonly price: number;
  /** Share of learners who buy the bundle. */
  readonly conversion: number;
  /** Tokens less costs, from the bundle and from courses that are bought alone. */
  readonly value: number;
  /** Courses that are enrolled in, in and out of the bundle. */
  readonly courses: number;
}

/** A bundle on its draws: any price can be asked for. */
export class BundleDemand {
  readonly parts: readonly BundlePart[];
  readonly sum_of_parts: number;
  readonly dearest: number;
  /** Without the bundle. */
  readonly alone: BundleOutcome;
  readonly #draws: BundleDraws;
  readonly #cost: number;

  constructor(parts: readonly BundlePart[], draws: BundleDraws) {
    this.parts = parts;
    this.sum_of_parts = parts.reduce((sum, { price }) => sum + price, 0);
    this.dearest = Math.max(...parts.map(({ price }) => price));
    this.#cost = parts.reduce((sum, { cost }) => sum + cost, 0);
    this.#draws = draws;
    const { alone, alone_courses } = this.#draws;
    this.alone = { price: 0, conversion: 0, value: total(alone) / DRAWS, courses: total(alone_courses) / DRAWS };
  }

  at(price: number): BundleOutcome {
    return this.along(price, price, 1)[0]!;
  }

  /** Every `step`-th price from `from` to `to`, in one pass over the draws: each falls between two of the prices, and sums over those below a price do the rest. */
  along(from: number, to: number, step: number): BundleOutcome[] {
    const { threshold, alone, alone_courses } = this.#draws;
    const count = Math.floor((to - from) / step) + 1;
    const bought = new Float64Array(count + 1);
    const value = new Float64Array(count + 1);
    const courses = new Float64Array(count + 1);
    for (let draw = 0; draw < DRAWS; draw++) {
      const willing = threshold[draw]!;
      // How many of the prices the learner takes the bundle at. The quotient may round up to the next whole number.
      let prices = Math.min(count, Math.max(0, Math.floor((willing - from) / step) + 1));
      if (prices > 0 && from + (prices - 1) * step > willing) prices--;
      bought[prices]! += 1;
      value[prices]! += alone[draw]!;
      courses[prices]! += alone_courses[draw]!;
    }
    const outcomes: BundleOutcome[] = [];
    let [below, alone_below, courses_below] = [0, 0, 0];
    for (let k = 0; k < count; k++) {
      below += bought[k]!;
      alone_below += value[k]!;
      courses_below += courses[k]!;
      const price = from + k * step;
      const buyers = DRAWS - below;
      outcomes.push({ price, conversion: buyers / DRAWS, value: (buyers * (price - this.#cost) + alone_below) / DRAWS, courses: (buyers * this.parts.length + courses_below) / DRAWS });
    }
    return outcomes;
  }

  /** What a price brings under each set of demand curves, over what they bring without the bundle: how sure the value and the gain are. */
  byCurve(price: number): { readonly value: Float64Array; readonly gain: Float64Array } {
    const { threshold, alone } = this.#draws;
    const value = new Float64Array(CURVES);
    const gain = new Float64Array(CURVES);
    for (let draw = 0; draw < DRAWS; draw++) {
      const curve = Math.trunc(draw / LEARNERS);
      const own = threshold[draw]! >= price ? price - this.#cost : alone[draw]!;
      value[curve]! += own / LEARNERS;
      gain[curve]! += (own - alone[draw]!) / LEARNERS;
    }
    return { value, gain };
  }
}

function total(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum;
}

/** The objective of a bundle: revenue and margin are values, of which costs are part or not; enrollments keep a share of what there is without the bundle. */
export interface BundleGoal {
  readonly objective: Objective;
  readonly revenue_floor_share: number;
}

/** Whether `a` is the better of two; of equal ones the dearer, which gives less away. */
function better(a: BundleOutcome, b: BundleOutcome, { objective, revenue_floor_share }: BundleGoal, floor: number): boolean {
  if (objective === "enrollments") {
    const [keeps, kept] = [a, b].map(({ value }) => value >= revenue_floor_share * floor) as [boolean, boolean];
    if (keeps !== kept) return keeps;
    if (keeps && a.courses !== b.courses) return a.courses > b.courses;
  }
  return a.value > b.value || (a.value === b.value && a.price > b.price);
}

/** The best whole price from `low` to `high`. */
export function bestBundlePrice(demand: BundleDemand, low: number, high: number, goal: BundleGoal): BundleOutcome {
  assert(low <= high && Number.isInteger(low) && Number.isInteger(high), "prices are whole and there is one");
  const floor = demand.alone.value;
  let best: BundleOutcome | undefined;
  let [from, to] = [low, high];
  for (;;) {
    const step = Math.max(1, Math.ceil((to - from) / (PRICES_MAX - 1)));
    // From the top down to `from`: the highest price is one of them, the lowest need not be.
    for (const outcome of demand.along(from + ((to - from) % step), to, step)) if (best === undefined || better(outcome, best, goal, floor)) best = outcome;
    if (step === 1) return best!;
    [from, to] = [Math.max(low, best!.price - step + 1), Math.min(high, best!.price + step - 1)];
  }
}
