import { type BatchRow, PRICE_BATCH_MAX, priceBatchAnswerSchema } from "../contracts/price-batch.ts";
import type { Objective } from "../contracts/policy.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { Prng } from "../lib/prng.ts";

const TIMEOUT_MS = 30_000;
const columns = ["course_id", "current_price", "optimized_price", "price_change", "expected_increase_pct", "confidence", "risk", "test_group", "quote_id"] as const;

export interface Engine {
  readonly url: string;
  readonly key: string | undefined;
}

export interface TestGroups {
  /** Of the courses, in the treatment group. */
  readonly share: number;
  readonly seed: string;
}

async function ask({ url, key }: Engine, path: string, body?: object): Promise<unknown> {
  const headers = { "content-type": "application/json", ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) };
  const request = body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) };
  const response = await fetch(new URL(path, url), { ...request, signal: AbortSignal.timeout(TIMEOUT_MS) }).catch((error: unknown) => {
    throw new TidemarkError("engine_unreachable", `nothing answers at ${url} (${errorMessage(error)}): run \`tidemark start\` or \`tidemark serve\`, or say where the engine is with --engine-url`, { cause: error });
  });
  if (response.status === 401 || response.status === 403) throw new TidemarkError("no_access", `${url} asks for a key with the role price: name a file with one by --key-file`);
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok) return answer;
  const { detail = `status ${response.status}` } = (answer ?? {}) as { readonly detail?: string };
  throw new TidemarkError("engine_refused", `${url}${path}: ${detail}`);
}

/** Ids of all courses that the engine knows. */
export async function allCourses(engine: Engine): Promise<string[]> {
  const ids: string[] = [];
  for (let path: string | null = `/courses?limit=${PRICE_BATCH_MAX}`; path !== null; ) {
    const { courses, next } = (await ask(engine, path)) as { readonly courses: readonly { readonly course_id: string }[]; readonly next: string | null };
    for (const { course_id } of courses) ids.push(course_id);
    path = next;
  }
  return ids;
}

export interface Optimized {
  readonly rows: readonly BatchRow[];
  readonly unknown_courses: readonly string[];
}

/** Asks for prices, a batch after the other. Throws TidemarkError `engine_unreachable`, `no_access` or `engine_refused`. */
export async function optimizeCourses(engine: Engine, course_ids: readonly string[], objective: Objective | undefined, onProgress: (done: number) => void): Promise<Optimized> {
  const rows: BatchRow[] = [];
  const unknown_courses: string[] = [];
  for (let from = 0; from < course_ids.length; from += PRICE_BATCH_MAX) {
    const answer = priceBatchAnswerSchema.parse(await ask(engine, "/price_batch", { course_ids: course_ids.slice(from, from + PRICE_BATCH_MAX), objective }));
    rows.push(...answer.prices);
    unknown_courses.push(...answer.unknown_courses);
    onProgress(Math.min(course_ids.length, from + PRICE_BATCH_MAX));
  }
  return { rows, unknown_courses };
}

/** By a seeded hash of the course's id: the same course is in the same group, whatever other courses there are. Control keeps its price. */
export function testGroup(course_id: string, { share, seed }: TestGroups): "treatment" | "control" {
  return new Prng(`${seed}/${course_id}`).uniform() < share ? "treatment" : "control";
}

/** Ids, numbers and words of our own: nothing in them has to be quoted. */
export function pricesCsv(rows: readonly BatchRow[], groups: TestGroups): string {
  const lines = rows.map(({ course_id, quote_id, current_price, optimal_price, increase_pct, confidence, risk }) => {
    return [course_id, current_price, optimal_price, optimal_price - current_price, increase_pct, confidence, risk, testGroup(course_id, groups), quote_id].join();
  });
  return `${[columns.join(), ...lines].join("\n")}\n`;
}
