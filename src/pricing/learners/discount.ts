/** How the log-odds of enrolling answer to log price, of one learner. */
export interface PriceEffect {
  readonly value: number;
  readonly se: number;
}

export interface Discount {
  readonly pct: number;
  /** Expected tokens that it gains, at the effect below. */
  readonly gain_tokens: number;
}

export const NO_DISCOUNT: Discount = { pct: 0, gain_tokens: 0 };

/** A discount must pay even if the learner heeds prices that many standard errors less than estimated. */
const CAUTION_SE = 1;
const PROBABILITY_MIN = 1e-9;

/** Expected tokens that a discount gains of a learner who enrolls with probability `enrollment` at `price_tokens`: p(1 − d)·σ(logit e + β·log(1 − d)) − p·e. */
export function discountGain(enrollment: number, price_tokens: number, effect: number, pct: number): number {
  const e = Math.min(1 - PROBABILITY_MIN, Math.max(PROBABILITY_MIN, enrollment));
  const kept = 1 - pct / 100;
  const then = 1 / (1 + ((1 - e) / e) * kept ** -effect);
  return price_tokens * (kept * then - e);
}

/** The effect that discounts are judged by: never one that has a learner buy more at a higher price. */
export function cautiousEffect({ value, se }: PriceEffect): number {
  return Math.min(0, value + CAUTION_SE * se);
}

/**
 * The discount, of all multiples of `step_pct` up to `max_pct`, that is expected to gain most tokens; none where that is below `gain_min_tokens`, or where nothing
 * is known of the effect. So it goes to learners whom a lower price brings, in proportion to what they bring: who would buy anyway gets none, and who buys in no
 * case has nothing to gain.
 */
export function bestDiscount(enrollment: number, price_tokens: number, effect: PriceEffect | null, limits: { readonly step_pct: number; readonly max_pct: number; readonly gain_min_tokens: number }): Discount {
  if (effect === null || !(price_tokens > 0)) return NO_DISCOUNT;
  const cautious = cautiousEffect(effect);
  let best = NO_DISCOUNT;
  for (let pct = limits.step_pct; pct <= limits.max_pct; pct += limits.step_pct) {
    const gain_tokens = discountGain(enrollment, price_tokens, cautious, pct);
    if (gain_tokens > best.gain_tokens && gain_tokens >= limits.gain_min_tokens) best = { pct, gain_tokens };
  }
  return best;
}
