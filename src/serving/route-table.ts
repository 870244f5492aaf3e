import { type Context, Hono } from "hono";
import { assert } from "../lib/assert.ts";
import type { Finish } from "./finish.ts";
import type { ServingMetrics } from "./metrics.ts";
import type { Principal } from "./keys/key-ring.ts";
import { ProblemError, problemResponse } from "./problem.ts";
import type { Handler, Method, RouteDefinition } from "./route.ts";

/** Lets a request pass to its endpoint, or throws the ProblemError that refuses it. */
export type Guard = (context: Context) => void;

/** Who looks at a page: whoever asks, where keys are not asked for; the holder of a key; or nobody known. */
export type Visitor = "anyone" | Principal | undefined;

export interface Access {
  /** Resolved once an endpoint. */
  guard(definition: RouteDefinition): Guard;
  /** Whose the key is that somebody presents. Absent: nobody is known, and no page shows anything. */
  visitor?(presented: string | undefined): Visitor;
}

/** Nobody is asked for anything: for what listens to its own process alone. */
export const openAccess: Access = { guard: () => () => undefined, visitor: () => "anyone" };

export interface RouteTableDeps {
  readonly app: Hono;
  readonly metrics: ServingMetrics;
  readonly access: Access;
  readonly finish: Finish;
  /** What each handler is wrapped in, if anything, such as traces: resolved once an endpoint. */
  readonly around?: ((definition: RouteDefinition, handler: Handler) => Handler) | undefined;
}

/** Every endpoint and page there is, in order of registration. */
export class RouteTable {
  readonly #deps: RouteTableDeps;
  readonly #definitions: RouteDefinition[] = [];
  readonly #methods = new Set<Method>();
  /** The same handlers without keys and metrics. */
  readonly #within = new Hono();

  constructor(deps: RouteTableDeps) {
    this.#deps = deps;
    this.#within.onError((error) => {
      if (error instanceof ProblemError) return problemResponse(error);
      throw error;
    });
  }

  /** Asks an endpoint from within the process: for parts that have judged for themselves who may see its answer. */
  ask(request: Request): Promise<Response> | Response {
    return this.#within.fetch(request);
  }

  /** Of the API: pages are not among them. */
  get definitions(): readonly RouteDefinition[] {
    return this.#definitions;
  }

  /** A middleware would put each request through the framework's composition, which a price call feels: guard, handler and clock are one function instead. */
  readonly route = (definition: RouteDefinition, bare: Handler): void => {
    const { method, path } = definition;
    assert(!this.#definitions.some((known) => known.method === method && known.path === path), `${method} ${path} is registered twice`);
    if (definition.page !== true) this.#definitions.push(definition);
    this.#methods.add(method);
    const { app, metrics, access, finish } = this.#deps;
    this.#within.on(method, path, bare);
    const handler = this.#deps.around?.(definition, bare) ?? bare;
    const observe = metrics.route(method, path);
    const guard = access.guard(definition);
    app.on(method, path, (context) => {
      const started = performance.now();
      const answered = (made: Response): Response => {
        const response = finish(context, made);
        observe(response.status, performance.now() - started);
        return response;
      };
      const failed = (error: unknown): never => {
        observe(error instanceof ProblemError ? error.status : 500, performance.now() - started);
        throw error;
      };
      try {
        guard(context);
        const response = handler(context);
        // What is answered at once is not made to wait for a turn of promises.
        return response instanceof Promise ? response.then(answered, failed) : answered(response);
      } catch (error) {
        return failed(error);
      }
    });
  };

  /** Methods that a path answers to; none: there is no such path. */
  allowed(path: string): string[] {
    const methods = [...this.#methods].filter((method) => this.#deps.app.router.match(method, path)[0].length > 0);
    return methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  }
}
