/** One autocannon run; every connection walks its own seeded order of the courses. */
import autocannon from "autocannon";
import { must } from "../../src/lib/assert.ts";
import { Prng } from "../../src/lib/prng.ts";
import { courseId, learnerId } from "../../src/simulator/ids.ts";
import { answer } from "../child.ts";
import { BATCH_COURSES, type LoadOptions } from "./load-options.ts";

const options = JSON.parse(must(process.argv[2], "options")) as LoadOptions;
const { learners = 10_000 } = options;
const price_points = [40, 50, 60, 70, 80, 90, 100, 120, 140, 160];
const categories = ["programming", "data-science"];
/** Requests of one connection, in turn; few, because encoding them holds up the first moments of a run. */
const REQUESTS = 32;
/** Not counted: the load generator's own compilation would show as the server's latency. */
const WARMUP_S = 1;
/** Of latencies of answered requests, in tenths of a millisecond; the last holds all beyond. */
const LATENCIES = 20_000;

/** Bodies of which no two are the same, made one by one as they are sent. */
const made_anew = options.bodies === "unique" || options.bodies === "new";
const courses = options.course_ids ?? Array.from({ length: options.courses }, (_, course) => courseId(course));

function body(random: Prng, order: readonly string[], number: number): string {
  const course_id = order[number % order.length]!;
  switch (options.bodies) {
    case "course":
      return JSON.stringify({ course_id });
    case "predict":
      return JSON.stringify({ course_id, price_points });
    case "unique":
      return JSON.stringify({ course_features: { category: categories[random.integer(2)], base_price: 20 + random.integer(400_000) }, price_points });
    case "batch":
      return JSON.stringify({ course_ids: Array.from({ length: BATCH_COURSES }, (_, i) => order[(number * BATCH_COURSES + i) % order.length]) });
    case "locked":
      return JSON.stringify({ learner_id: learnerId(number % learners), course_id });
    case "new":
      return JSON.stringify({ learner_id: learnerId(random.integer(learners)), course_id: order[random.integer(order.length)] });
  }
}

/** All courses in seeded order: each connection asks for its own stretch, so that every course is asked for equally often. */
function shuffled(random: Prng): string[] {
  const order = [...courses];
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

const good_latencies = new Int32Array(LATENCIES);

function run(seconds: number): Promise<autocannon.Result> {
  // What is locked is the same in every run; everything else is drawn by the seed.
  const random = new Prng(options.bodies === "locked" ? "load" : `load/${options.seed}`);
  const order = shuffled(random);
  let next = 0;
  const request = {
    method: "POST" as const,
    path: options.path,
    headers: { "content-type": "application/json", ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }) },
  };
  good_latencies.fill(0);
  return new Promise((resolve, reject) => {
    const instance = autocannon(
      {
        url: options.url,
        connections: options.connections,
        duration: seconds,
        ...(options.rate > 0 ? { overallRate: options.rate } : {}),
        setupClient: (client) => {
          if (made_anew) client.setRequests([{ ...request, setupRequest: (sent) => ({ ...sent, body: body(random, order, next++) }) }]);
          else client.setRequests(Array.from({ length: REQUESTS }, () => ({ ...request, body: body(random, order, next++) })));
        },
      },
      (error: Error | null, result) => {
        if (error === null) resolve(result);
        else reject(error);
      },
    );
    instance.on("response", (_client, status, _bytes, latency_ms) => {
      if (status < 300) good_latencies[Math.min(LATENCIES - 1, Math.round(latency_ms * 10))]!++;
    });
  });
}

function goodQuantile(q: number): number {
  const total = good_latencies.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  return good_latencies.findIndex((count) => (seen += count) >= q * total) / 10;
}

const warmup_s = options.warmup_s ?? WARMUP_S;
if (warmup_s > 0) await run(warmup_s);
const result = await run(options.seconds);
const good = result["2xx"];
answer({
  rps: result.requests.average,
  total: result.requests.total,
  p50_ms: result.latency.p50,
  p99_ms: result.latency.p99,
  good_rps: good / result.duration,
  good_p50_ms: goodQuantile(0.5),
  good_p99_ms: goodQuantile(0.99),
  refused: result.statusCodeStats?.["503"]?.count ?? 0,
  errors: result.errors + result.timeouts + result.non2xx,
  ended_ms: Date.now(),
});
