import type { Context } from "hono";
import { z } from "zod";
import { modelInfoAnswerSchema, modelInfoQuerySchema } from "../../contracts/api.ts";
import { modelChangedAnswerSchema, modelFamilyParamsSchema, modelPinBodySchema, modelPromoteBodySchema, modelRollbackBodySchema, modelsAnswerSchema } from "../../contracts/model-api.ts";
import { propensityInfoAnswerSchema } from "../../contracts/propensity-info.ts";
import { authorOf } from "../author.ts";
import { readBody, readParams, readQuery } from "../body.ts";
import { validatedJson } from "../etag.ts";
import { jsonInit } from "../headers.ts";
import type { ModelDesk, ModelOrder } from "../models/model-desk.ts";
import { ProblemError } from "../problem.ts";
import type { Route } from "../route.ts";

interface Described {
  readonly current: { readonly info: string } | undefined;
}

const json = (body: object): Response => new Response(JSON.stringify(body), jsonInit);

function orderOf(context: Context, { reason, expected_sequence }: Omit<ModelOrder, "author">): ModelOrder {
  return { author: authorOf(context), reason, expected_sequence };
}

/** Models: what serves, what could, and its change by hand, which is a message on CONTROL. */
export function registerModels(route: Route, models: Described, propensity: Described, desk: ModelDesk): void {
  route(
    {
      method: "GET",
      path: "/model_info",
      role: "price",
      summary: "the model in service and the candidates it beat; ?family=propensity: those that score learners",
      query: modelInfoQuerySchema,
      refuses: [404],
      cacheable: true,
      answer: z.union([modelInfoAnswerSchema, propensityInfoAnswerSchema]),
      example: { query: { family: "elasticity" } },
    },
    (context) => {
      const { family } = readQuery(context, modelInfoQuerySchema);
      const served = (family === "propensity" ? propensity : models).current;
      if (served === undefined) throw new ProblemError("not_found", `No model has been promoted yet: ${family === "propensity" ? "learners get hand-weighted scores" : "prices come from priors"}.`);
      return validatedJson(context, served.info, served.info);
    },
  );
  const family = { params: modelFamilyParamsSchema };
  const example = { params: { family: "elasticity" } };
  const change = { method: "POST", role: "admin", ...family, answer: modelChangedAnswerSchema } as const;
  route(
    { method: "GET", path: "/models/:family", role: "operate", summary: "stored models of a family: which serves, which have served, what their runs said, and every promotion with who, when and why", ...family, answer: modelsAnswerSchema, example },
    async (context) => json(await desk.list(readParams(context, modelFamilyParamsSchema).family)),
  );
  route(
    {
      ...change,
      path: "/models/:family/promote",
      summary: "puts a stored model into service on every host, from the next request on",
      description: "What its run refused, or no run has judged, needs `force`. The artifact is read back and compiled before CONTROL names it.",
      body: modelPromoteBodySchema,
      example: { ...example, body: { version: "20260301T000000000Z-96589ad5", reason: "reviewed with the category managers" } },
    },
    async (context) => {
      const body = await readBody(context, modelPromoteBodySchema);
      return json(await desk.promote(readParams(context, modelFamilyParamsSchema).family, body, orderOf(context, body)));
    },
  );
  route(
    { ...change, path: "/models/:family/rollback", summary: "goes back to the model that served before, or to a named one that has served", body: modelRollbackBodySchema, example: { ...example, body: { reason: "conversion fell", pinned: true } } },
    async (context) => {
      const body = await readBody(context, modelRollbackBodySchema);
      return json(await desk.rollBack(readParams(context, modelFamilyParamsSchema).family, body, orderOf(context, body)));
    },
  );
  route(
    { ...change, path: "/models/:family/pin", summary: "holds the model in service in its place, so that only people replace it, or lets go of it", body: modelPinBodySchema, example: { ...example, body: { pinned: true, reason: "until the sale is over" } } },
    async (context) => {
      const body = await readBody(context, modelPinBodySchema);
      return json(await desk.pin(readParams(context, modelFamilyParamsSchema).family, body.pinned, orderOf(context, body)));
    },
  );
}
