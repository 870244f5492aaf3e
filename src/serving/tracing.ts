import type { Context as TraceContext, Span } from "@opentelemetry/api";
import type { Context } from "hono";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { requestIdOf } from "./finish.ts";
import { ProblemError } from "./problem.ts";
import type { Handler, RouteDefinition } from "./route.ts";

/** Where handlers are traced: each is wrapped once, when its endpoint is registered. Without a collector there is no tracing, and nothing is wrapped. */
export interface Tracing {
  around(definition: Pick<RouteDefinition, "method" | "path">, handler: Handler): Handler;
  /** Sends what is not sent yet. */
  stop(): Promise<void>;
}

/** W3C Trace Context: version, trace, parent, flags. */
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

async function load() {
  try {
    return { api: await import("@opentelemetry/api"), sdk: await import("@opentelemetry/sdk-trace-node"), resources: await import("@opentelemetry/resources"), exporter: await import("@opentelemetry/exporter-trace-otlp-http") };
  } catch (error) {
    throw new TidemarkError("tracing_unavailable", `TIDEMARK_OTLP_URL asks for traces, and the packages that send them are not installed (${errorMessage(error)}): run npm install with optional dependencies, or unset it`, { cause: error });
  }
}

/**
 * Spans of OpenTelemetry, sent as OTLP over HTTP: one a request, below the one that `traceparent` names, in batches beside the requests. How many are sampled is
 * OpenTelemetry's own setting (OTEL_TRACES_SAMPLER). The packages are loaded here and nowhere else. Throws TidemarkError `tracing_unavailable`.
 */
export async function startTracing(url: string, version: string): Promise<Tracing> {
  const { api, sdk, resources, exporter } = await load();
  const provider = new sdk.NodeTracerProvider({
    resource: resources.resourceFromAttributes({ "service.name": "tidemark-serve", "service.version": version, "process.pid": process.pid }),
    spanProcessors: [new sdk.BatchSpanProcessor(new exporter.OTLPTraceExporter({ url }))],
  });
  const tracer = provider.getTracer("tidemark", version);
  const parentOf = ({ req }: Context): TraceContext => {
    const found = TRACEPARENT.exec(req.header("traceparent") ?? "");
    if (found === null) return api.ROOT_CONTEXT;
    const [, traceId = "", spanId = "", flags = ""] = found;
    return api.trace.setSpanContext(api.ROOT_CONTEXT, { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true });
  };
  const end = (span: Span, status: number): void => {
    span.setAttribute("http.response.status_code", status);
    if (status >= 500) span.setStatus({ code: api.SpanStatusCode.ERROR });
    span.end();
  };
  return {
    around: ({ method, path }, handler) => {
      const name = `${method} ${path}`;
      return (context) => {
        const span = tracer.startSpan(name, { kind: api.SpanKind.SERVER, attributes: { "http.request.method": context.req.method, "http.route": path, "url.path": context.req.path } }, parentOf(context));
        const id = requestIdOf(context);
        if (id !== undefined) span.setAttribute("http.request.header.x-request-id", id);
        const answered = (response: Response): Response => {
          end(span, response.status);
          return response;
        };
        const failed = (error: unknown): never => {
          end(span, error instanceof ProblemError ? error.status : 500);
          throw error;
        };
        try {
          const answer = handler(context);
          return answer instanceof Promise ? answer.then(answered, failed) : answered(answer);
        } catch (error) {
          return failed(error);
        }
      };
    },
    stop: () => provider.shutdown(),
  };
}
