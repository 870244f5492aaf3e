import type { PolicyScope } from "../contracts/policy.ts";

/** How closely a rule fits a course: 2 names the course, 1 its category, 0 is for everything; −1: not for this course. */
export function specificity({ categories, courses }: PolicyScope, course_id: string | null, category: string): number {
  if (course_id !== null && courses.includes(course_id)) return 2;
  if (categories.includes(category)) return 1;
  return courses.length === 0 && categories.length === 0 ? 0 : -1;
}

/** What two rules are both for, at the same level, so that neither is the more specific one: a course, a category, or everything. */
export function sharedScope(a: PolicyScope, b: PolicyScope): string | undefined {
  const course = a.courses.find((id) => b.courses.includes(id));
  if (course !== undefined) return `course ${course}`;
  const category = a.categories.find((name) => b.categories.includes(name));
  if (category !== undefined) return `category ${category}`;
  const everything = (scope: PolicyScope): boolean => scope.courses.length === 0 && scope.categories.length === 0;
  return everything(a) && everything(b) ? "every course" : undefined;
}

/** Whether two spans of time, from included and to left out, have a moment in common. */
export function spansMeet(a: { readonly from_ms: number; readonly to_ms: number }, b: { readonly from_ms: number; readonly to_ms: number }): boolean {
  return a.from_ms < b.to_ms && b.from_ms < a.to_ms;
}
