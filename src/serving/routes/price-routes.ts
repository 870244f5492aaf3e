import { optimizeAnswerSchema, optimizeBodySchema, predictAnswerSchema, predictBodySchema } from "../../contracts/api.ts";
import type { OptimizeBody } from "../../contracts/api.ts";
import { withBody } from "../body.ts";
import { jsonAnswer } from "../json-answer.ts";
import type { PriceService } from "../price-service.ts";
import type { Route } from "../route.ts";

/** By far the most calls name a course and nothing else: they are valid if their text has this form. */
const COURSE_ALONE = /^\{"course_id":"([A-Za-z0-9_-]{1,64})"\}$/;

function courseAlone(text: string): OptimizeBody | undefined {
  const course_id = COURSE_ALONE.exec(text)?.[1];
  return course_id === undefined ? undefined : { course_id };
}

export function registerPrices(route: Route, prices: PriceService): void {
  route(
    {
      method: "POST",
      path: "/optimize_price",
      role: "price",
      summary: "the best price of a course, its expected effect and every step that led to it",
      body: optimizeBodySchema,
      answer: optimizeAnswerSchema,
      example: { body: { course_id: "C00001" } },
    },
    withBody(optimizeBodySchema, (body, context) => jsonAnswer(context, prices.optimize(body)), courseAlone),
  );
  route(
    {
      method: "POST",
      path: "/predict_enrollments",
      role: "price",
      summary: "enrollments and revenue at up to 100 prices, with intervals",
      body: predictBodySchema,
      answer: predictAnswerSchema,
      example: { body: { course_id: "C00001", price_points: [90, 100, 110], horizon_days: 30 } },
    },
    withBody(predictBodySchema, (body, context) => jsonAnswer(context, prices.predict(body))),
  );
}
