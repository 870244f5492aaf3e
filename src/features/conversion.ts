/** Enrollments per exposure; more enrollments than exposures mean missing exposures, so at most 1. */
export function conversion(enrollments: number, exposures: number): number {
  return exposures > 0 ? Math.min(1, enrollments / exposures) : 0;
}
