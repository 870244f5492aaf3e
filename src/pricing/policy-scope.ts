import type { PolicyScope } from "../contracts/policy.ts";

interface Names {
  readonly courses: ReadonlySet<string>;
  readonly categories: ReadonlySet<string>;
}

/** Rules are never changed once they are parsed, may name thousands of courses, and are asked for every price. */
const named = new WeakMap<PolicyScope, Names>();

function namesOf(scope: PolicyScope): Names {
  const known = named.get(scope);
  if (known !== undefined) return known;
  const names = { courses: new Set(scope.courses), categories: new Set(scope.categories) };
  named.set(scope, names);
  return names;
}

/** How closely a rule fits a course: 2 names the course, 1 its category, 0 is for everything; −1: not for this course. */
export function specificity(scope: PolicyScope, course_id: string | null, category: string): number {
  if (scope.courses.length === 0 && scope.categories.length === 0) return 0;
  const { courses, categories } = namesOf(scope);
  if (course_id !== null && courses.has(course_id)) return 2;
  return categories.has(category) ? 1 : -1;
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
