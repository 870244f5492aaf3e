import { logit } from "../lib/linear-algebra.ts";
import { CELL_WIDTH, feature, featureAt, type PricingInputs } from "./inputs.ts";
import type { DemandPosterior } from "./posterior.ts";
import type { DemandPrior } from "./prior.ts";
import { conversionAt } from "./quadrature.ts";

/** Recent sales that what was known before does not explain. */
export interface DemandBreak {
  readonly days: 1 | 7;
  readonly enrollments: number;
  readonly expected: number;
  /** Predictive standard deviations, below 0 for fewer than expected. */
  readonly surprise: number;
}

/** From so many predictive standard deviations on demand has changed: chance does that to one course in 16,000 at a time. */
const BREAK = 4;
/** Below so many enrollments, seen or expected, a normal deviation says nothing. */
const ENROLLMENTS_MIN = 10;
/** Log ratio to the current price beyond which sales say nothing of it. */
const OTHER_PRICE = 0.1;
/** Tiles are counted from the one that the window begins in: the price must have stood for that, too. */
const TILE_DAYS = { 1: 1 / 24, 7: 1 } as const;

const windows = [
  { days: 1, exposures: featureAt.exposures_24h, enrollments: featureAt.enrollments_24h },
  { days: 7, exposures: featureAt.exposures_7d, enrollments: featureAt.enrollments_7d },
] as const;

/** Whether the last week's enrollments were, on average, at about the current price: what sells at other prices is for the cells to say. */
function soldAtCurrentPrice(inputs: PricingInputs): boolean {
  const enrollments = feature(inputs, featureAt.enrollments_7d);
  const revenue = feature(inputs, featureAt.revenue_7d_tokens);
  return enrollments === 0 || Math.abs(Math.log(revenue / enrollments / inputs.current_price)) <= OTHER_PRICE;
}

/**
 * The most surprising of the windows in which the price has not changed and was the one that was paid; undefined when none is. A course priced by its time on offer
 * has no windows of exposures.
 */
export function demandBreak(inputs: PricingInputs, posterior: DemandPosterior): DemandBreak | undefined {
  if (inputs.exposure !== "views" || !soldAtCurrentPrice(inputs)) return undefined;
  const stood_days = feature(inputs, featureAt.days_since_repriced);
  let found: DemandBreak | undefined;
  for (const window of windows) {
    if (stood_days < window.days + TILE_DAYS[window.days]) continue;
    const q = feature(inputs, window.enrollments);
    const n = Math.max(feature(inputs, window.exposures), q);
    if (!(n > 0)) continue;
    const { mean, sd } = conversionAt(posterior.nodes, 0);
    const expected = n * mean;
    if (Math.max(q, expected) < ENROLLMENTS_MIN) continue;
    const deviation = Math.sqrt(posterior.prior.dispersion * expected * (1 - mean) + n * n * sd * sd);
    const surprise = deviation > 0 ? (q - expected) / deviation : 0;
    if (Math.abs(surprise) < BREAK || Math.abs(surprise) <= Math.abs(found?.surprise ?? 0)) continue;
    found = { days: window.days, enrollments: q, expected, surprise };
  }
  return found;
}

/**
 * Evidence and prior after a break. What was known before is as unsure as the level has moved: the prior's level is, and the cells are tempered until their information on
 * it is 1/Δ², Δ the move in log-odds. The recent sales stand beside them in full, at the current price. So the posterior is wider, and follows.
 */
export function afterBreak(inputs: PricingInputs, { prior, nodes }: DemandPosterior, found: DemandBreak): { prior: DemandPrior; cells: Float64Array } {
  const exposures = Math.max(found.enrollments, feature(inputs, found.days === 1 ? featureAt.exposures_24h : featureAt.exposures_7d));
  // Half a sale and half a refusal more, so that none or all is no infinity.
  const moved = logit((found.enrollments + 0.5) / (exposures + 1)) - logit(conversionAt(nodes, 0).mean);
  const { cells } = inputs;
  let information = 0;
  for (let i = 0; i < cells.length; i += CELL_WIDTH) {
    const n = Math.max(cells[i + 1]!, cells[i + 2]!);
    const { mean } = conversionAt(nodes, cells[i]! - prior.x_now);
    information += (n * mean * (1 - mean)) / prior.dispersion;
  }
  const weight = information > 0 ? Math.min(1, 1 / (moved * moved * information)) : 1;
  const tempered = new Float64Array(cells.length + CELL_WIDTH);
  for (let i = 0; i < cells.length; i += CELL_WIDTH) {
    tempered[i] = cells[i]!;
    tempered[i + 1] = weight * cells[i + 1]!;
    tempered[i + 2] = weight * cells[i + 2]!;
  }
  tempered.set([prior.x_now, exposures, found.enrollments], cells.length);
  return { prior: { ...prior, level_sd: Math.hypot(prior.level_sd, moved) }, cells: tempered };
}
