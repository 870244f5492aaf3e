import { CELL_WIDTH } from "./inputs.ts";
import { assemble, type DemandPosterior, demandPosterior } from "./posterior.ts";
import type { DemandPrior } from "./prior.ts";

/** How far the slope that prices in all show may lie from the one that a price has: whoever follows demand with weight ρ makes it seem to rise with the price by 1/ρ. Sd on the logit scale. */
const CONFOUNDING_SD = 2;
/**
 * Share of a course's views and of its enrollments at list prices with a random part from which on prices in all are not trusted with the slope. Below, most is known from
 * prices that no setter of list prices chose.
 */
const JITTERED_SHARE_MIN = 0.5;
/** Of the level that the comparison between random parts has for itself: nearly nothing is known of it. */
const OWN_LEVEL_SD = 5;

/** Sum over cells: of their exposures (1) or enrollments (2). */
function total(cells: ArrayLike<number>, of: 1 | 2): number {
  let sum = 0;
  for (let i = of; i < cells.length; i += CELL_WIDTH) sum += cells[i]!;
  return sum;
}

/** Whether most of what is known of a course was seen and paid at prices that differ by chance. */
export function isJittered(cells: ArrayLike<number>, jitter_cells: ArrayLike<number>): boolean {
  return jitter_cells.length > CELL_WIDTH && total(jitter_cells, 1) >= JITTERED_SHARE_MIN * total(cells, 1) && total(jitter_cells, 2) >= JITTERED_SHARE_MIN * total(cells, 2);
}

/** The slope as the random parts of prices say: of the same sales, with a level of their own that drops out. */
function slopeOfJitter(prior: DemandPrior, jitter_cells: ArrayLike<number>): DemandPosterior {
  // Random parts lie around 0; the level there is the average of whatever was asked.
  return demandPosterior({ ...prior, x_now: 0, level_sd: OWN_LEVEL_SD }, jitter_cells);
}

/**
 * Posterior of a course whose prices have a random part. What follows demand moves with the rest of the price: over all prices logit s = level − β·z with
 * β = b + c, c ~ N(0, σ_c²) for what the price setter follows. The random parts are compared for b alone; then the cells of all prices are fitted for level and β, from
 * N(b̂, sd_b² + σ_c²), and what they say of β reaches b through the joint Gaussian of the two. Sales stand in both, but of the second b learns at most 1/σ_c².
 */
export function jitteredPosterior(prior: DemandPrior, cells: ArrayLike<number>, jitter_cells: ArrayLike<number>): DemandPosterior {
  const own = slopeOfJitter(prior, jitter_cells);
  const variance = own.centre_sd * own.centre_sd;
  const total = variance + CONFOUNDING_SD * CONFOUNDING_SD;
  const all = demandPosterior({ ...prior, slope: Math.max(prior.slope_min, own.centre), slope_sd: Math.sqrt(total) }, cells);
  // b | β: the regression of the one on the other before the cells of all prices are seen.
  const gain = variance / total;
  const beta_variance = all.centre_sd * all.centre_sd;
  const centre = own.centre + gain * (all.centre - own.centre);
  const slope_variance = variance * (1 - gain) + gain * gain * beta_variance;
  const covariance = gain * beta_variance;
  const beta_given_slope = Math.max(0, beta_variance - (covariance * covariance) / slope_variance);
  return assemble(prior, {
    level: all.level - all.lean * (all.centre - all.slope),
    slope: centre,
    level_sd: Math.sqrt(all.level_sd * all.level_sd + all.lean * all.lean * beta_given_slope),
    centre,
    centre_sd: Math.sqrt(slope_variance),
    lean: (all.lean * covariance) / slope_variance,
    converged: own.converged && all.converged,
  });
}
