import { z } from "zod";
import { entityFeaturesAnswerSchema, featuresAnswerSchema } from "../../contracts/api.ts";
import { entityNames } from "../../features/store.ts";
import { validatedJson } from "../etag.ts";
import { featureDefinitionsText } from "../feature-service.ts";
import type { FeatureService } from "../feature-service.ts";
import { jsonInit } from "../headers.ts";
import type { Route } from "../route.ts";

const entityParams = z.object({ entity: z.enum(entityNames), id: z.string() });

export function registerFeatures(route: Route, features: FeatureService): void {
  route(
    { method: "GET", path: "/features", role: "price", summary: "every feature: unit, meaning, events, window", answer: featuresAnswerSchema, cacheable: true },
    (context) => validatedJson(context, featureDefinitionsText, featureDefinitionsText),
  );
  route(
    {
      method: "GET",
      path: "/features/:entity/:id{.+}",
      role: "operate",
      summary: "the values that an entity's features have now",
      params: entityParams,
      answer: entityFeaturesAnswerSchema,
      example: { params: { entity: "course", id: "C00001" } },
    },
    (context) => new Response(features.entity(context.req.param("entity") ?? "", context.req.param("id") ?? ""), jsonInit),
  );
}
