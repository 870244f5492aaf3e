import type { Artifact, ElasticityEstimate } from "../contracts/artifact.ts";
import { evidence, fitConditionalPoisson, groupCourses, type CategoryFit, type Evidence, type JitteredCourse, type JitterRow } from "./conditional-poisson.ts";
import { overDispersion, type CourseCounts } from "./course-effects.ts";
import { shrink } from "./shrinkage.ts";

export type ElasticityReport = Artifact["elasticity"];

/** Without usable jitter this is all that is known: demand falls with price, a little more than in proportion. */
const PRIOR = { value: -1.5, se: 0.6 };
/** Spread of elasticities that is assumed until the data say otherwise. */
const TAU_PRIOR = 0.3;
const TAU_COURSE_MIN = 0.15;
const TAU_COURSE_MAX = 0.6;
/** Standard deviation of the prior on τ² of courses, which the moment estimate is weighed against. */
const TAU2_PRIOR_SD = 0.1;
const JITTER_SD_MIN = 0.005;
const SE_MAX = 1.5;

/**
 * τ of courses around their category by moments of the scores: E U² = φI(1 − I/ΣI) + τ²I². Weighed against a prior,
 * because with few sales a course the moment says little.
 */
function courseSpread(fits: readonly CategoryFit[], dispersion: ReadonlyMap<string, number>): number {
  const own: Evidence = { score: 0, information: 0 };
  let excess = 0;
  let excess2 = 0;
  let squares = 0;
  for (const fit of fits) {
    for (const course of fit.courses) {
      evidence(course, fit.value, own);
      const phi = dispersion.get(course.category) ?? 1;
      const term = own.score ** 2 - phi * own.information * (1 - own.information / fit.information);
      excess += term;
      excess2 += term * term;
      squares += own.information ** 2;
    }
  }
  if (!(squares > 0)) return TAU_PRIOR;
  const moment = excess / squares;
  const variance = excess2 / (squares * squares);
  const weight = TAU2_PRIOR_SD ** 2 / (TAU2_PRIOR_SD ** 2 + variance);
  const tau = Math.sqrt(Math.max(0, weight * moment + (1 - weight) * TAU_PRIOR ** 2));
  return Math.min(TAU_COURSE_MAX, Math.max(TAU_COURSE_MIN, tau));
}

/** Standard deviation of jitter within courses, over exposures. */
function jitterSd(courses: readonly JitteredCourse[]): number {
  const own: Evidence = { score: 0, information: 0 };
  let variance = 0;
  let total = 0;
  for (const course of courses) {
    evidence(course, 0, own);
    variance += own.information;
    total += course.total;
  }
  return total > 0 ? Math.sqrt(variance / total) : 0;
}

function notIdentified(sales: ReadonlyMap<string, number>): ElasticityReport {
  const unknown = (sold: number): ElasticityEstimate => ({ ...PRIOR, sales: sold, identified: false, source: "prior" });
  let total = 0;
  for (const sold of sales.values()) total += sold;
  return {
    global: unknown(total),
    tau_category: TAU_PRIOR,
    tau_course: TAU_PRIOR,
    categories: Object.fromEntries([...sales].map(([category, sold]) => [category, unknown(sold)])),
  };
}

/**
 * The causal elasticity of enrollments per exposure, d log q / d log p, from the random part of prices alone: per
 * category by conditional Poisson, then shrunk to the common mean. Level, season, quality and whatever the price setter
 * chases drop out or are independent of the jitter. Without usable jitter: the prior, `identified` false.
 */
export function estimateElasticity(rows: readonly JitterRow[]): ElasticityReport {
  const sales = new Map<string, number>();
  for (const row of rows) sales.set(row.category, (sales.get(row.category) ?? 0) + row.enrollments);
  const courses = groupCourses(rows);
  if (jitterSd(courses) < JITTER_SD_MIN) return notIdentified(sales);

  const byCategory = new Map<string, JitteredCourse[]>();
  for (const course of courses) {
    const own = byCategory.get(course.category);
    if (own === undefined) byCategory.set(course.category, [course]);
    else own.push(course);
  }
  const fits = new Map<string, CategoryFit>();
  for (const [category, own] of byCategory) {
    const fit = fitConditionalPoisson(own);
    if (fit !== undefined) fits.set(category, fit);
  }
  if (fits.size === 0) return notIdentified(sales);
  const shrunk = shrink([...fits.values()]);
  const groups = new Map([...fits.keys()].map((category, i) => [category, shrunk.groups[i]]));
  if (!(Math.sqrt(shrunk.mean.variance) <= SE_MAX)) return notIdentified(sales);

  const tau_category = shrunk.tau;
  const elsewhere = Math.sqrt(shrunk.mean.variance + tau_category ** 2);
  const categories = new Map<string, ElasticityEstimate>();
  let total = 0;
  for (const [category, sold] of sales) {
    total += sold;
    const group = groups.get(category);
    categories.set(
      category,
      group === undefined
        ? { value: shrunk.mean.value, se: elsewhere, sales: sold, identified: true, source: "global" }
        : { value: group.value, se: Math.sqrt(group.variance), sales: sold, identified: true, source: group.share > 0.5 ? "global" : "category" },
    );
  }
  return {
    global: { value: shrunk.mean.value, se: Math.sqrt(shrunk.mean.variance), sales: total, identified: true, source: "global" },
    tau_category,
    tau_course: courseSpread([...fits.values()], overDispersion(courses.map((course) => atElasticity(course, fits.get(course.category)?.value ?? 0)))),
    categories: Object.fromEntries(categories),
  };
}

/** The course with the effect of price in its offsets, so that what is left over is over-dispersion. */
function atElasticity(course: JitteredCourse, e: number): CourseCounts {
  return { category: course.category, counts: course.counts, offsets: course.offsets.map((offset, i) => offset * Math.exp(e * course.jitter[i]!)) };
}
