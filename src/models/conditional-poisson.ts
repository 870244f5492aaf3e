import type { CourseCounts } from "./course-effects.ts";
import type { Estimate } from "./shrinkage.ts";

/** One course in one period at randomised prices. */
export interface JitterRow {
  readonly course_id: string;
  readonly category: string;
  /** Exposure-weighted mean of log(price / price before the random part). */
  readonly jitter: number;
  readonly exposures: number;
  readonly enrollments: number;
}

/** A course that says something: counts are its enrollments, offsets its exposures. */
export interface JitteredCourse extends CourseCounts {
  readonly jitter: Float64Array;
  readonly total: number;
}

/** What one course says of elasticity at a value e: the score and the information of its conditional likelihood. */
export interface Evidence {
  score: number;
  information: number;
}

/**
 * Rows by course. A row with more enrollments than exposures lost exposures, and its offset would hide the effect of
 * price: it is left out. So is a course that never sold or has one period: conditionally it says nothing.
 */
export function groupCourses(rows: readonly JitterRow[]): JitteredCourse[] {
  const byCourse = new Map<string, JitterRow[]>();
  for (const row of rows) {
    if (!(row.exposures > 0) || row.enrollments > row.exposures) continue;
    const own = byCourse.get(row.course_id);
    if (own === undefined) byCourse.set(row.course_id, [row]);
    else own.push(row);
  }
  const courses: JitteredCourse[] = [];
  for (const own of byCourse.values()) {
    const counts = Float64Array.from(own, (row) => row.enrollments);
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (own.length < 2 || total === 0) continue;
    courses.push({ category: own[0]!.category, counts, offsets: Float64Array.from(own, (row) => row.exposures), jitter: Float64Array.from(own, (row) => row.jitter), total });
  }
  return courses;
}

/**
 * Poisson with a course effect, given the course's total, is a multinomial with shares ∝ exposures·exp(e·v) (Hausman,
 * Hall, Griliches 1984): score Σ q·v − Q·v̄(e), information Q·Var(v), both under those shares.
 */
export function evidence(course: JitteredCourse, e: number, out: Evidence): void {
  let weight = 0;
  let first = 0;
  let second = 0;
  let sold = 0;
  for (let i = 0; i < course.counts.length; i++) {
    const v = course.jitter[i]!;
    const w = course.offsets[i]! * Math.exp(e * v);
    weight += w;
    first += w * v;
    second += w * v * v;
    sold += course.counts[i]! * v;
  }
  const mean = first / weight;
  out.score = sold - course.total * mean;
  out.information = course.total * Math.max(0, second / weight - mean * mean);
}

export interface CategoryFit extends Estimate {
  readonly courses: readonly JitteredCourse[];
  readonly information: number;
}

/** Newton on the summed conditional likelihood, with standard errors clustered by course; undefined without evidence. */
export function fitConditionalPoisson(courses: readonly JitteredCourse[]): CategoryFit | undefined {
  const own: Evidence = { score: 0, information: 0 };
  let e = 0;
  let converged = false;
  for (let step = 0; step < 50 && !converged; step++) {
    let score = 0;
    let information = 0;
    for (const course of courses) {
      evidence(course, e, own);
      score += own.score;
      information += own.information;
    }
    if (!(information > 1e-9)) return undefined;
    const change = Math.max(-1, Math.min(1, score / information));
    e += change;
    if (Math.abs(e) > 50) return undefined; // separated: every sale at one price
    converged = Math.abs(change) < 1e-10;
  }
  let information = 0;
  let squares = 0;
  let clusters = 0;
  for (const course of courses) {
    evidence(course, e, own);
    information += own.information;
    squares += own.score * own.score;
    if (own.information > 0) clusters++;
  }
  if (!converged || clusters < 2) return undefined;
  const sandwich = ((clusters / (clusters - 1)) * squares) / (information * information);
  // A few clusters can agree by chance; no estimate is surer than Poisson counts allow.
  return { courses, value: e, variance: Math.max(sandwich, 1 / information), information };
}
