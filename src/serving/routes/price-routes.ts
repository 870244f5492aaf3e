import { optimizeAnswerSchema, optimizeBodySchema, predictAnswerSchema, predictBodySchema } from "../../contracts/api.ts";
import { readBody } from "../body.ts";
import { jsonInit } from "../headers.ts";
import type { PriceService } from "../price-service.ts";
import type { Route } from "../route.ts";

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
    async (context) => new Response(prices.optimize(await readBody(context, optimizeBodySchema)), jsonInit),
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
    async (context) => new Response(prices.predict(await readBody(context, predictBodySchema)), jsonInit),
  );
}
