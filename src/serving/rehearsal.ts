import { duplexPair } from "node:stream";
import { Hono } from "hono";
import { must } from "../lib/assert.ts";
import type { Clock } from "../lib/clock.ts";
import { SECOND_MS } from "../lib/time.ts";
import type { BatchPrices } from "./batch-prices.ts";
import type { Degradation } from "./degradation.ts";
import type { FeatureSource } from "./feature-source.ts";
import { createFinish } from "./finish.ts";
import { HttpServer } from "./http-server.ts";
import { ServingMetrics } from "./metrics.ts";
import { PlainPathsFirst } from "./plain-paths.ts";
import type { PriceService } from "./price-service.ts";
import { openAccess, RouteTable } from "./route-table.ts";
import { registerPrices } from "./routes/price-routes.ts";

/** So many calls are compiled after. With fewer courses each is asked for again; of more the first ones are priced. */
const PRICES_MIN = 2_000;
const PRICES_MAX = 4_000;
const PREDICTIONS = 200;
const AT_ONCE = 16;
/** On a machine that is busy otherwise the rest is left to the first callers. */
const TIME_MAX_MS = 1_500;

/** Features whose newest event was stored longer ago than this are not those of now, where others wait to be folded. */
const BEHIND_MS = SECOND_MS;

export interface RehearsalDeps {
  readonly features: FeatureSource;
  readonly degradation: Pick<Degradation, "lag_events">;
  readonly prices: PriceService;
  readonly batches: BatchPrices;
  readonly clock: Clock;
}

function firstCourses({ current }: FeatureSource, count: number): string[] {
  const course_ids: string[] = [];
  for (const course_id of current?.store.ids("course") ?? []) if (course_ids.push(course_id) === count) break;
  return course_ids;
}

function post(path: string, body: object): string {
  const text = JSON.stringify(body);
  return `POST ${path} HTTP/1.1\r\nhost: rehearsal\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
}

function rehearsalCalls(course_ids: readonly string[]): string[] {
  const course_id = (number: number): string => must(course_ids[number % course_ids.length], "a course");
  const prices = Math.max(PRICES_MIN, course_ids.length);
  return [
    ...Array.from({ length: prices }, (_, i) => post("/optimize_price", { course_id: course_id(i) })),
    ...Array.from({ length: PREDICTIONS }, (_, i) => post("/predict_enrollments", { course_id: course_id(i), price_points: [50, 75, 100, 125, 150] })),
  ];
}

/**
 * Has a process that is about to listen answer price calls of its own until it is as fast as it will be: the first calls of a new process take milliseconds each, since nothing
 * is compiled and no course is priced, and at 2,000 a second those behind them wait for half a second. They take the way of any other call through the same code, over a
 * connection inside the process, past routes and metrics of their own: no key is asked for, and no call is counted. The prices are those that callers get in the next minute,
 * unless features are still on their way to now, and their decisions are recorded like any. Resolves with the number of answers: 0 where there is no course yet, fewer than all where it took too long.
 */
export async function rehearse({ features, degradation, prices, batches, clock }: RehearsalDeps): Promise<number> {
  const course_ids = firstCourses(features, PRICES_MAX);
  if (course_ids.length === 0) return 0;
  const app = new Hono({ router: new PlainPathsFirst() });
  const { route } = new RouteTable({ app, metrics: new ServingMetrics(), access: openAccess, finish: createFinish({ cors_origins: [], tls: false }) });
  registerPrices(route, prices, batches);
  const behind = (degradation.lag_events ?? 0) > 0 && clock.now_ms() - (features.current?.store.watermark()?.broker_time_ms ?? 0) > BEHIND_MS;
  const [caller, connection] = duplexPair();
  new HttpServer(app, clock).serve(connection);
  const answers = caller.setEncoding("latin1")[Symbol.asyncIterator]() as AsyncIterator<string, undefined>;
  const calls = rehearsalCalls(course_ids);
  const until_ms = performance.now() + TIME_MAX_MS;
  let answered = 0;
  try {
    while (answered < calls.length && performance.now() < until_ms) {
      const asked = calls.slice(answered, answered + AT_ONCE);
      caller.write(asked.join(""));
      for (let text = ""; text.split("HTTP/1.1 ").length <= asked.length; ) {
        const { value } = await answers.next();
        if (value === undefined) return answered;
        text += value;
      }
      answered += asked.length;
    }
    return answered;
  } finally {
    connection.destroy();
    if (behind) prices.forget();
  }
}
