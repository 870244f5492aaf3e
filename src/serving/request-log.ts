import { randomUUID } from "node:crypto";
import type { Logger } from "../lib/log.ts";
import { requestIdOf } from "./finish.ts";
import { ProblemError } from "./problem.ts";
import type { Handler, RouteDefinition } from "./route.ts";

/** A line a request, for looking closely: only at log level debug is a handler wrapped in it. A request without an id gets one, for its lines. */
export function logged(logger: Logger, { method, path }: Pick<RouteDefinition, "method" | "path">, handler: Handler): Handler {
  return (context) => {
    const started = performance.now();
    const request_id = requestIdOf(context) ?? randomUUID();
    const tell = (status: number, code?: string): void => logger.debug({ request_id, method, route: path, path: context.req.path, status, code, duration_ms: performance.now() - started }, "request");
    const answered = (response: Response): Response => {
      tell(response.status);
      return response;
    };
    const failed = (error: unknown): never => {
      if (error instanceof ProblemError) tell(error.status, error.code);
      else tell(500);
      throw error;
    };
    try {
      const answer = handler(context);
      return answer instanceof Promise ? answer.then(answered, failed) : answered(answer);
    } catch (error) {
      return failed(error);
    }
  };
}
