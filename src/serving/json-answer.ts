import type { Context } from "hono";
import { jsonInit } from "./headers.ts";
import { WholeRequest } from "./whole-request.ts";

/** A JSON answer of status 200 as its text alone, which the listener of whole requests writes as it is. */
export class JsonAnswer {
  readonly status = 200;
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Answers with JSON text. The framework hands on what a handler returns, so a whole request, which goes to its own listener, need not be answered by a Response. */
export function jsonAnswer(context: Context, text: string): Response {
  return (context.req.raw as unknown) instanceof WholeRequest ? (new JsonAnswer(text) as unknown as Response) : new Response(text, jsonInit);
}
