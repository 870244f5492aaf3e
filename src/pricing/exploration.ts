import type { PriceExploration } from "../contracts/api.ts";
import type { Exploration, Rounding } from "../contracts/policy.ts";
import { logit } from "../lib/linear-algebra.ts";
import { Prng } from "../lib/prng.ts";
import { HOUR_MS } from "../lib/time.ts";
import type { Blend } from "./blend.ts";
import { normalCdf, normalQuantile } from "./normal.ts";
import type { DemandPosterior } from "./posterior.ts";
import { preimageOf, roundWithin } from "./rounding.ts";

/** Nodes of the integral over slopes. */
const SLOPES = 64;

/** A whole price that was drawn, and how likely just this one was. */
export interface DrawnPrice {
  readonly price: number;
  readonly exploration: PriceExploration;
}

export interface DrawSettings {
  readonly exploration: Exploration;
  readonly rounding: Rounding;
  readonly course_id: string;
  readonly now_ms: number;
  /** Whole prices that a draw may come out at. */
  readonly min: number;
  readonly max: number;
  /** What the price would be without a draw, before rounding. */
  readonly pre_price: number;
  readonly posterior: DemandPosterior;
  /** How the elasticity strategy's price becomes the target. */
  readonly blend: Blend;
  /** What an enrollment costs, for the price that a drawn curve earns most at. */
  readonly cost_tokens: number;
}

/** A course's own random numbers for the period that holds `now_ms`: the same at every call, on every host. */
function randomOf({ course_id, now_ms }: DrawSettings, seed: number, period_hours: number): Prng {
  return new Prng(`${seed}:${course_id}:${Math.floor(now_ms / (period_hours * HOUR_MS))}`);
}

/**
 * A price drawn as the policy asks, rounded inside what guardrails allow, with the exact probability of the integer that came out: a draw is monotone in
 * its random numbers and so is all that follows, so each integer's share is that of an interval. undefined: nothing explores, or only one price is open.
 */
export function drawPrice(settings: DrawSettings): DrawnPrice | undefined {
  const { exploration, rounding, min, max, pre_price } = settings;
  if (exploration.kind === "none" || min >= max) return undefined;
  const random = randomOf(settings, exploration.seed, exploration.period_hours);
  const target = exploration.kind === "jitter" ? pre_price * Math.exp(exploration.sigma * normalQuantile(random.uniform())) : thompsonTarget(settings, random);
  const price = roundWithin(rounding, target, min, max);
  if (price === undefined) return undefined;
  const probability = probabilityOf(settings, price);
  return { price, exploration: exploration.kind === "jitter" ? { kind: "jitter", pre_price, sigma: exploration.sigma, probability } : { kind: "thompson", pre_price, probability } };
}

/** The exact probability that a draw comes out at a whole price; 0 where it never does. */
export function probabilityOf(settings: DrawSettings, price: number): number {
  const { exploration, rounding, min, max, pre_price } = settings;
  if (price < min || price > max || roundWithin(rounding, price, min, max) !== price) return 0;
  const { low, high } = preimageOf(rounding, price, min, max);
  if (exploration.kind !== "jitter") return thompsonShare(settings, low, high);
  const below = (edge: number): number => normalCdf(Math.log(edge / pre_price) / exploration.sigma);
  return clampedDifference(below(high), below(low));
}

function clampedDifference(high: number, low: number): number {
  return Math.min(1, Math.max(0, high - low));
}

/**
 * The level at which a demand curve of slope b earns most at price p (per view, at a cost of c): the first-order condition b·(1 − c/p)·(1 − s) = 1 solved for
 * the level. It rises with p; −∞ where even the lowest level earns more further up.
 */
function levelOfOptimum(price: number, slope: number, cost_tokens: number, current: number): number {
  const pull = slope * (1 - cost_tokens / price);
  return pull > 1 ? slope * Math.log(price / current) + logit(1 - 1 / pull) : Number.NEGATIVE_INFINITY;
}

/** The price that a demand curve earns most at, by bisection in log price; closed form without a cost. */
function optimumOf(level: number, slope: number, cost_tokens: number, current: number): number {
  if (cost_tokens === 0) return slope > 1 ? current * Math.exp((level - logit(1 - 1 / slope)) / slope) : Number.POSITIVE_INFINITY;
  let low = Math.log(Math.max(1, cost_tokens) / current) - 1;
  let high = low + 40;
  for (let step = 0; step < 50; step++) {
    const middle = 0.5 * (low + high);
    if (levelOfOptimum(current * Math.exp(middle), slope, cost_tokens, current) < level) low = middle;
    else high = middle;
  }
  return current * Math.exp(high);
}

/** Slope at a quantile of its posterior, a Gaussian that ends at slope_min. */
function slopeAt({ centre, centre_sd, prior }: DemandPosterior, quantile: number): number {
  const cut = normalCdf((prior.slope_min - centre) / centre_sd);
  const at = cut + (1 - cut) * quantile;
  // Far in the tail nothing is left to tell quantiles apart by.
  return at >= 1 || at <= 0 ? prior.slope_min : Math.max(prior.slope_min, centre + centre_sd * normalQuantile(at));
}

function levelGiven({ level, lean, slope: mean_slope }: DemandPosterior, slope: number): number {
  return level - lean * (slope - mean_slope);
}

function thompsonTarget({ posterior, blend, cost_tokens }: DrawSettings, random: Prng): number {
  const slope = slopeAt(posterior, random.uniform());
  const level = levelGiven(posterior, slope) + posterior.level_sd * normalQuantile(random.uniform());
  return blend.targetOf(optimumOf(level, slope, cost_tokens, posterior.prior.current_price));
}

/** Probability that Thompson's target falls in [low, high): over level in closed form, over slope by the midpoint rule on its quantiles. */
function thompsonShare({ posterior, blend, cost_tokens }: DrawSettings, low: number, high: number): number {
  const current = posterior.prior.current_price;
  const from = low === 0 ? 0 : blend.elasticityPriceOf(low);
  const to = high === Number.POSITIVE_INFINITY ? high : blend.elasticityPriceOf(high);
  let share = 0;
  for (let k = 0; k < SLOPES; k++) {
    const slope = slopeAt(posterior, (k + 0.5) / SLOPES);
    const mean = levelGiven(posterior, slope);
    const below = (price: number): number => normalCdf((levelOfOptimum(price, slope, cost_tokens, current) - mean) / posterior.level_sd);
    share += (to === Number.POSITIVE_INFINITY ? 1 : below(to)) - (from === 0 ? 0 : below(from));
  }
  return Math.min(1, Math.max(0, share / SLOPES));
}
