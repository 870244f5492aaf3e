import { streamQuerySchema } from "../../contracts/live-stream.ts";
import { rolesThatMay } from "../../contracts/role.ts";
import { principalOf } from "../author.ts";
import { readQuery } from "../body.ts";
import { SAFE_HEADERS } from "../headers.ts";
import { ProblemError } from "../problem.ts";
import type { Route } from "../route.ts";
import { parsePositions } from "../stream/positions.ts";
import type { StreamHub } from "../stream/stream-hub.ts";
import { topicSources } from "../stream/topics.ts";

/** `x-accel-buffering`: proxies that know it hand events on as they come. */
const headers = { ...SAFE_HEADERS, "content-type": "text/event-stream", "x-accel-buffering": "no" };

export function registerStream(route: Route, hub: StreamHub): void {
  route(
    {
      method: "GET",
      path: "/stream",
      role: "price",
      summary: "prices, decisions, signals and changes of models, policies and experiments as they happen",
      description: "Server-sent events. Each event's id is a position: Last-Event-ID (or `after`) goes on there, without a gap as far back as the broker keeps messages. `policies`, `experiments` and `training` ask for role operate.",
      query: streamQuerySchema,
      answer: { type: "text/event-stream" },
      example: { query: { topics: "prices,models,segments" } },
    },
    async (context) => {
      const query = readQuery(context, streamQuerySchema);
      const role = principalOf(context)?.role;
      const barred = query.topics.filter((topic) => role !== undefined && !rolesThatMay(topicSources[topic].role).includes(role));
      if (barred.length > 0) throw new ProblemError("forbidden", `A key of role ${role} may not listen to ${barred.join(", ")}.`, { field: "topics" });
      const after = context.req.header("last-event-id") ?? query.after;
      const positions = after === undefined || after === "" ? undefined : parsePositions(after);
      if (after !== undefined && after !== "" && positions === undefined) throw new ProblemError("invalid_field", "after: must be the id of an event of this stream", { field: "after" });
      // HEAD is answered by the same handler, and nobody would read the body.
      return new Response(context.req.method === "HEAD" ? null : await hub.open(query, positions), { headers });
    },
  );
}
