import { assert } from "../lib/assert.ts";
import { sigmoid } from "../lib/linear-algebra.ts";
import { CELL_WIDTH } from "./inputs.ts";
import { truncatedMoments } from "./normal.ts";
import type { DemandPrior } from "./prior.ts";
import { demandNodes, type DemandNodes } from "./quadrature.ts";

const STEPS_MAX = 12;
const STEP_CAP = 1;
const TOLERANCE = 1e-8;
/** Logits beyond this are a conversion of 0 or 1 to the last bit of a double. */
const LEVEL_MAX = 60;

/** Posterior of logit s(z) = level − slope·z, z = log(price / current price), as a Gaussian truncated in the slope. */
export interface DemandPosterior {
  readonly prior: DemandPrior;
  readonly level: number;
  /** Of the level given the slope. */
  readonly level_sd: number;
  readonly slope: number;
  readonly slope_sd: number;
  /** Mode and deviation of the slope's Gaussian before its cut at slope_min. */
  readonly centre: number;
  readonly centre_sd: number;
  /** −d E[level | slope] / d slope. */
  readonly lean: number;
  /** False: Newton did not settle, so the slope is the prior's and only the level was fitted. */
  readonly converged: boolean;
  /** The course's own data say more about the slope than the prior does: they halve its variance. */
  readonly own_data: boolean;
  readonly nodes: DemandNodes;
}

/** Sums over the cells at one (level, slope): gradient and Hessian of the negative log posterior. Reused, never kept. */
const sums = { level: 0, slope: 0, level2: 0, cross: 0, slope2: 0 };

/**
 * Quasi-binomial: the data's part is divided by the over-dispersion φ, which widens the covariance by φ where the data
 * speak and leaves the prior as wide as it is. An enrollment without its exposure counts as one: n := max(n, q).
 */
function accumulate(prior: DemandPrior, cells: ArrayLike<number>, level: number, slope: number): void {
  let g0 = 0;
  let g1 = 0;
  let h00 = 0;
  let h01 = 0;
  let h11 = 0;
  for (let i = 0; i < cells.length; i += CELL_WIDTH) {
    const q = cells[i + 2]!;
    const n = Math.max(cells[i + 1]!, q);
    if (!(n > 0)) continue;
    const z = cells[i]! - prior.x_now;
    const s = sigmoid(level - slope * z);
    const residual = n * s - q;
    const information = n * s * (1 - s);
    g0 += residual;
    g1 -= z * residual;
    h00 += information;
    h01 -= z * information;
    h11 += z * z * information;
  }
  const weight = 1 / prior.dispersion;
  const level_precision = 1 / (prior.level_sd * prior.level_sd);
  const slope_precision = 1 / (prior.slope_sd * prior.slope_sd);
  sums.level = weight * g0 + (level - prior.level) * level_precision;
  sums.slope = weight * g1 + (slope - prior.slope) * slope_precision;
  sums.level2 = weight * h00 + level_precision;
  sums.cross = weight * h01;
  sums.slope2 = weight * h11 + slope_precision;
}

/** Mode of the level at a fixed slope: Newton kept inside a bracket of the monotone gradient, so it always arrives. */
function levelMode(prior: DemandPrior, cells: ArrayLike<number>, slope: number): number {
  let low = -LEVEL_MAX;
  let high = LEVEL_MAX;
  let level = prior.level;
  for (let step = 0; step < 60; step++) {
    accumulate(prior, cells, level, slope);
    if (sums.level > 0) high = level;
    else low = level;
    const newton = level - sums.level / sums.level2;
    const next = newton > low && newton < high ? newton : 0.5 * (low + high);
    const moved = Math.abs(next - level);
    level = next;
    if (moved < TOLERANCE) break;
  }
  return level;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

/**
 * Laplace posterior of a course's demand (SCIENCE section 2, streaming demand). Newton from the level-only mode under
 * slope ≥ slope_min: a step that would leave the half-plane stops at its edge, and the level moves to the best point
 * given the slope's step. At the edge the posterior of the slope is the tail of the Gaussian that the gradient there
 * implies, so data that would make demand rise with price end as "flat", with a finite width.
 */
export function demandPosterior(prior: DemandPrior, cells: ArrayLike<number>): DemandPosterior {
  assert(cells.length % CELL_WIDTH === 0, "demand cells come as x, exposures, enrollments");
  const start = levelMode(prior, cells, prior.slope);
  let level = start;
  let slope = prior.slope;
  let converged = false;
  for (let step = 0; step < STEPS_MAX && !converged; step++) {
    accumulate(prior, cells, level, slope);
    const determinant = sums.level2 * sums.slope2 - sums.cross * sums.cross;
    const free = (sums.cross * sums.level - sums.level2 * sums.slope) / determinant;
    const slope_step = Math.max(clamp(free, -STEP_CAP, STEP_CAP), prior.slope_min - slope);
    const level_step = clamp(-(sums.level + sums.cross * slope_step) / sums.level2, -STEP_CAP, STEP_CAP);
    slope += slope_step;
    level += level_step;
    // A NaN (a determinant lost to rounding) also ends here: not converged.
    converged = Math.abs(slope_step) < TOLERANCE && Math.abs(level_step) < TOLERANCE;
  }
  if (!converged) {
    level = start;
    slope = prior.slope;
  }
  accumulate(prior, cells, level, slope);
  const level_sd = 1 / Math.sqrt(sums.level2);
  const curvature = converged ? Math.max(sums.slope2 - (sums.cross * sums.cross) / sums.level2, 1e-300) : 1 / (prior.slope_sd * prior.slope_sd);
  const lean = converged ? sums.cross / sums.level2 : 0;
  const centre = converged ? slope - (sums.slope - lean * sums.level) / curvature : prior.slope;
  return assemble(prior, { level, slope, level_sd, centre, centre_sd: 1 / Math.sqrt(curvature), lean, converged });
}

/** A Gaussian fit: the level is `level` at `slope`, and moves by −lean with the slope. */
export interface DemandFit {
  readonly level: number;
  readonly slope: number;
  readonly level_sd: number;
  readonly centre: number;
  readonly centre_sd: number;
  readonly lean: number;
  readonly converged: boolean;
}

/** The posterior of a fit, its slope cut at slope_min. */
export function assemble(prior: DemandPrior, { level, slope, level_sd, centre, centre_sd, lean, converged }: DemandFit): DemandPosterior {
  const truncated = truncatedMoments(centre, centre_sd, prior.slope_min);
  const mean_level = level - lean * (truncated.mean - slope);
  return {
    prior,
    level: mean_level,
    level_sd,
    slope: truncated.mean,
    slope_sd: truncated.sd,
    centre,
    centre_sd,
    lean,
    converged,
    own_data: converged && 2 * truncated.sd * truncated.sd < prior.slope_sd * prior.slope_sd,
    nodes: demandNodes({ level: mean_level, level_sd, slope: truncated.mean, slope_sd: truncated.sd, lean, slope_min: prior.slope_min }),
  };
}
