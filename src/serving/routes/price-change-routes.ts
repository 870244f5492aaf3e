import { priceActionAnswerSchema, priceActionBodySchema, priceChangesAnswerSchema, priceChangesQuerySchema } from "../../contracts/price-change.ts";
import { authorOf } from "../author.ts";
import { readBody, readId, readQuery } from "../body.ts";
import { jsonInit } from "../headers.ts";
import type { PriceChangeDesk } from "../price-changes/price-change-desk.ts";
import type { Route } from "../route.ts";

/** List prices: who decided what, and what is decided next. */
export function registerPriceChanges(route: Route, prices: PriceChangeDesk): void {
  route(
    {
      method: "GET",
      path: "/courses/:id/price_changes",
      role: "price",
      summary: "what was decided about a course's list price, by whom, when and why, and what it may become",
      query: priceChangesQuerySchema,
      answer: priceChangesAnswerSchema,
      example: { params: { id: "C00001" } },
    },
    (context) => new Response(JSON.stringify(prices.changes(readId(context), readQuery(context, priceChangesQuerySchema).limit)), jsonInit),
  );
  route(
    {
      method: "POST",
      path: "/courses/:id/price",
      role: "operate",
      summary: "accepts, proposes, approves, rejects or schedules a list price",
      body: priceActionBodySchema,
      answer: priceActionAnswerSchema,
      example: { params: { id: "C00001" }, body: { action: "accept", price: 105, reason: "as recommended" } },
    },
    async (context) => {
      const course_id = readId(context);
      const action = await readBody(context, priceActionBodySchema);
      return new Response(JSON.stringify(await prices.act(course_id, action, authorOf(context))), jsonInit);
    },
  );
}
