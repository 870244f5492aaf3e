import { assert } from "../lib/assert.ts";

/** Counts of one course in several periods, each with what it is expected to be proportional to. */
export interface CourseCounts {
  readonly category: string;
  readonly counts: Float64Array;
  /** Positive: exposures, or a model's expected counts. */
  readonly offsets: Float64Array;
}

/** Fewer degrees of freedom than this and a category takes the pooled over-dispersion. */
const FREEDOM_MIN = 30;
const DISPERSION_MAX = 20;

/**
 * Over-dispersion φ of counts given a course effect, per category and pooled under "": Pearson's χ² against the
 * multinomial with the course's own total, whose expectation is exactly periods − 1, over that expectation. At least 1.
 */
export function overDispersion(courses: readonly CourseCounts[]): Map<string, number> {
  const chi = new Map<string, { square: number; freedom: number }>();
  const pooled = { square: 0, freedom: 0 };
  for (const course of courses) {
    assert(course.counts.length === course.offsets.length, "every count needs its offset");
    let total = 0;
    let offset = 0;
    for (let i = 0; i < course.counts.length; i++) {
      total += course.counts[i]!;
      offset += course.offsets[i]!;
    }
    if (total === 0 || course.counts.length < 2) continue;
    let square = 0;
    for (let i = 0; i < course.counts.length; i++) {
      const mean = (total * course.offsets[i]!) / offset;
      square += (course.counts[i]! - mean) ** 2 / mean;
    }
    let own = chi.get(course.category);
    if (own === undefined) chi.set(course.category, (own = { square: 0, freedom: 0 }));
    own.square += square;
    own.freedom += course.counts.length - 1;
    pooled.square += square;
    pooled.freedom += course.counts.length - 1;
  }
  const ratio = ({ square, freedom }: { square: number; freedom: number }): number => Math.min(DISPERSION_MAX, Math.max(1, freedom > 0 ? square / freedom : 1));
  const dispersion = new Map([["", ratio(pooled)]]);
  for (const [category, own] of chi) dispersion.set(category, own.freedom >= FREEDOM_MIN ? ratio(own) : ratio(pooled));
  return dispersion;
}

/** Bounds of the level's standard deviation: a course is never known exactly, nor believed to be anywhere. */
const LEVEL_SD_MIN = 0.1;
const LEVEL_SD_MAX = 1.5;

/**
 * Standard deviation between courses of log(true rate / predicted rate), by moments: with Q ~ (Λ·e^u, variance φ·mean),
 * E(Q − Λ)² = φΛ + Λ²(e^{s²} − 1). Λ is first scaled to the total. `conversion` turns the log scale into the logit's.
 */
export function levelSd(courses: readonly CourseCounts[], dispersion: ReadonlyMap<string, number>, conversion: number): number {
  const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
  let counted = 0;
  let expected = 0;
  for (const course of courses) {
    counted += sum(course.counts);
    expected += sum(course.offsets);
  }
  if (!(expected > 0) || counted === 0) return LEVEL_SD_MAX;
  const scale = counted / expected;
  let excess = 0;
  let squares = 0;
  for (const course of courses) {
    const mean = scale * sum(course.offsets);
    excess += (sum(course.counts) - mean) ** 2 - (dispersion.get(course.category) ?? dispersion.get("") ?? 1) * mean;
    squares += mean * mean;
  }
  const variance = Math.log1p(Math.max(0, excess / squares));
  return Math.min(LEVEL_SD_MAX, Math.max(LEVEL_SD_MIN, Math.sqrt(variance) / (1 - Math.min(conversion, 0.9))));
}
