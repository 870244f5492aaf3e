import type { Artifact, ElasticityEstimate } from "../src/contracts/artifact.ts";
import { categoryElasticity, courseElasticity } from "../src/models/elasticity-lookup.ts";
import { readElasticity } from "../src/models/elasticity-type.ts";

export interface Truth {
  /** NaN where the platform has no such number. */
  readonly global: number;
  readonly categories: ReadonlyMap<string, number>;
  readonly courses: readonly { readonly course_id: string; readonly category: string; readonly elasticity: number }[];
}

/** What one estimate was worth: mean absolute errors, and shares of 95 % intervals that hold the truth. */
export interface Score {
  readonly mae: number;
  /** Error of taking a category's estimate for each of its courses. */
  readonly category_mean_mae: number;
  readonly category_mae: number;
  readonly coverage_course: number;
  readonly coverage_category: number;
  readonly coverage_global: number;
  /** Of global, categories and courses together. */
  readonly identified: number;
  readonly tau_course: number;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function covers({ value, se }: ElasticityEstimate, truth: number): number {
  const [low, high] = readElasticity(value, se).ci95;
  return low <= truth && truth <= high ? 1 : 0;
}

/** Judges what the readers of an artifact are told, against the truth. */
export function score(report: Artifact["elasticity"], truth: Truth): Score {
  const categories = [...truth.categories].map(([category, elasticity]) => ({ estimate: categoryElasticity(report, category), elasticity }));
  const courses = truth.courses.map(({ course_id, category, elasticity }) => ({ estimate: courseElasticity(report, category, course_id), category: categoryElasticity(report, category), elasticity }));
  return {
    mae: mean(courses.map(({ estimate, elasticity }) => Math.abs(estimate.value - elasticity))),
    category_mean_mae: mean(courses.map(({ category, elasticity }) => Math.abs(category.value - elasticity))),
    category_mae: mean(categories.map(({ estimate, elasticity }) => Math.abs(estimate.value - elasticity))),
    coverage_course: mean(courses.map(({ estimate, elasticity }) => covers(estimate, elasticity))),
    coverage_category: mean(categories.map(({ estimate, elasticity }) => covers(estimate, elasticity))),
    coverage_global: covers(report.global, truth.global),
    identified: mean([report.global, ...categories.map(({ estimate }) => estimate), ...courses.map(({ estimate }) => estimate)].map(({ identified }) => (identified ? 1 : 0))),
    tau_course: report.tau_course,
  };
}
