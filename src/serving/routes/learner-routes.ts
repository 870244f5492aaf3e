import { learnerScoresSchema, propensityBatchAnswerSchema, propensityBatchBodySchema, recommendationsAnswerSchema, recommendationsQuerySchema, segmentsAnswerSchema } from "../../contracts/learner-scores.ts";
import type { Learners } from "../learners/learners.ts";
import type { Route } from "../route.ts";

export function registerLearners(route: Route, learners: Learners): void {
  route(
    {
      method: "GET",
      path: "/learner/:id/propensity",
      role: "price",
      summary: "five scores of a learner with intervals and reasons, segment, risk, priority, and what to do",
      answer: learnerScoresSchema,
      example: { params: { id: "L000001" } },
    },
    (context) => learners.propensity(context),
  );
  route(
    {
      method: "GET",
      path: "/learner/:id/recommendations",
      role: "price",
      owner: "learner",
      summary: "the courses that the learner is expected to bring most tokens with, at their prices",
      query: recommendationsQuerySchema,
      answer: recommendationsAnswerSchema,
      example: { params: { id: "L000001" }, query: { limit: "5" } },
    },
    (context) => learners.recommendations(context),
  );
  route(
    {
      method: "POST",
      path: "/propensity_batch",
      role: "price",
      summary: "the scores of up to 500 learners",
      body: propensityBatchBodySchema,
      answer: propensityBatchAnswerSchema,
      example: { body: { learner_ids: ["L000001", "L000002"], drivers: false } },
    },
    (context) => learners.batch(context),
  );
  route(
    {
      method: "GET",
      path: "/segments",
      role: "price",
      summary: "learners from hot to dormant: how many, what they are like, who moved in the last days",
      answer: segmentsAnswerSchema,
    },
    (context) => learners.segments(context),
  );
}
