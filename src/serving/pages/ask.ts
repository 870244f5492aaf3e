import type { Context } from "hono";
import { problemCodes, type ProblemCode, problemSchema } from "../../contracts/problem.ts";
import { ProblemError } from "../problem.ts";

/** Answers a request as the HTTP application would whoever may ask it. */
export type Fetch = (request: Request) => Promise<Response> | Response;

function isCode(code: string): code is ProblemCode {
  return Object.hasOwn(problemCodes, code);
}

/**
 * Asks the engine's own API within the process, for a page whose viewer was let in. Pages say what the API says: there is no second way to a figure.
 * Throws the ProblemError that the API answers with.
 */
export class Ask {
  readonly #fetch: Fetch;
  readonly #origin: string;

  constructor(fetch: Fetch, context: Context) {
    this.#fetch = fetch;
    this.#origin = new URL(context.req.url).origin;
  }

  /** The body of a GET. The caller names its type, as the contract of the endpoint has it: both ends are this program. */
  async get<Answer>(path: string): Promise<Answer> {
    const response = await this.#fetch(new Request(`${this.#origin}${path}`));
    const body: unknown = await response.json();
    if (response.status === 200) return body as Answer;
    const problem = problemSchema.parse(body);
    throw new ProblemError(isCode(problem.code) ? problem.code : "internal", problem.detail);
  }

  /** The same where its absence is an answer. */
  async find<Answer>(path: string): Promise<Answer | undefined> {
    try {
      return await this.get<Answer>(path);
    } catch (error) {
      if (error instanceof ProblemError && error.status === 404) return undefined;
      throw error;
    }
  }
}
