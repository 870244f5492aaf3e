import { z } from "zod";
import { EVENT_BATCH_MAX, eventBatchAnswerSchema } from "../../contracts/event-batch.ts";
import { eventSchemas } from "../../contracts/events.ts";
import type { EventIntake } from "../event-intake.ts";
import { postEvents } from "../event-route.ts";
import type { Route } from "../route.ts";

const eventSchema = z.union(Object.values(eventSchemas));

export function registerEvents(route: Route, events: EventIntake): void {
  route(
    {
      method: "POST",
      path: "/events",
      role: "events",
      summary: "a verdict on each of up to 1,000 events, once those that are valid are stored",
      description: "A JSON array of events, or one event a line (NDJSON). Events that are not valid are refused one by one; 422 when none is.",
      body: z.array(eventSchema).min(1).max(EVENT_BATCH_MAX),
      bodyTypes: ["application/json", "application/x-ndjson"],
      answer: eventBatchAnswerSchema,
      example: { body: [{ id: "v-1", type: "exposure.viewed", time: "2026-01-31T12:00:00Z", course_id: "C00001", learner_id: "L000001", price: 100 }] },
    },
    (context) => postEvents(context, events),
  );
}
