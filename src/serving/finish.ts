import type { Context } from "hono";

/** Adds what every answer carries beside its own headers. */
export type Finish = (context: Context, response: Response) => Response;

const REQUEST_ID = "x-request-id";
const REQUEST_ID_TEXT = /^[\w.:/+=-]{1,128}$/;
const PREFLIGHT_S = "600";

/** The id that whoever asked gave the request; undefined when none was given, or it is none that a log should hold. */
export function requestIdOf(context: Context): string | undefined {
  const id = context.req.header(REQUEST_ID);
  return id !== undefined && REQUEST_ID_TEXT.test(id) ? id : undefined;
}

export interface FinishOptions {
  /** Origins whose pages may ask: scheme, host and port, as browsers send them. */
  readonly cors_origins: readonly string[];
  readonly tls: boolean;
}

/** Resolved once: without origins and TLS, and without an id in the request, an answer goes out as it is. */
export function createFinish({ cors_origins, tls }: FinishOptions): Finish {
  const origins = new Set(cors_origins);
  return (context, response) => {
    const id = requestIdOf(context);
    if (id !== undefined) response.headers.set(REQUEST_ID, id);
    if (tls) response.headers.set("strict-transport-security", "max-age=31536000");
    if (origins.size > 0) {
      response.headers.append("vary", "origin");
      const origin = context.req.header("origin");
      if (origin !== undefined && origins.has(origin)) {
        response.headers.set("access-control-allow-origin", origin);
        response.headers.set("access-control-expose-headers", "etag, link, retry-after, x-request-id");
      }
    }
    return response;
  };
}

/** The answer to a browser that asks before it asks; undefined when it is none, or its page may not. `finish` adds who may. */
export function preflight(context: Context, allow: string, cors_origins: readonly string[]): Response | undefined {
  const { req } = context;
  const origin = req.header("origin");
  if (req.method !== "OPTIONS" || origin === undefined || !cors_origins.includes(origin) || req.header("access-control-request-method") === undefined) return undefined;
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": allow,
      "access-control-allow-headers": "authorization, content-type, if-none-match, last-event-id, x-api-key, x-request-id",
      "access-control-max-age": PREFLIGHT_S,
    },
  });
}
