/**
 * Seeded random numbers: sfc32 (Doty-Humphrey; passes PractRand), seeded through splitmix32 from a text, so that
 * every stream of randomness is named and independent of the others.
 */
export class Prng {
  #a = 0;
  #b = 0;
  #c = 0;
  #counter = 1;
  #spare = Number.NaN;

  constructor(seed: number | string) {
    let state = hash32(String(seed));
    const next = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let t = state ^ (state >>> 16);
      t = Math.imul(t, 0x21f0aaad);
      t ^= t >>> 15;
      t = Math.imul(t, 0x735a2d97);
      return (t ^ (t >>> 15)) | 0;
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** A whole number in [0, 2^32). */
  uint32(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + t) | 0;
    return t >>> 0;
  }

  /** Uniform in (0, 1), never 0 and never 1. */
  uniform(): number {
    return (this.uint32() + 0.5) / 4294967296;
  }

  /** A whole number in [0, bound). */
  integer(bound: number): number {
    return Math.floor(this.uniform() * bound);
  }

  /** Standard normal (Marsaglia's polar method). */
  normal(): number {
    if (!Number.isNaN(this.#spare)) {
      const kept = this.#spare;
      this.#spare = Number.NaN;
      return kept;
    }
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const square = u * u + v * v;
      if (square >= 1 || square === 0) continue;
      const factor = Math.sqrt((-2 * Math.log(square)) / square);
      this.#spare = v * factor;
      return u * factor;
    }
  }

  exponential(rate: number): number {
    return -Math.log(this.uniform()) / rate;
  }

  /** Gamma with shape and scale (Marsaglia, Tsang 2000; boosted below shape 1). */
  gamma(shape: number, scale: number): number {
    if (shape < 1) return this.gamma(shape + 1, scale) * this.uniform() ** (1 / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const v = (1 + c * x) ** 3;
      if (v <= 0) continue;
      if (Math.log(this.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v * scale;
    }
  }

  /** Poisson: by inversion for small means, by a gamma split for large ones (Ahrens, Dieter 1974). */
  poisson(mean: number): number {
    let total = 0;
    while (mean > 12) {
      const half = Math.floor((7 * mean) / 8);
      const waiting = this.gamma(half, 1);
      if (waiting > mean) return total + this.binomial(half - 1, mean / waiting);
      total += half;
      mean -= waiting;
    }
    let product = this.uniform();
    const limit = Math.exp(-mean);
    while (product > limit) {
      product *= this.uniform();
      total++;
    }
    return total;
  }

  /** Binomial by counting: for the small n that the Poisson split leaves. */
  binomial(n: number, p: number): number {
    let hits = 0;
    for (let i = 0; i < n; i++) if (this.uniform() < p) hits++;
    return hits;
  }
}

/** FNV-1a over UTF-16 units with a final avalanche: 32 well-mixed bits of a text. */
export function hash32(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
