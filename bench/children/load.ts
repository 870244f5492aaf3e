/** One autocannon run; every connection walks its own seeded order of the courses. */
import autocannon from "autocannon";
import { must } from "../../src/lib/assert.ts";
import { Prng } from "../../src/lib/prng.ts";
import { answer } from "../child.ts";
import type { LoadOptions } from "./load-options.ts";

const options = JSON.parse(must(process.argv[2], "options")) as LoadOptions;
const price_points = [40, 50, 60, 70, 80, 90, 100, 120, 140, 160];
const categories = ["programming", "data-science"];
/** Requests of one connection, in turn; few, because encoding them holds up the first moments of a run. */
const REQUESTS = 32;
/** Not counted: the load generator's own compilation would show as the server's latency. */
const WARMUP_S = 1;

function body(random: Prng, course: number): string {
  const course_id = `C${String(course).padStart(5, "0")}`;
  switch (options.bodies) {
    case "course":
      return JSON.stringify({ course_id });
    case "predict":
      return JSON.stringify({ course_id, price_points });
    case "unique":
      return JSON.stringify({ course_features: { category: categories[random.integer(2)], base_price: 20 + random.integer(400_000) }, price_points });
  }
}

/** All courses in seeded order: each connection asks for its own stretch, so that every course is asked for equally often. */
function shuffled(random: Prng): number[] {
  const order = Array.from({ length: options.courses }, (_, course) => course);
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

function run(seconds: number): Promise<autocannon.Result> {
  const random = new Prng(`load/${options.seed}`);
  const order = shuffled(random);
  let next = 0;
  return autocannon({
    url: options.url,
    connections: options.connections,
    duration: seconds,
    ...(options.rate > 0 ? { overallRate: options.rate } : {}),
    setupClient: (client) => {
      client.setRequests(
        Array.from({ length: REQUESTS }, () => ({
          method: "POST" as const,
          path: options.path,
          headers: { "content-type": "application/json" },
          body: body(random, order[next++ % order.length]!),
        })),
      );
    },
  });
}

await run(WARMUP_S);
const result = await run(options.seconds);
answer({
  rps: result.requests.average,
  total: result.requests.total,
  p50_ms: result.latency.p50,
  p99_ms: result.latency.p99,
  errors: result.errors + result.timeouts + result.non2xx,
});
