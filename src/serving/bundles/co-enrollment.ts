import { CourseDays } from "../../features/course-days.ts";
import { firstIds } from "../../features/first-ids.ts";
import type { FeatureStoreReader } from "../../features/store.ts";
import { hash32 } from "../../lib/prng.ts";
import type { CoEnrollmentCounts } from "../../pricing/bundles/taste-correlation.ts";

/** 4 bytes each. Of more, learners are thinned by a hash of their ids. */
export const ENROLLMENTS_MAX = 2_000_000;
const IDS_PER_STEP = 1_024;
const LEARNERS_PER_STEP = 256;
const COURSES_PER_STEP = 32;

/** Who takes which courses, as of one moment: learners by number, each course with the ascending numbers of those who enrolled in it. */
export class CoEnrollment {
  readonly learners: number;
  readonly #courses: ReadonlyMap<string, Int32Array>;
  readonly #categories: ReadonlyMap<string, string>;
  /** How many times as often as by chance two courses of one category, and of two, have a learner in common. */
  readonly #lift_within: number;
  readonly #lift_across: number;

  constructor(learners: number, courses: ReadonlyMap<string, Int32Array>, categories: ReadonlyMap<string, string>, lift_within: number, lift_across: number) {
    this.learners = learners;
    this.#courses = courses;
    this.#categories = categories;
    this.#lift_within = lift_within;
    this.#lift_across = lift_across;
  }

  counts(first: string, second: string): CoEnrollmentCounts {
    const [a, b] = [first, second].map((course) => this.#courses.get(course) ?? new Int32Array(0)) as [Int32Array, Int32Array];
    const category = this.#categories.get(first);
    const within = category !== undefined && category !== "" && category === this.#categories.get(second);
    return { learners: this.learners, first: a.length, second: b.length, both: common(a, b), pooled_lift: within ? this.#lift_within : this.#lift_across };
  }
}

/** Numbers that two ascending lists have in common. */
function common(a: Int32Array, b: Int32Array): number {
  let [i, j, count] = [0, 0, 0];
  while (i < a.length && j < b.length) {
    const difference = a[i]! - b[j]!;
    if (difference === 0) count++;
    if (difference <= 0) i++;
    if (difference >= 0) j++;
  }
  return count;
}

/** Observed over expected, 1 where chance alone expects less than one. */
const lift = (observed: number, expected: number): number => (expected >= 1 ? observed / expected : 1);

/** Reads all enrollments, in steps: keys alone, since who took what is in them. */
export function* surveyCoEnrollment(store: FeatureStoreReader, enrollments_max = ENROLLMENTS_MAX): Generator<void, CoEnrollment> {
  let every = 1;
  let learners: { readonly hash: number; readonly courses: string[] }[] = [];
  let enrollments = 0;
  let [known, current] = ["", [] as string[]];
  for (let ids = firstIds(store, "learner_course", "", IDS_PER_STEP); ids.length > 0; ids = firstIds(store, "learner_course", ids.at(-1)!, IDS_PER_STEP)) {
    for (const id of ids) {
      const slash = id.indexOf("/");
      const learner = id.slice(0, slash);
      if (learner !== known) {
        known = learner;
        current = [];
        const hash = hash32(learner);
        if (hash % every === 0) learners.push({ hash, courses: current });
      }
      current.push(id.slice(slash + 1));
      enrollments++;
    }
    while (enrollments / every > enrollments_max) {
      every *= 2;
      learners = learners.filter(({ hash }) => hash % every === 0);
    }
    yield;
  }
  const rosters = new Map<string, number[]>();
  for (const [number, { courses }] of learners.entries()) {
    if (number % LEARNERS_PER_STEP === 0) yield;
    for (const course of courses) {
      const roster = rosters.get(course);
      if (roster === undefined) rosters.set(course, [number]);
      else roster.push(number);
    }
  }
  const categories = yield* categoriesOf(store, [...rosters.keys()]);
  const { within, across } = yield* pairsOf(learners, categories);
  const chance = expectedPairs(rosters, categories, learners.length);
  const courses = new Map([...rosters].map(([course, roster]) => [course, Int32Array.from(roster)] as const));
  return new CoEnrollment(learners.length, courses, categories, lift(within, chance.within), lift(across, chance.across));
}

function* categoriesOf(store: FeatureStoreReader, courses: readonly string[]): Generator<void, ReadonlyMap<string, string>> {
  const days = new CourseDays(store);
  const categories = new Map<string, string>();
  for (const [i, course] of courses.entries()) {
    if (i % COURSES_PER_STEP === 0) yield;
    categories.set(course, days.read(course) ?? "");
  }
  return categories;
}

/** Pairs of courses that learners took, of one category and of two. */
function* pairsOf(learners: readonly { readonly courses: readonly string[] }[], categories: ReadonlyMap<string, string>): Generator<void, { within: number; across: number }> {
  let [within, all] = [0, 0];
  for (const [i, { courses }] of learners.entries()) {
    if (i % LEARNERS_PER_STEP === 0) yield;
    const own = new Map<string, number>();
    for (const course of courses) {
      const category = categories.get(course) ?? "";
      const before = own.get(category) ?? 0;
      // Each earlier course of the category makes a pair with this one.
      if (category !== "") within += before;
      own.set(category, before + 1);
    }
    all += (courses.length * (courses.length - 1)) / 2;
  }
  return { within, across: all - within };
}

/** The same by chance: Σ over pairs of courses of n·m/learners, from sums and sums of squares. */
function expectedPairs(rosters: ReadonlyMap<string, readonly number[]>, categories: ReadonlyMap<string, string>, learners: number): { within: number; across: number } {
  const sums = new Map<string, { sum: number; squares: number }>();
  let [sum, squares] = [0, 0];
  for (const [course, { length }] of rosters) {
    const category = categories.get(course) ?? "";
    const own = sums.get(category) ?? { sum: 0, squares: 0 };
    own.sum += length;
    own.squares += length * length;
    sums.set(category, own);
    sum += length;
    squares += length * length;
  }
  let within = 0;
  for (const [category, own] of sums) if (category !== "") within += (own.sum * own.sum - own.squares) / 2;
  const all = (sum * sum - squares) / 2;
  return learners === 0 ? { within: 0, across: 0 } : { within: within / learners, across: (all - within) / learners };
}
