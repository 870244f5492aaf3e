import type { Artifact, CourseElasticity, ElasticityEstimate } from "../contracts/artifact.ts";

type Report = Artifact["elasticity"];

const own = <Value>(record: Readonly<Record<string, Value>> | undefined, key: string): Value | undefined => (record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined);

/** A category's elasticity. Of one that training did not know: the common one, with the spread between categories in its error. */
export function categoryElasticity(report: Report, category: string): ElasticityEstimate {
  const { global, tau_category } = report;
  const unknown = (): ElasticityEstimate => ({ ...global, se: Math.hypot(global.se, tau_category), sales: 0, identified: false });
  return own(report.categories, category) ?? unknown();
}

/** What is known of a course of its own: nothing unless its sales weigh in it. Null: a course that no event has named. */
export function ownElasticity(report: Report, course_id: string | null): CourseElasticity | undefined {
  return course_id === null ? undefined : own(report.courses, course_id);
}

/** A course's elasticity: its own estimate, else its category's with the spread between courses in its error. */
export function courseElasticity(report: Report, category: string, course_id: string | null): ElasticityEstimate {
  const estimate = ownElasticity(report, course_id);
  if (estimate !== undefined) {
    const { prior: _, ...reported } = estimate;
    return reported;
  }
  const mean = categoryElasticity(report, category);
  return { ...mean, se: Math.hypot(mean.se, report.tau_course) };
}
