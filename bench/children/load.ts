/** One autocannon run; every connection walks its own seeded order of the courses. */
import autocannon from "autocannon";
import { must } from "../../src/lib/assert.ts";
import { Prng } from "../../src/lib/prng.ts";
import { answer } from "../child.ts";
import type { LoadOptions } from "./load-options.ts";

const options = JSON.parse(must(process.argv[2], "options")) as LoadOptions;
const price_points = [40, 50, 60, 70, 80, 90, 100, 120, 140, 160];
const categories = ["programming", "data-science"];

function body(random: Prng): string {
  const course_id = `C${String(random.integer(options.courses)).padStart(5, "0")}`;
  switch (options.bodies) {
    case "course":
      return JSON.stringify({ course_id });
    case "predict":
      return JSON.stringify({ course_id, price_points });
    case "unique":
      return JSON.stringify({ course_features: { category: categories[random.integer(2)], base_price: 20 + random.integer(400_000) }, price_points });
  }
}

let connection = 0;
const result = await autocannon({
  url: options.url,
  connections: options.connections,
  duration: options.seconds,
  ...(options.rate > 0 ? { overallRate: options.rate } : {}),
  setupClient: (client) => {
    const random = new Prng(`load/${options.seed}/${connection++}`);
    client.setRequests(
      Array.from({ length: 2000 }, () => ({
        method: "POST" as const,
        path: options.path,
        headers: { "content-type": "application/json" },
        body: body(random),
      })),
    );
  },
});
answer({
  rps: result.requests.average,
  total: result.requests.total,
  p50_ms: result.latency.p50,
  p99_ms: result.latency.p99,
  errors: result.errors + result.timeouts + result.non2xx,
});
