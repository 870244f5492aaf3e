import type { Context } from "hono";
import { problemCodes, type ProblemCode, problemSchema } from "../../contracts/problem.ts";
import { ProblemError } from "../problem.ts";

/** Answers a request as the HTTP application would. */
export type Fetch = (request: Request) => Promise<Response> | Response;

/** Headers that say who asks: what a page may show is what its viewer's own call would be answered. */
const PASSED_ON = ["authorization", "cookie"] as const;

function isCode(code: string): code is ProblemCode {
  return Object.hasOwn(problemCodes, code);
}

/**
 * Asks the engine's own API within the process, for whoever asked for the page. Pages say what the API says: there is no second way to a figure.
 * Throws the ProblemError that the API answers with.
 */
export class Ask {
  readonly #fetch: Fetch;
  readonly #headers: Record<string, string> = {};
  readonly #origin: string;

  constructor(fetch: Fetch, context: Context) {
    this.#fetch = fetch;
    this.#origin = new URL(context.req.url).origin;
    for (const name of PASSED_ON) {
      const value = context.req.header(name);
      if (value !== undefined) this.#headers[name] = value;
    }
  }

  /** The body of a GET. The caller names its type, as the contract of the endpoint has it: both ends are this program. */
  async get<Answer>(path: string): Promise<Answer> {
    const response = await this.#fetch(new Request(`${this.#origin}${path}`, { headers: this.#headers }));
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
