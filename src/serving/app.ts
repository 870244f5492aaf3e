import { Hono } from "hono";
import { errorMessage } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { CompiledModel } from "../models/compiled.ts";
import type { BatchPrices } from "./batch-prices.ts";
import type { BundleService } from "./bundles/bundle-service.ts";
import type { Catalogue } from "./catalogue.ts";
import type { ControlDeps } from "./control-deps.ts";
import { registerDocs } from "./docs/docs-routes.ts";
import type { EventIntake } from "./event-intake.ts";
import type { FeatureService } from "./feature-service.ts";
import { createFinish, preflight, requestIdOf } from "./finish.ts";
import type { ExperimentDesk } from "./experiments/experiment-desk.ts";
import type { HealthReport } from "./health.ts";
import { landingOf } from "./landing.ts";
import type { Learners } from "./learners/learners.ts";
import type { ServingMetrics } from "./metrics.ts";
import type { ModelHolder, ServableModel } from "./model-holder.ts";
import { type PageSources, registerPages } from "./pages/register.ts";
import type { PriceService } from "./price-service.ts";
import { PlainPathsFirst } from "./plain-paths.ts";
import { internalProblem, ProblemError, problemResponse } from "./problem.ts";
import { logged } from "./request-log.ts";
import type { Handler, RouteDefinition } from "./route.ts";
import { type Access, RouteTable } from "./route-table.ts";
import { registerBundles } from "./routes/bundle-routes.ts";
import { registerCatalogue } from "./routes/catalogue-routes.ts";
import { registerEvents } from "./routes/event-routes.ts";
import { registerExperiments } from "./routes/experiment-routes.ts";
import { registerFeatures } from "./routes/feature-routes.ts";
import { registerKeys } from "./routes/key-routes.ts";
import { registerLearners } from "./routes/learner-routes.ts";
import { registerModels } from "./routes/model-routes.ts";
import { registerOperations } from "./routes/operation-routes.ts";
import { registerPersonalisation } from "./routes/personalisation-routes.ts";
import { registerPolicies } from "./routes/policy-routes.ts";
import { registerPriceChanges } from "./routes/price-change-routes.ts";
import { registerPrices } from "./routes/price-routes.ts";
import { registerTeachers } from "./routes/teacher-routes.ts";
import { registerStream } from "./routes/stream-routes.ts";
import type { StreamHub } from "./stream/stream-hub.ts";
import type { Tracing } from "./tracing.ts";
import { type QuoteDeps, registerQuotes } from "./routes/quote-routes.ts";

export interface AppDeps {
  readonly prices: PriceService;
  readonly batches: BatchPrices;
  readonly models: ModelHolder<CompiledModel>;
  readonly propensity: Pick<ModelHolder<ServableModel>, "current">;
  readonly features: FeatureService;
  readonly catalogue: Catalogue;
  readonly learners: Learners;
  readonly health: HealthReport;
  readonly events: EventIntake;
  readonly control: ControlDeps;
  readonly experiments: ExperimentDesk;
  readonly bundles: BundleService;
  readonly stream: StreamHub;
  readonly quotes: QuoteDeps;
  readonly metrics: ServingMetrics;
  /** The text of GET /metrics: this process's, or the whole cluster's. */
  readonly metricsText: () => Promise<string>;
  /** Absent: pages are not served. */
  readonly pages?: PageSources;
  readonly logger: Logger;
  /** Of the program, for its documents. */
  readonly version: string;
  /** Who may ask for what. */
  readonly access: Access;
  /** Origins whose pages may ask; nobody's unless given. */
  readonly cors_origins?: readonly string[];
  readonly tracing?: Tracing | undefined;
  /** Gets a line a request; absent: there are none. */
  readonly request_log?: Logger | undefined;
  /** Answers travel encrypted, and are to go on doing so. */
  readonly tls?: boolean;
}

export interface TidemarkApp extends Hono {
  /** Every endpoint that it answers. */
  readonly endpoints: readonly RouteDefinition[];
}

/** The HTTP application: every endpoint stands in one table, which each part of serving adds its own to. */
export function createApp(deps: AppDeps): TidemarkApp {
  const { metrics, metricsText, access, cors_origins = [], tls = false, logger, tracing, request_log } = deps;
  const app = new Hono({ router: new PlainPathsFirst() });
  const finish = createFinish({ cors_origins, tls });
  const around = tracing === undefined && request_log === undefined ? undefined : (definition: RouteDefinition, handler: Handler): Handler => {
    const traced = tracing?.around(definition, handler) ?? handler;
    return request_log === undefined ? traced : logged(request_log, definition, traced);
  };
  const table = new RouteTable({ app, metrics, access, finish, around });
  const { route } = table;
  registerPrices(route, deps.prices, deps.batches);
  registerEvents(route, deps.events);
  registerModels(route, deps.models, deps.propensity, deps.control.models);
  registerCatalogue(route, deps.catalogue);
  registerLearners(route, deps.learners);
  registerFeatures(route, deps.features);
  registerTeachers(route, deps.events, deps.control.clock);
  registerPersonalisation(route, deps.control);
  registerQuotes(route, deps.quotes);
  registerPolicies(route, deps.control.policies, deps.control.simulation);
  registerPriceChanges(route, deps.control.prices);
  registerExperiments(route, deps.experiments);
  registerBundles(route, deps.bundles);
  registerKeys(route, deps.control);
  registerOperations(route, { health: deps.health, metricsText, metricsType: metrics.registry.contentType });
  registerStream(route, deps.stream);
  registerDocs(route, table.definitions, deps.version);
  route({ method: "GET", path: "/", role: "public", summary: "this list", answer: { type: "text/html" } }, landingOf(table.definitions));
  if (deps.pages !== undefined) registerPages(route, (request) => table.ask(request), access, deps.pages, logger);

  const observeUnmatched = metrics.route("any", "unmatched");
  app.notFound((context) => {
    const allow = table.allowed(context.req.path).join(", ");
    const asked = allow === "" ? undefined : preflight(context, allow, cors_origins);
    if (asked !== undefined) return finish(context, asked);
    const problem =
      allow === ""
        ? new ProblemError("not_found", "There is no such endpoint. GET / lists what there is.")
        : new ProblemError("method_not_allowed", `This endpoint answers to ${allow}.`, { headers: { allow } });
    observeUnmatched(problem.status, 0);
    return finish(context, problemResponse(problem));
  });
  app.onError((error, context) => {
    if (error instanceof ProblemError) return finish(context, problemResponse(error));
    logger.error({ request_id: requestIdOf(context), path: context.req.path, error: errorMessage(error), stack: error.stack }, "request failed");
    return finish(context, problemResponse(internalProblem()));
  });
  return Object.assign(app, { endpoints: table.definitions });
}
