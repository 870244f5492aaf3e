import { Prng } from "../lib/prng.ts";
import { DAY_MS } from "../lib/time.ts";
import type { PlatformConfig } from "./config.ts";

export const WEEK_MS = 7 * DAY_MS;
/** Weeks drawn beyond the history for live traffic; after them the shocks stand still. */
const WEEKS_BEYOND = 52;
const PERSISTENCE = 0.85;
const HIDDEN_SD = 0.3;
const CATEGORY_SD = 0.2;
const COMPETITOR_SD = 0.08;

const INNOVATION = Math.sqrt(1 - PERSISTENCE * PERSISTENCE);

/** Demand shocks by week. ξ_ct = category shock (competitors' prices follow it, so it shows) + hidden course shock. */
export interface Shocks {
  readonly weeks: number;
  /** Categories × weeks. */
  readonly category: Float64Array;
  /** Log competitor price relative to the category's price level, categories × weeks. */
  readonly competitor: Float64Array;
  /** Courses × weeks. */
  readonly hidden: Float32Array;
}

/** A stationary AR(1) path of unit variance, scaled. */
function drawPath(random: Prng, into: Float64Array | Float32Array, from: number, weeks: number, sd: number): void {
  let state = random.normal();
  for (let week = 0; week < weeks; week++) {
    into[from + week] = sd * state;
    state = PERSISTENCE * state + INNOVATION * random.normal();
  }
}

export function drawShocks(config: PlatformConfig, categories: number): Shocks {
  const weeks = config.weeks + WEEKS_BEYOND;
  const shocks: Shocks = {
    weeks,
    category: new Float64Array(categories * weeks),
    competitor: new Float64Array(categories * weeks),
    hidden: new Float32Array(config.courses * weeks),
  };
  const random = new Prng(`${config.seed}:shocks`);
  for (let k = 0; k < categories; k++) {
    drawPath(random, shocks.category, k * weeks, weeks, CATEGORY_SD);
    drawPath(random, shocks.competitor, k * weeks, weeks, COMPETITOR_SD);
    for (let week = 0; week < weeks; week++) shocks.competitor[k * weeks + week]! += 0.5 * shocks.category[k * weeks + week]!;
  }
  for (let c = 0; c < config.courses; c++) drawPath(random, shocks.hidden, c * weeks, weeks, HIDDEN_SD);
  return shocks;
}

/** The week's column for a time: before the history the first, long after it the last. */
export function weekAt(shocks: Shocks, start_ms: number, at_ms: number): number {
  return Math.max(0, Math.min(shocks.weeks - 1, Math.floor((at_ms - start_ms) / WEEK_MS)));
}

/** The season that everybody sees: a yearly and a weekly wave. */
export function seasonAt(at_ms: number): number {
  return 0.2 * Math.sin((2 * Math.PI * at_ms) / (365.25 * DAY_MS)) + 0.08 * Math.cos((2 * Math.PI * at_ms) / WEEK_MS);
}
