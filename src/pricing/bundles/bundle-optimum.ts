import type { Objective } from "../../contracts/policy.ts";
import { assert } from "../../lib/assert.ts";
import { type BundleDraws, type BundlePart, bundleDraws, CURVES, DRAWS, LEARNERS } from "./bundle-draws.ts";

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
  readonly #draws: BundleDraws;
  readonly #cost: number;
  /** Thresholds ascending, and sums of what the learners up to each bring without the bundle. */
  readonly #sorted: Float64Array;
  readonly #alone_up_to: Float64Array;
  readonly #courses_up_to: Float64Array;

  constructor(parts: readonly BundlePart[], factor: Float64Array) {
    this.parts = parts;
    this.sum_of_parts = parts.reduce((sum, { price }) => sum + price, 0);
    this.dearest = Math.max(...parts.map(({ price }) => price));
    this.#cost = parts.reduce((sum, { cost }) => sum + cost, 0);
    this.#draws = bundleDraws(parts, factor);
    const { threshold, alone, alone_courses } = this.#draws;
    const order = Array.from(threshold.keys()).sort((a, b) => threshold[a]! - threshold[b]!);
    this.#sorted = Float64Array.from(order, (draw) => threshold[draw]!);
    this.#alone_up_to = new Float64Array(DRAWS + 1);
    this.#courses_up_to = new Float64Array(DRAWS + 1);
    for (const [i, draw] of order.entries()) {
      this.#alone_up_to[i + 1] = this.#alone_up_to[i]! + alone[draw]!;
      this.#courses_up_to[i + 1] = this.#courses_up_to[i]! + alone_courses[draw]!;
    }
  }

  /** Without the bundle. */
  get alone(): BundleOutcome {
    return { price: 0, conversion: 0, value: this.#alone_up_to[DRAWS]! / DRAWS, courses: this.#courses_up_to[DRAWS]! / DRAWS };
  }

  at(price: number): BundleOutcome {
    const below = this.#countBelow(price);
    const bought = DRAWS - below;
    return {
      price,
      conversion: bought / DRAWS,
      value: (bought * (price - this.#cost) + this.#alone_up_to[below]!) / DRAWS,
      courses: (bought * this.parts.length + this.#courses_up_to[below]!) / DRAWS,
    };
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

  #countBelow(price: number): number {
    let [low, high] = [0, DRAWS];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#sorted[middle]! < price) low = middle + 1;
      else high = middle;
    }
    return low;
  }
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
    for (let price = to; price >= from; price -= step) {
      const outcome = demand.at(price);
      if (best === undefined || better(outcome, best, goal, floor)) best = outcome;
    }
    if (step === 1) return best!;
    [from, to] = [Math.max(low, best!.price - step + 1), Math.min(high, best!.price + step - 1)];
  }
}
