import { optimizeAnswerSchema, optimizeBodySchema, predictAnswerSchema, predictBodySchema } from "../../contracts/api.ts";
import type { OptimizeBody } from "../../contracts/api.ts";
import { PRICE_BATCH_MAX, priceBatchAnswerSchema, priceBatchBodySchema } from "../../contracts/price-batch.ts";
import type { BatchPrices } from "../batch-prices.ts";
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

export function registerPrices(route: Route, prices: PriceService, batches: BatchPrices): void {
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
  route(
    {
      method: "POST",
      path: "/price_batch",
      role: "price",
      summary: `the prices of up to ${PRICE_BATCH_MAX} courses, in short`,
      description: "Each row is what POST /optimize_price decides for the course, under the same quote_id. The batch has one record of its own, which names them.",
      body: priceBatchBodySchema,
      answer: priceBatchAnswerSchema,
      example: { body: { course_ids: ["C00001", "C00002"] } },
    },
    withBody(priceBatchBodySchema, async (body, context) => jsonAnswer(context, await batches.answer(body))),
  );
}
