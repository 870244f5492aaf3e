const Z95 = 1.959963984540054;

export type ElasticityType = "elastic" | "inelastic" | "unit";

export interface ElasticityReading {
  readonly ci95: [low: number, high: number];
  readonly type: ElasticityType;
}

/**
 * The 95 % interval of an elasticity, and on which side of −1 demand lies: "unit" when the interval holds −1, for then the data cannot tell. `at_most`
 * bounds the interval where the value is known to: a demand curve that never rises.
 */
export function readElasticity(value: number, sd: number, at_most = Number.POSITIVE_INFINITY): ElasticityReading {
  const low = value - Z95 * sd;
  const high = Math.min(at_most, value + Z95 * sd);
  return { ci95: [low, high], type: low <= -1 && high >= -1 ? "unit" : high < -1 ? "elastic" : "inelastic" };
}
