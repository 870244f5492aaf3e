import { Hono } from "hono";
import type { Context } from "hono";
import { modelInfoQuerySchema, optimizeBodySchema, predictBodySchema } from "../contracts/api.ts";
import { errorMessage } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { CompiledModel } from "../models/compiled.ts";
import { readBody, readQuery } from "./body.ts";
import type { Catalogue } from "./catalogue.ts";
import type { EventIntake } from "./event-intake.ts";
import { postEvents } from "./event-route.ts";
import { featureDefinitionsText } from "./feature-service.ts";
import type { FeatureService } from "./feature-service.ts";
import { jsonInit } from "./headers.ts";
import type { HealthReport } from "./health.ts";
import { landing } from "./landing.ts";
import type { Learners } from "./learners/learners.ts";
import type { ServingMetrics } from "./metrics.ts";
import type { ModelHolder, ServableModel } from "./model-holder.ts";
import { type PageSources, registerPages } from "./pages/register.ts";
import type { PriceService } from "./price-service.ts";
import { internalProblem, ProblemError, problemResponse } from "./problem.ts";

export interface AppDeps {
  readonly prices: PriceService;
  readonly models: ModelHolder<CompiledModel>;
  readonly propensity: Pick<ModelHolder<ServableModel>, "current">;
  readonly features: FeatureService;
  readonly catalogue: Catalogue;
  readonly learners: Learners;
  readonly health: HealthReport;
  readonly events: EventIntake;
  readonly metrics: ServingMetrics;
  /** The text of GET /metrics: this process's, or the whole cluster's. */
  readonly metricsText: () => Promise<string>;
  /** Absent: pages are not served. */
  readonly pages?: PageSources;
  readonly logger: Logger;
}

/** Paths that hold names, so that other methods on them are told which one they answer to. */
const NAMED_PATH = /^\/(?:features\/[^/]+\/.|courses\/[^/]+$|learner\/[^/]+(?:\/(?:propensity|recommendations))?$|teacher\/[^/]+$|admin\/prices\/[^/]+$|admin\/models\/runs\/[^/]+$|assets\/[^/]+$)/;

type Handler = (context: Context) => Promise<Response> | Response;

/**
 * The HTTP application. Every route is one handler with nothing before it: a middleware would put each request through
 * the framework's composition, which a price call feels.
 */
export function createApp(deps: AppDeps): Hono {
  const { prices, models, propensity, features, catalogue, learners, health, events, metrics } = deps;
  const app = new Hono();
  const allowed = new Map<string, string>();

  const route = (method: "GET" | "POST", path: string, handler: Handler): void => {
    const observe = metrics.route(path);
    allowed.set(path, method === "GET" ? "GET, HEAD" : method);
    app.on(method, path, async (context) => {
      const started = performance.now();
      try {
        const response = await handler(context);
        observe(response.status, performance.now() - started);
        return response;
      } catch (error) {
        observe(error instanceof ProblemError ? error.status : 500, performance.now() - started);
        throw error;
      }
    });
  };

  route("POST", "/optimize_price", async (context) => new Response(prices.optimize(await readBody(context, optimizeBodySchema)), jsonInit));
  route("POST", "/predict_enrollments", async (context) => new Response(prices.predict(await readBody(context, predictBodySchema)), jsonInit));
  route("POST", "/events", (context) => postEvents(context, events));
  route("GET", "/model_info", (context) => {
    const { family } = readQuery(context, modelInfoQuerySchema);
    const served = (family === "propensity" ? propensity : models).current;
    if (served === undefined) throw new ProblemError("not_found", `No model has been promoted yet: ${family === "propensity" ? "learners get hand-weighted scores" : "prices come from priors"}.`);
    return new Response(served.info, jsonInit);
  });
  route("GET", "/features", () => new Response(featureDefinitionsText, jsonInit));
  route("GET", "/features/:entity/:id{.+}", (context) => new Response(features.entity(context.req.param("entity") ?? "", context.req.param("id") ?? ""), jsonInit));
  route("GET", "/categories", (context) => catalogue.categories(context));
  route("GET", "/courses", (context) => catalogue.courses(context));
  route("GET", "/courses/:id", (context) => catalogue.course(context));
  route("GET", "/learner/:id/propensity", (context) => learners.propensity(context));
  route("GET", "/learner/:id/recommendations", (context) => learners.recommendations(context));
  route("POST", "/propensity_batch", (context) => learners.batch(context));
  route("GET", "/segments", (context) => learners.segments(context));
  route("GET", "/health", () => new Response(JSON.stringify(health.health()), jsonInit));
  route("GET", "/livez", () => new Response(JSON.stringify({ status: "ok" }), jsonInit));
  route("GET", "/readyz", () => new Response(JSON.stringify(health.ready()), jsonInit));
  route("GET", "/metrics", async () => {
    const text = await deps.metricsText();
    return new Response(text, { headers: { "content-type": metrics.registry.contentType, "cache-control": "no-store" } });
  });
  route("GET", "/", landing);
  if (deps.pages !== undefined) registerPages((path, handler) => route("GET", path, handler), (request) => app.fetch(request), deps.pages, deps.logger);

  const observeUnmatched = metrics.route("unmatched");
  app.notFound((context) => {
    const { path } = context.req;
    const allow = allowed.get(path) ?? (context.req.method !== "GET" && NAMED_PATH.test(path) ? "GET, HEAD" : undefined);
    const problem =
      allow === undefined
        ? new ProblemError("not_found", "There is no such endpoint. GET / lists what there is.")
        : new ProblemError("method_not_allowed", `This endpoint answers to ${allow}.`, { headers: { allow } });
    observeUnmatched(problem.status, 0);
    return problemResponse(problem);
  });
  app.onError((error, context) => {
    if (error instanceof ProblemError) return problemResponse(error);
    deps.logger.error({ path: context.req.path, error: errorMessage(error), stack: error.stack }, "request failed");
    return problemResponse(internalProblem());
  });
  return app;
}
