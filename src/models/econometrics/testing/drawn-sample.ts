import { Prng } from "../../../lib/prng.ts";
import type { Fit, NotIdentified } from "../estimate.ts";
import { factorOf, type Sample } from "../sample.ts";

/** The fit, which must be one. */
export function identified<F extends { readonly identified: true }>(fit: F | NotIdentified): F {
  if (!fit.identified) throw new Error(fit.detail);
  return fit;
}

export interface Drawn {
  readonly rows?: number;
  readonly courses?: number;
  readonly weeks?: number;
  readonly effect?: number;
  /** Of the instruments on the price. */
  readonly strength?: number;
  readonly instruments?: number;
  readonly weighted?: boolean;
}

/** Prices that chase a hidden shock, moved by instruments, over courses and weeks with effects of their own. */
export function draw(seed: string, { rows = 120, courses = 12, weeks = 8, effect = -1.3, strength = 0.5, instruments = 1, weighted = false }: Drawn = {}): Sample {
  const random = new Prng(seed);
  const normals = (count: number): Float64Array => Float64Array.from({ length: count }, () => random.normal());
  const course = Int32Array.from({ length: rows }, (_, i) => i % courses);
  const week = Int32Array.from({ length: rows }, () => random.integer(weeks));
  const quality = normals(courses);
  const season = normals(weeks);
  const z = Array.from({ length: instruments }, () => normals(rows));
  const x = normals(rows);
  const clusterShock = normals(courses);
  const shock = Float64Array.from({ length: rows }, (_, i) => random.normal() + 0.5 * clusterShock[course[i]!]! * x[i]!);
  const price = Float64Array.from({ length: rows }, (_, i) => 3 + quality[course[i]!]! + 0.4 * season[week[i]!]! + 0.3 * x[i]! + z.reduce((sum, own) => sum + strength * own[i]!, 0) + 0.6 * shock[i]! + 0.4 * random.normal());
  const quantity = price.map((own, i) => 5 + effect * own + 1.5 * quality[course[i]!]! + 0.5 * season[week[i]!]! + 0.4 * x[i]! + shock[i]!);
  return {
    rows,
    outcome: { name: "quantity", values: quantity },
    treatment: { name: "price", values: price },
    controls: [{ name: "x", values: x }],
    instruments: z.map((values, i) => ({ name: `z${i}`, values })),
    fixed_effects: [factorOf("course", course), factorOf("week", week)],
    clusters: [factorOf("course", course)],
    ...(weighted && { weights: Float64Array.from({ length: rows }, () => 0.2 + random.uniform()) }),
  };
}

export function counts(sample: Sample, seed: string): Sample {
  const random = new Prng(seed);
  const offset = Float64Array.from({ length: sample.rows }, () => random.normal());
  const mean = Math.max(...sample.outcome.values);
  return { ...sample, offset, outcome: { name: "sales", values: sample.outcome.values.map((own, i) => random.poisson(Math.min(500, Math.exp((own - mean) / 3 + 2 + offset[i]!)))) } };
}

export function bare(sample: Sample): Sample {
  return { ...sample, fixed_effects: [], clusters: [] };
}

/** Largest relative difference of the treatment's estimate and error. */
export function gap(a: Fit, b: Fit, scale = 1): number {
  const relative = (x: number, y: number): number => Math.abs(x - y) / Math.abs(y);
  return Math.max(relative(a.treatment.estimate, b.treatment.estimate * scale), relative(a.treatment.se, b.treatment.se * Math.abs(scale)));
}
