import { TidemarkError } from "../src/lib/errors.ts";
import { pacedLoad } from "./processes.ts";
import { type BenchOptions, type BenchResult, numberArg } from "./report.ts";
import { headersOf } from "./roles.ts";

const CONNECTIONS = 64;
const RATE_PER_S = 1_000;
const DURATION_S = 60;
const P99_MAX_MS = 200;
const PAGE = 500;
/** Enough to ask for; their ids travel on a command line. */
const COURSES_MAX = 2_000;

/** Course ids of the platform, as its own list gives them. Throws TidemarkError `bench_url`. */
async function courseIds(url: string, key: string | undefined): Promise<string[]> {
  const ids: string[] = [];
  for (let path: string | undefined = `/courses?limit=${PAGE}`; path !== undefined && ids.length < COURSES_MAX; ) {
    const response: Response = await fetch(new URL(path, url), { headers: headersOf(key) }).catch((error: unknown) => {
      throw new TidemarkError("bench_url", `${url} does not answer`, { cause: error });
    });
    if (!response.ok) throw new TidemarkError("bench_url", `GET ${path} is answered with ${response.status}: ${await response.text()}`);
    const { courses, next } = (await response.json()) as { courses: readonly { course_id: string }[]; next: string | null };
    ids.push(...courses.map(({ course_id }) => course_id));
    path = next ?? undefined;
  }
  if (ids.length === 0) throw new TidemarkError("bench_url", `${url} knows no course`);
  return ids.slice(0, COURSES_MAX);
}

/** Asks a platform that runs for prices at a steady rate; fails on any error and on a 99th percentile of 200 ms or more. */
export async function runLiveLoad(options: BenchOptions): Promise<BenchResult> {
  const { url = "", key } = options.args;
  const rate = numberArg(options, "rate", RATE_PER_S);
  const seconds = numberArg(options, "duration", DURATION_S);
  const course_ids = await courseIds(url, key);
  const result = await pacedLoad({ url, path: "/optimize_price", bodies: "course", rate, seconds, connections: CONNECTIONS, courses: course_ids.length, course_ids, seed: 0, key });
  const errors = result.errors + result.refused + result.unanswered;
  const failures = [
    ...(errors > 0 ? [`${errors} of ${result.total} requests failed`] : []),
    ...(result.p99_ms < P99_MAX_MS ? [] : [`99 % of prices took up to ${result.p99_ms.toFixed(1)} ms`]),
    ...(result.rps < 0.95 * rate ? [`${Math.round(result.rps)} prices a second were answered, not ${rate}`] : []),
  ];
  return {
    metrics: { rate_per_s: result.rps, p50_ms: result.p50_ms, p99_ms: result.p99_ms, requests: result.total, errors, courses: course_ids.length },
    check: "live",
    notes: [`${CONNECTIONS} connections, ${rate} requests a second for ${seconds} s after two of warming up, each at its own moment and timed from it, against ${url}; courses uniform over ${course_ids.length}`],
    ...(failures.length > 0 ? { failure: failures.join("; ") } : {}),
  };
}
