import { z } from "zod";
import { modelInfoAnswerSchema, modelInfoQuerySchema } from "../../contracts/api.ts";
import { propensityInfoAnswerSchema } from "../../contracts/propensity-info.ts";
import { readQuery } from "../body.ts";
import { validatedJson } from "../etag.ts";
import { ProblemError } from "../problem.ts";
import type { Route } from "../route.ts";

interface Described {
  readonly current: { readonly info: string } | undefined;
}

export function registerModels(route: Route, models: Described, propensity: Described): void {
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
}
