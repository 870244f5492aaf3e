import { problemCodes } from "../contracts/problem.ts";
import type { Problem, ProblemCode } from "../contracts/problem.ts";
import { problemHeaders } from "./headers.ts";

const titles: Readonly<Record<ProblemCode, string>> = {
  invalid_request: "The request is not valid HTTP",
  request_timeout: "The request took too long to arrive",
  headers_too_large: "The request's headers are too large",
  invalid_json: "The body is not JSON",
  invalid_field: "A field is not valid",
  unknown_course: "The course is not known",
  unknown_learner: "The learner is not known",
  unknown_policy: "The policy is not known",
  unknown_model: "The model is not known",
  model_refused: "The model in service stays",
  invalid_policy: "The policy contradicts itself or another one",
  price_rule: "The price breaks a rule",
  unauthorized: "A key is needed",
  forbidden: "This key may not do that",
  rate_limited: "This key asks too often",
  not_found: "Nothing here",
  method_not_allowed: "This method is not allowed here",
  body_too_large: "The body is too large",
  unsupported_media_type: "This content type is not accepted here",
  events_rejected: "No event was accepted",
  too_many_events: "Too many events are on their way",
  broker_unavailable: "The broker is not available",
  overloaded: "Too much is asked for at once",
  features_unavailable: "The feature store is not available",
  conflict: "Somebody else was faster",
  fold_behind: "The change is recorded, but not in force here yet",
  draining: "This process is stopping",
  internal: "Something went wrong in the engine",
};

/** A request that cannot be answered: thrown by routes, answered as RFC 9457 problem details. */
export class ProblemError extends Error {
  override name = "ProblemError";
  readonly code: ProblemCode;
  readonly field: string | undefined;
  readonly headers: Readonly<Record<string, string>> | undefined;
  /** Members of the body beside the standard ones. */
  readonly extension: object | undefined;

  constructor(code: ProblemCode, detail: string, options: { field?: string; headers?: Readonly<Record<string, string>>; extension?: object } = {}) {
    super(detail);
    this.code = code;
    this.field = options.field;
    this.headers = options.headers;
    this.extension = options.extension;
  }

  get status(): number {
    return problemCodes[this.code];
  }
}

export function problemText(problem: ProblemError): string {
  const body: Problem = {
    type: `urn:tidemark:problem:${problem.code}`,
    title: titles[problem.code],
    status: problem.status,
    detail: problem.message,
    code: problem.code,
    ...(problem.field === undefined ? {} : { field: problem.field }),
  };
  return JSON.stringify(problem.extension === undefined ? body : { ...body, ...problem.extension });
}

export function problemResponse(problem: ProblemError): Response {
  const headers = problem.headers === undefined ? problemHeaders : { ...problemHeaders, ...problem.headers };
  return new Response(problemText(problem), { status: problem.status, headers });
}

/** What an unexpected error becomes: the cause goes to the log, never into the body. */
export function internalProblem(): ProblemError {
  return new ProblemError("internal", "The request could not be answered. The engine's log says why.");
}
