import { normalCdf } from "../normal.ts";

/** Gauss–Legendre on [−1, 1], 20 nodes: those above 0, and their weights (Abramowitz, Stegun, table 25.4). */
const NODES = [0.0765265211334973, 0.2277858511416451, 0.3737060887154196, 0.5108670019508271, 0.636053680726515, 0.7463319064601508, 0.8391169718222188, 0.912234428251326, 0.9639719272779138, 0.9931285991850949];
const WEIGHTS = [0.1527533871307258, 0.1491729864726037, 0.142096109318382, 0.1316886384491766, 0.1181945319615184, 0.1019301198172404, 0.0832767415767047, 0.0626720483341091, 0.0406014298003869, 0.0176140071391521];

/**
 * P(X > h, Y > k) of standard normals with correlation ρ (Drezner, Wesolowsky 1990): Φ(−h)Φ(−k) + (1/2π)∫₀^asin ρ exp(−(h² + k² − 2hk·sin θ)/(2cos² θ)) dθ. To about 1e-7,
 * the error of Φ here, for |ρ| ≤ 0.95.
 */
export function bothAbove(h: number, k: number, rho: number): number {
  const half = Math.asin(rho) / 2;
  let sum = 0;
  for (let i = 0; i < NODES.length; i++) {
    for (const node of [NODES[i]!, -NODES[i]!]) {
      const sine = Math.sin(half * (1 + node));
      sum += WEIGHTS[i]! * Math.exp(-(h * h + k * k - 2 * h * k * sine) / (2 * (1 - sine * sine)));
    }
  }
  return normalCdf(-h) * normalCdf(-k) + (half * sum) / (2 * Math.PI);
}
