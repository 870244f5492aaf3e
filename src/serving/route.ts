import type { Context } from "hono";
import type { z } from "zod";
import type { MinimumRole } from "../contracts/role.ts";

export type Method = "GET" | "POST" | "PUT" | "DELETE";
export type Handler = (context: Context) => Promise<Response> | Response;

/** What stands in the documents for one status of an endpoint, beside problems. */
export interface Answer {
  readonly status?: 200 | 201 | 202;
  /** `application/json` unless said. */
  readonly type?: string;
  /** Of JSON; absent: text. */
  readonly schema?: z.ZodType;
  readonly description?: string;
}

/** One endpoint, as authentication, the OpenAPI document, 405 answers, metrics and the landing page read it. The handler validates by the same schemas. */
export interface RouteDefinition {
  readonly method: Method;
  /** Parameters as `:id`; `:id{.+}` takes slashes, too. */
  readonly path: string;
  readonly role: MinimumRole;
  /** What it answers, in half a sentence. */
  readonly summary: string;
  readonly description?: string;
  readonly body?: z.ZodType;
  /** Media types of the body; `application/json` unless said. */
  readonly bodyTypes?: readonly string[];
  /** An object of text parameters. */
  readonly query?: z.ZodType;
  /** An object of the path's parameters; ids unless said. */
  readonly params?: z.ZodObject;
  readonly answer?: z.ZodType | Answer;
  /** Statuses that it may refuse with, beside those that follow from the rest. */
  readonly refuses?: readonly (401 | 404 | 409)[];
  /** The answer has an ETag and If-None-Match gets 304. */
  readonly cacheable?: boolean;
  /**
   * Whose keys that are bound to one person may ask: the path's `id` is compared with the key's, or the handler compares (`requireLearner`) where only the body
   * names somebody. Bound keys reach nothing else.
   */
  readonly owner?: "learner" | "teacher" | "handler";
  /** For people, or what their pages load: it stands in no document of the API. */
  readonly page?: boolean;
  /** `body` of a request, `answer` of a response, `params` and `query` of its address. */
  readonly example?: { readonly body?: unknown; readonly query?: Readonly<Record<string, string>>; readonly params?: Readonly<Record<string, string>>; readonly answer?: unknown };
}

/** Adds an endpoint: one handler, with nothing before it but the check of the key. */
export type Route = (definition: RouteDefinition, handler: Handler) => void;
