import type { Context } from "hono";
import { CategoryList } from "./category-list.ts";
import { CourseDetails, type CourseDetailsDeps } from "./course-details.ts";
import { CourseList } from "./course-list.ts";
import { Turns } from "./turns.ts";

/** What the platform sells, for people and for programs that are not in a hurry: all of it together takes a quarter of a process at most. */
export interface Catalogue {
  categories(context: Context): Promise<Response>;
  courses(context: Context): Promise<Response>;
  course(context: Context): Promise<Response>;
  /** Calls under way, and those turned away because too many were. */
  readonly running: number;
  readonly refused: number;
  /** Courses in the index that is in memory. */
  readonly indexed: number;
}

export function createCatalogue(deps: Omit<CourseDetailsDeps, "turns">): Catalogue {
  const turns = new Turns();
  const categories = new CategoryList({ ...deps, turns });
  const courses = new CourseList({ ...deps, turns });
  const details = new CourseDetails({ ...deps, turns });
  return {
    categories: (context) => categories.answer(context),
    courses: (context) => courses.answer(context),
    course: (context) => details.answer(context),
    get running() {
      return turns.tasks;
    },
    get refused() {
      return turns.refused;
    },
    get indexed() {
      return courses.indexed;
    },
  };
}
