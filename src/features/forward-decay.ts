import { exp } from "../lib/exp-log.ts";

/**
 * Forward decay (Cormode, Shkapenyuk, Srivastava, Xu 2009): an event at t weighs exp(λ(t − L)) for ever, and a read at
 * `now` divides by exp(λ(now − L)). Late and reordered events therefore give the same sums as ordered ones. The landmark
 * L never moves: weights stay finite for about 1,000 half-lives after it, 160 years at 60 days.
 */
export const DECAY_LANDMARK_MS = 1_577_836_800_000; // 2020-01-01T00:00:00Z

const LN2 = 0.6931471805599453;

/** λ of a half-life, per millisecond. */
export function decayRate(half_life_ms: number): number {
  return LN2 / half_life_ms;
}

/** What an event at `time_ms` adds to a decayed sum. */
export function decayWeight(rate: number, time_ms: number): number {
  return exp(rate * (time_ms - DECAY_LANDMARK_MS));
}

/** What a decayed sum is multiplied by to read it at `now_ms`. */
export function decayScale(rate: number, now_ms: number): number {
  return exp(-rate * (now_ms - DECAY_LANDMARK_MS));
}
