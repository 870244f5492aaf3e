import { z } from "zod";
import { degradedReasons, healthAnswerSchema } from "../../contracts/api.ts";
import { jsonInit } from "../headers.ts";
import type { HealthReport } from "../health.ts";
import type { Route } from "../route.ts";

const readySchema = z.object({ status: z.literal("ready"), model: z.string().nullable(), degraded: z.array(z.enum(degradedReasons)) });
const liveSchema = z.object({ status: z.literal("ok") });
const liveText = JSON.stringify({ status: "ok" } satisfies z.infer<typeof liveSchema>);

export interface OperationDeps {
  readonly health: HealthReport;
  readonly metricsText: () => Promise<string>;
  readonly metricsType: string;
}

export function registerOperations(route: Route, { health, metricsText, metricsType }: OperationDeps): void {
  route(
    { method: "GET", path: "/health", role: "public", summary: "what runs, what it knows and how fresh it is", answer: healthAnswerSchema },
    () => new Response(JSON.stringify(health.health()), jsonInit),
  );
  route(
    { method: "GET", path: "/readyz", role: "public", summary: "200 while prices can be answered", answer: readySchema },
    () => new Response(JSON.stringify(health.ready()), jsonInit),
  );
  route({ method: "GET", path: "/livez", role: "public", summary: "200 while the process runs", answer: liveSchema }, () => new Response(liveText, jsonInit));
  route(
    { method: "GET", path: "/metrics", role: "operate", summary: "figures for Prometheus", answer: { type: "text/plain" } },
    async () => new Response(await metricsText(), { headers: { "content-type": metricsType, "cache-control": "no-store" } }),
  );
}
