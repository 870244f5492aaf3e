import { z } from "zod";
import { optimizeAnswerSchema, type OptimizeAnswer } from "../contracts/api.ts";
import { errorMessage } from "../lib/errors.ts";

const TIMEOUT_MS = 5_000;

/** A price that is as good as the engine gives, or what keeps it from being so; null: the engine asks for a key, or another one. */
export async function askPrice(url: string, course_id: string, key?: string): Promise<OptimizeAnswer | string | null> {
  try {
    const response = await fetch(`${url}/optimize_price`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
      body: JSON.stringify({ course_id }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.status === 401 || response.status === 403) return null;
    const body: unknown = await response.json();
    if (response.status !== 200) return `status ${response.status}, ${(body as { detail?: unknown }).detail ?? "no detail"}`;
    const answer = optimizeAnswerSchema.parse(body);
    return answer.degraded === undefined ? answer : `degraded: ${answer.degraded.join(", ")}`;
  } catch (error) {
    return error instanceof TypeError ? "the engine does not answer yet" : errorMessage(error);
  }
}

const courseListSchema = z.object({ courses: z.array(z.object({ course_id: z.string() })) });

/** A course that the engine knows; undefined while it does not answer or knows none. */
export async function anyCourse(url: string, key?: string): Promise<string | undefined> {
  try {
    const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
    const response = await fetch(`${url}/courses?limit=1`, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    return response.ok ? courseListSchema.parse(await response.json()).courses[0]?.course_id : undefined;
  } catch {
    return undefined;
  }
}
