import type { Priority, RiskLevel, Segment } from "../../contracts/segments.ts";

/** Lower ends, each of them included: every score from 0 to 1 lies in exactly one bin. */
const HOT = 0.7;
const WARM = 0.5;
const COLD = 0.3;
const HIGH_RISK = 0.7;
const MEDIUM_RISK = 0.4;

export function segmentOf(enrollment: number): Segment {
  return enrollment >= HOT ? "hot" : enrollment >= WARM ? "warm" : enrollment >= COLD ? "cold" : "dormant";
}

export function riskLevelOf(churn: number): RiskLevel {
  return churn >= HIGH_RISK ? "high" : churn >= MEDIUM_RISK ? "medium" : "low";
}

/** Values at risk that a third, and two thirds, of the learners do not exceed. */
export interface Terciles {
  readonly medium: number;
  readonly high: number;
}

/** Of any values; without one, everything above 0 is high. */
export function tercilesOf(values: readonly number[]): Terciles {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { medium: at(1 / 3), high: at(2 / 3) };
}

/** Where many are equal they share the lower priority. */
export function priorityOf(value: number, { medium, high }: Terciles): Priority {
  return value > high ? "high" : value > medium ? "medium" : "low";
}
