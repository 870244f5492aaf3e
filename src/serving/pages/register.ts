import type { Context } from "hono";
import { STREAM_CONTROL } from "../../contracts/subjects.ts";
import type { Clock } from "../../lib/clock.ts";
import { errorMessage } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { BrokerPort } from "../broker-link.ts";
import type { FeatureSource } from "../feature-source.ts";
import type { PricingContext } from "../pricing-inputs.ts";
import { ProblemError } from "../problem.ts";
import type { Turns } from "../turns.ts";
import type { Handler, Route } from "../route.ts";
import type { Access } from "../route-table.ts";
import { mustSee, viewerOf } from "./access.ts";
import { coursePage } from "./admin/course.tsx";
import { experimentPage, experimentsPage } from "./admin/experiments.tsx";
import { modelsPage } from "./admin/models.tsx";
import { operationsPage } from "./admin/operations.tsx";
import { newPolicyPage, policiesPage, policyPage } from "./admin/policies.tsx";
import { portfolioPage } from "./admin/portfolio.tsx";
import { boardResponse, pricesPage } from "./admin/prices.tsx";
import { Ask, type Fetch } from "./ask.ts";
import { Assets, assetsDirectory } from "./assets.ts";
import { CompetitorHistory } from "./competitor-history.ts";
import { learnerPage } from "./learner/learner.tsx";
import { ModelLists } from "./model-lists.ts";
import { OperationsHistory, type OperationsState } from "./operations-history.ts";
import { loginPage } from "./login.tsx";
import { OpenPages } from "./open-pages.ts";
import type { Page } from "./page.ts";
import type { PageWatch } from "./page-watch.ts";
import { Pages } from "./pages.tsx";
import { peoplePage } from "./people.tsx";
import { PlatformTrends } from "./platform-trend.ts";
import { PriceBoards } from "./price-board.ts";
import { registerSession } from "./session-routes.ts";
import { teacherPage } from "./teacher/teacher.tsx";
import type { HistoryBroker } from "./subject-history.ts";
import { TokenHistory } from "./token-history.ts";
import { TrainingRecords } from "./training-records.ts";

export interface PageSources {
  readonly features: FeatureSource;
  readonly pricing: PricingContext;
  readonly broker: Pick<BrokerPort, "getObject" | "streamInfo"> & HistoryBroker;
  readonly turns: Turns;
  readonly clock: Clock;
  readonly metricsText: () => Promise<string>;
  readonly operations: () => OperationsState;
  readonly watch: PageWatch;
  /** Courses that the table of prices gets at once, unless BOARD_COURSES_MAX. */
  readonly board_courses_max?: number;
  /** Where the build put script and style sheet. */
  readonly directory?: string;
}

/** Reports are pages of their own, with their style inside. */
const reportHeaders = Object.freeze({
  "content-type": "text/html; charset=utf-8",
  "cache-control": "private, max-age=3600",
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
});

/** Puts every page and what it loads into the application. Without a build they answer what is missing; everything else works. */
export function registerPages(route: Route, fetch: Fetch, access: Access, sources: PageSources, logger: Logger): void {
  const { features, pricing, broker, turns, clock, metricsText, operations, watch, board_courses_max, directory = assetsDirectory() } = sources;
  const boards = new PriceBoards({ features, turns, clock }, pricing, board_courses_max);
  const trends = new PlatformTrends({ features, turns, clock });
  const records = new TrainingRecords(broker);
  const lists = new ModelLists(features);
  const list: readonly Page[] = [
    loginPage,
    portfolioPage(trends, boards),
    pricesPage(boards),
    coursePage(new CompetitorHistory(broker), lists),
    modelsPage(records, lists),
    experimentsPage(trends),
    experimentPage,
    policiesPage,
    newPolicyPage,
    policyPage,
    operationsPage(new OperationsHistory({ metricsText, state: operations, clock }), broker),
    peoplePage("teacher", features),
    teacherPage(),
    peoplePage("learner", features),
    learnerPage(new TokenHistory(broker)),
  ];
  // Public as far as keys go: a page looks itself at who asks, and sends those whom it does not know to the log-in.
  const page = (path: string, summary: string, handler: Handler, type = "text/html"): void => {
    route({ method: "GET", path, role: "public", summary, answer: { type }, page: true }, handler);
  };
  const assets = readAssets(directory, logger);
  if (assets === undefined) {
    const missing = (): Response => {
      throw new ProblemError("not_found", "The pages were not built. `npm run build` builds them.");
    };
    for (const { path } of list) page(path, "pages, which were not built", missing);
    return;
  }
  const pages = new Pages({ pages: list, assets, access, fetch, features, clock, revision: () => features.current?.store.cursor(STREAM_CONTROL)?.sequence ?? 0 });
  for (const each of list) page(each.path, each.summary, (context) => pages.answer(each, context));
  const open = new OpenPages({ pages, watch, access, fetch });
  page("/live", "brings an open page up to date", (context) => open.answer(context), "text/event-stream");
  page("/assets/:name", "what pages load", (context) => assets.answer(context), "text/javascript");
  const platform = (context: Context): void => mustSee(viewerOf(access, context), { kind: "platform" });
  page("/admin/prices.json", "rows of the table of prices", (context) => (platform(context), boardResponse(boards, new Ask(fetch, context), context)), "application/json");
  page("/admin/models/runs/:id", "the report of a training run", (context) => (platform(context), reportResponse(records, context)));
  registerSession(route, access);
}

function readAssets(directory: string, logger: Logger): Assets | undefined {
  try {
    return Assets.read(directory);
  } catch (error) {
    logger.warn({ error: errorMessage(error) }, "pages are not served");
    return undefined;
  }
}

async function reportResponse(records: TrainingRecords, context: Context): Promise<Response> {
  const page = await records.reportPage(context.req.param("id") ?? "");
  if (page === undefined) throw new ProblemError("not_found", "There is no report of such a run: it was pruned, or the broker is away.");
  return new Response(page, { headers: reportHeaders });
}
