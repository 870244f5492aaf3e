import type { Problem } from "../contracts/problem.ts";
import { TidemarkApiError } from "./client-error.ts";

export interface ClientOptions {
  /** Where the engine answers, such as https://prices.example.org. */
  readonly url: string;
  readonly key?: string;
  /** How often a request is sent again that was turned away because of load, or because something is away; 2 unless given. */
  readonly retries?: number;
  /** For each attempt; 10 s unless given. */
  readonly timeout_ms?: number;
  /** Of the platform unless given. */
  readonly fetch?: (request: Request) => Promise<Response>;
  readonly sleep?: (ms: number) => Promise<void>;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface CallOptions {
  readonly query?: Query | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const RETRIES = 2;
const TIMEOUT_MS = 10_000;
const PAUSE_MAX_MS = 10_000;
/** Turned away before anything was done: any request may be sent again. */
const UNTOUCHED = new Set(["overloaded", "draining", "rate_limited", "too_many_events", "features_unavailable"]);

/** Sends requests, and sends them again where that is safe. */
export class ClientTransport {
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #retries: number;
  readonly #timeout_ms: number;
  readonly #fetch: (request: Request) => Promise<Response>;
  readonly sleep: (ms: number) => Promise<void>;

  constructor({ url, key, retries = RETRIES, timeout_ms = TIMEOUT_MS, fetch = globalThis.fetch, sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms)) }: ClientOptions) {
    this.#base = url.replace(/\/+$/, "");
    this.#headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
    this.#retries = retries;
    this.#timeout_ms = timeout_ms;
    this.#fetch = (request) => fetch(request);
    this.sleep = sleep;
  }

  /**
   * The JSON of the answer. Throws TidemarkApiError for what the engine refuses, and what `fetch` throws when there is no engine. `repeatable`: sending the
   * request twice does no more than once, so that it is also sent again when nobody knows whether it was carried out.
   */
  async json<Answer>(method: string, path: string, options: CallOptions = {}, repeatable = method === "GET"): Promise<Answer> {
    const response = await this.#send(method, path, options, repeatable);
    return (await response.json()) as Answer;
  }

  async text(path: string): Promise<string> {
    return (await this.#send("GET", path, {}, true)).text();
  }

  /** A response whose body goes on for as long as it is read; `signal` ends it. */
  async open(path: string, options: CallOptions, signal: AbortSignal): Promise<Response> {
    const response = await this.#fetch(this.#request("GET", path, options, signal));
    if (!response.ok) throw await errorOf(response);
    return response;
  }

  async #send(method: string, path: string, options: CallOptions, repeatable: boolean): Promise<Response> {
    for (let attempt = 0; ; attempt++) {
      const response = await this.#fetch(this.#request(method, path, options, AbortSignal.timeout(this.#timeout_ms)));
      if (response.ok) return response;
      const error = await errorOf(response);
      const again = UNTOUCHED.has(error.code) || (repeatable && response.status === 503);
      if (!again || attempt >= this.#retries) throw error;
      const after_s = Number(response.headers.get("retry-after") ?? 1);
      await this.sleep(Math.min(PAUSE_MAX_MS, Math.max(0, after_s) * 1000));
    }
  }

  #request(method: string, path: string, { query = {}, body, headers = {} }: CallOptions, signal: AbortSignal): Request {
    const url = new URL(this.#base + path);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const type: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
    return new Request(url, { method, headers: { accept: "application/json", ...this.#headers, ...type, ...headers }, ...content, signal });
  }
}

async function errorOf(response: Response): Promise<TidemarkApiError> {
  const text = await response.text();
  try {
    const problem = JSON.parse(text) as Partial<Problem>;
    if (typeof problem.code === "string" && typeof problem.detail === "string") return new TidemarkApiError(problem as Problem);
  } catch {
    // Not the engine's: a proxy stands between.
  }
  return new TidemarkApiError({ type: "about:blank", title: response.statusText, status: response.status, detail: `status ${response.status}: ${text.slice(0, 200)}`, code: "unknown" });
}
