import { categoriesAnswerSchema, categoriesQuerySchema, courseDetailSchema, coursesAnswerSchema, coursesQuerySchema } from "../../contracts/catalogue.ts";
import type { Catalogue } from "../catalogue.ts";
import type { Route } from "../route.ts";

export function registerCatalogue(route: Route, catalogue: Catalogue): void {
  route(
    {
      method: "GET",
      path: "/categories",
      role: "price",
      summary: "every category: elasticity with its interval, prices, competitor's price, enrollments, revenue, conversion, trend",
      query: categoriesQuerySchema,
      answer: categoriesAnswerSchema,
      cacheable: true,
      example: { query: { limit: "50" } },
    },
    (context) => catalogue.categories(context),
  );
  route(
    {
      method: "GET",
      path: "/courses",
      role: "price",
      summary: "courses page by page, filtered and sorted",
      query: coursesQuerySchema,
      answer: coursesAnswerSchema,
      cacheable: true,
      example: { query: { sort: "-revenue", limit: "20", with: "recommendation" } },
    },
    (context) => catalogue.courses(context),
  );
  route(
    {
      method: "GET",
      path: "/courses/:id",
      role: "price",
      summary: "a course: features, price history, demand and revenue curve, recommendation",
      answer: courseDetailSchema,
      cacheable: true,
      example: { params: { id: "C00001" } },
    },
    (context) => catalogue.course(context),
  );
}
