import { exp } from "../lib/exp-log.ts";
import { DAY_MS } from "../lib/time.ts";
import { DEMAND_CELL_WIDTH, DEMAND_HALF_LIFE_MS } from "./demand-cells.ts";
import { decayRate } from "./forward-decay.ts";
import type { SetPrice } from "./price-history.ts";

/**
 * What a day on offer stands for where a platform sends no views: so many that a binomial of them is a Poisson count, to 1 part in 10,000 of a sale a day. A
 * conversion is then sales a day over this.
 */
export const VIEWS_A_DAY_ON_OFFER = 10_000;
/** A price that was paid and never set, a personal one say, was on offer for as long as this. */
const OFFER_MIN_DAYS = 1;
/** Of a course without a launch. */
const UNKNOWN_AGE_DAYS = 90;
/** Launches further back weigh nothing. */
const AGE_MAX_DAYS = 1_000;

export interface Offer {
  /** Prices that were set, oldest first. */
  readonly prices: readonly SetPrice[];
  readonly base_price: number;
  /** 0 = unknown. */
  readonly days_since_launch: number;
  readonly reference_price: number;
  /** Occupied demand cells: x, exposures, enrollments. */
  readonly cells: Float64Array;
  readonly now_ms: number;
}

const RATE = decayRate(DEMAND_HALF_LIFE_MS);

/** Days from `from_ms` to `to_ms`, decayed like the cells to `now_ms`. */
function decayedDays(from_ms: number, to_ms: number, now_ms: number): number {
  if (!(to_ms > from_ms)) return 0;
  return (exp(RATE * (to_ms - now_ms)) - exp(RATE * (from_ms - now_ms))) / RATE / DAY_MS;
}

/**
 * Demand cells whose exposures are the time that their prices were on offer, decayed as the enrollments are (Poisson with an offset). The oldest price that
 * is known was on offer since the launch.
 */
export function offerCells({ prices, base_price, days_since_launch, reference_price, cells, now_ms }: Offer): Float64Array {
  const launched_ms = now_ms - Math.min(AGE_MAX_DAYS, days_since_launch > 0 ? days_since_launch : UNKNOWN_AGE_DAYS) * DAY_MS;
  const first = prices[0];
  const set: SetPrice[] = [...(base_price > 0 || first === undefined ? [{ time_ms: launched_ms, price: base_price > 0 ? base_price : reference_price }] : []), ...prices];
  const found = new Map<number, { x: number; days: number; enrollments: number }>();
  const cellOf = (x: number): { x: number; days: number; enrollments: number } => {
    const key = Math.floor(x / DEMAND_CELL_WIDTH);
    const cell = found.get(key) ?? { x, days: 0, enrollments: 0 };
    found.set(key, cell);
    return cell;
  };
  for (const [i, { time_ms, price }] of set.entries()) {
    const to_ms = Math.min(now_ms, set[i + 1]?.time_ms ?? now_ms);
    const days = decayedDays(Math.min(time_ms, i === 0 ? launched_ms : time_ms), to_ms, now_ms);
    if (!(days > 0) || !(price > 0)) continue;
    const x = Math.log(price / reference_price);
    const cell = cellOf(x);
    cell.x = (cell.x * cell.days + x * days) / (cell.days + days);
    cell.days += days;
  }
  for (let i = 0; i < cells.length; i += 3) cellOf(cells[i]!).enrollments += cells[i + 2]!;
  return Float64Array.from(
    [...found].sort(([a], [b]) => a - b).flatMap(([, { x, days, enrollments }]) => [x, VIEWS_A_DAY_ON_OFFER * (enrollments > 0 ? Math.max(OFFER_MIN_DAYS, days) : days), enrollments]),
  );
}
