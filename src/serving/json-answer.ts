import type { Context } from "hono";
import { jsonHeaders, jsonInit } from "./headers.ts";
import { WholeRequest } from "./whole-request.ts";

/** A JSON answer of status 200 as its text alone, which the listener of whole requests writes as it is. */
export class JsonAnswer {
  readonly status = 200;
  readonly text: string;
  /** Made when something is to be added to the usual ones. */
  #headers: Headers | undefined;

  constructor(text: string) {
    this.text = text;
  }

  get headers(): Headers {
    return (this.#headers ??= new Headers(jsonHeaders));
  }

  /** undefined: only what every JSON answer has. */
  get changed_headers(): Headers | undefined {
    return this.#headers;
  }
}

/** Answers with JSON text. The framework hands on what a handler returns, so a whole request, which goes to its own listener, need not be answered by a Response. */
export function jsonAnswer(context: Context, text: string): Response {
  return (context.req.raw as unknown) instanceof WholeRequest ? (new JsonAnswer(text) as unknown as Response) : new Response(text, jsonInit);
}
