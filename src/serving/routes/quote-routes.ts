import { personalizedAnswerSchema, type PersonalizedBody, personalizedBodySchema, quoteAnswerSchema, quoteQuerySchema, redemptionsAnswerSchema, redemptionsQuerySchema, replayAnswerSchema } from "../../contracts/quote.ts";
import { requireLearner } from "../author.ts";
import { readId, readQuery, withBody } from "../body.ts";
import { jsonInit } from "../headers.ts";
import { jsonAnswer } from "../json-answer.ts";
import type { CitationList } from "../personal/citation-list.ts";
import type { QuoteDesk } from "../personal/quote-desk.ts";
import type { QuoteLookup } from "../personal/quote-lookup.ts";
import type { Route } from "../route.ts";

export interface QuoteDeps {
  readonly desk: QuoteDesk;
  readonly lookup: QuoteLookup;
  readonly citations: CitationList;
}

/** Nearly all calls have this form: they are valid if their text does. */
const COMMON = /^\{"learner_id":"([A-Za-z0-9_-]{1,64})","course_id":"([A-Za-z0-9_-]{1,64})"\}$/;

function commonBody(text: string): PersonalizedBody | undefined {
  const found = COMMON.exec(text);
  return found === null ? undefined : { learner_id: found[1]!, course_id: found[2]! };
}

export function registerQuotes(route: Route, { desk, lookup, citations }: QuoteDeps): void {
  route(
    {
      method: "POST",
      path: "/personalized_pricing",
      role: "price",
      owner: "handler",
      summary: "a learner's own price of a course: signed, locked, redeemable once, never above the list price",
      body: personalizedBodySchema,
      answer: personalizedAnswerSchema,
      example: { body: { learner_id: "L000001", course_id: "C00001" } },
    },
    withBody(
      personalizedBodySchema,
      (body, context) => {
        requireLearner(context, body.learner_id);
        const answer = desk.price(body);
        return typeof answer === "string" ? jsonAnswer(context, answer) : answer.then((text) => jsonAnswer(context, text));
      },
      commonBody,
    ),
  );
  route(
    {
      method: "GET",
      path: "/quotes/:id",
      role: "price",
      summary: "whether a quote is valid, over, redeemed, or was cited for something that it does not say",
      query: quoteQuerySchema,
      answer: quoteAnswerSchema,
      example: { params: { id: "q_xl5Yb0D2R3mV1kq8" } },
    },
    async (context) => new Response(JSON.stringify(await lookup.find(readId(context), readQuery(context, quoteQuerySchema).course_id)), jsonInit),
  );
  route(
    {
      method: "POST",
      path: "/quotes/:id/replay",
      role: "operate",
      summary: "decides a quote again from what was recorded of it, and says whether the same bytes come out",
      query: quoteQuerySchema,
      answer: replayAnswerSchema,
      example: { params: { id: "q_xl5Yb0D2R3mV1kq8" } },
    },
    async (context) => {
      const { answer_json, ...replayed } = await lookup.replay(readId(context), readQuery(context, quoteQuerySchema).course_id);
      return new Response(`${JSON.stringify(replayed).slice(0, -1)},"answer":${answer_json}}`, jsonInit);
    },
  );
  route(
    {
      method: "GET",
      path: "/redemptions",
      role: "operate",
      summary: "enrollments that cited a personal quote, each beside what the quote says",
      query: redemptionsQuerySchema,
      answer: redemptionsAnswerSchema,
      example: { query: { verdict: "price_mismatch", limit: "20" } },
    },
    async (context) => new Response(JSON.stringify(await citations.page(readQuery(context, redemptionsQuerySchema))), jsonInit),
  );
}
