import type { Context } from "hono";
import { CategoryList } from "./category-list.ts";
import { CourseDetails, type CourseDetailsDeps } from "./course-details.ts";
import { CourseList, type CourseListDeps } from "./course-list.ts";

/** What the platform sells, for people and for programs that are not in a hurry: with everything else that takes turns, a quarter of a process at most. */
export interface Catalogue {
  categories(context: Context): Promise<Response>;
  courses(context: Context): Promise<Response>;
  course(context: Context): Promise<Response>;
}

export function createCatalogue(deps: CourseDetailsDeps & CourseListDeps): Catalogue {
  const categories = new CategoryList(deps);
  const courses = new CourseList(deps);
  const details = new CourseDetails(deps);
  return {
    categories: (context) => categories.answer(context),
    courses: (context) => courses.answer(context),
    course: (context) => details.answer(context),
  };
}
