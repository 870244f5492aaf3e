import type { Context } from "hono";
import type { Clock } from "../../lib/clock.ts";
import { errorMessage } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { BrokerPort } from "../broker-link.ts";
import type { FeatureSource } from "../feature-source.ts";
import type { PricingContext } from "../pricing-inputs.ts";
import { ProblemError } from "../problem.ts";
import type { Turns } from "../turns.ts";
import { everybody, mustSee, type ViewerOf } from "./access.ts";
import { coursePage } from "./admin/course.tsx";
import { modelsPage } from "./admin/models.tsx";
import { operationsPage } from "./admin/operations.tsx";
import { portfolioPage } from "./admin/portfolio.tsx";
import { boardResponse, pricesPage } from "./admin/prices.tsx";
import type { Fetch } from "./ask.ts";
import { Assets, assetsDirectory } from "./assets.ts";
import { learnerPage } from "./learner/learner.tsx";
import { OperationsHistory, type OperationsState } from "./operations-history.ts";
import type { Page } from "./page.ts";
import { Pages } from "./pages.tsx";
import { peoplePage } from "./people.tsx";
import { PlatformTrends } from "./platform-trend.ts";
import { PriceBoards } from "./price-board.ts";
import { teacherPage } from "./teacher/teacher.tsx";
import { type TokenBroker, TokenHistory } from "./token-history.ts";
import { TrainingRecords } from "./training-records.ts";

export interface PageSources {
  readonly features: FeatureSource;
  readonly pricing: PricingContext;
  readonly broker: Pick<BrokerPort, "getObject" | "streamInfo"> & TokenBroker;
  readonly turns: Turns;
  readonly clock: Clock;
  readonly metricsText: () => Promise<string>;
  readonly operations: () => OperationsState;
  readonly viewerOf?: ViewerOf;
  /** Where the build put script and style sheet. */
  readonly directory?: string;
}

export type PageRoute = (path: string, handler: (context: Context) => Promise<Response> | Response) => void;

/** Reports are pages of their own, with their style inside. */
const reportHeaders = Object.freeze({
  "content-type": "text/html; charset=utf-8",
  "cache-control": "private, max-age=3600",
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
});

/** Puts every page and what it loads into the application. Without a build they answer what is missing; everything else works. */
export function registerPages(route: PageRoute, fetch: Fetch, sources: PageSources, logger: Logger): void {
  const { features, pricing, broker, turns, clock, metricsText, operations, viewerOf = everybody, directory = assetsDirectory() } = sources;
  const boards = new PriceBoards({ features, turns, clock }, pricing);
  const trends = new PlatformTrends({ features, turns, clock });
  const records = new TrainingRecords(broker);
  const list: readonly Page[] = [
    portfolioPage(trends, boards),
    pricesPage(boards),
    coursePage(),
    modelsPage(records),
    operationsPage(new OperationsHistory({ metricsText, state: operations, clock }), broker),
    peoplePage("teacher", features),
    teacherPage(),
    peoplePage("learner", features),
    learnerPage(new TokenHistory(broker)),
  ];
  let assets: Assets;
  try {
    assets = Assets.read(directory);
  } catch (error) {
    logger.warn({ error: errorMessage(error) }, "pages are not served");
    const missing = (): Response => {
      throw new ProblemError("not_found", "The pages were not built. `npm run build` builds them.");
    };
    for (const { path } of list) route(path, missing);
    return;
  }
  const pages = new Pages({ pages: list, assets, viewerOf, fetch, clock });
  for (const page of list) route(page.path, (context) => pages.answer(page, context));
  route("/assets/:name", (context) => assets.answer(context));
  route("/admin/prices.json", (context) => {
    mustSee(viewerOf(context), { kind: "platform" });
    return boardResponse(boards, context);
  });
  route("/admin/models/runs/:id", async (context) => {
    mustSee(viewerOf(context), { kind: "platform" });
    const page = await records.reportPage(context.req.param("id") ?? "");
    if (page === undefined) throw new ProblemError("not_found", "There is no report of such a run: it was pruned, or the broker is away.");
    return new Response(page, { headers: reportHeaders });
  });
}
