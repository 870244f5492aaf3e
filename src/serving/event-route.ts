import type { Context } from "hono";
import { EVENT_BATCH_BYTES_MAX } from "../contracts/event-batch.ts";
import { declaredLength, JSON_TYPE, mediaType, readBytes } from "./body.ts";
import { elementsOf, linesOf } from "./event-body.ts";
import type { EventIntake } from "./event-intake.ts";
import { jsonInit } from "./headers.ts";
import { ProblemError } from "./problem.ts";

const NDJSON_TYPE = "application/x-ndjson";

/** POST /events: 200 with a verdict for each event, or the problem that kept all of them out. */
export async function postEvents(context: Context, intake: EventIntake): Promise<Response> {
  const declared = declaredLength(context, EVENT_BATCH_BYTES_MAX);
  const type = mediaType(context);
  if (type !== NDJSON_TYPE && type !== JSON_TYPE) {
    throw new ProblemError("unsupported_media_type", `Send the body as ${NDJSON_TYPE} or ${JSON_TYPE}.`, { field: "content-type" });
  }
  const encoding = context.req.header("content-encoding");
  if (encoding !== undefined && encoding !== "identity") throw new ProblemError("unsupported_media_type", "Send the body as it is: it is not decompressed.", { field: "content-encoding" });
  const room = intake.openBody();
  try {
    const body = await readBytes(context, declared, EVENT_BATCH_BYTES_MAX, room.claim);
    const events = type === NDJSON_TYPE ? linesOf(body) : elementsOf(body);
    if (events.length === 0) throw new ProblemError(type === NDJSON_TYPE ? "invalid_json" : "invalid_field", "There is no event in the body.", { field: "body" });
    const answer = await intake.take(events);
    if (answer.rejected < events.length) return new Response(JSON.stringify(answer), jsonInit);
    const first = answer.results[0];
    if (type === NDJSON_TYPE && answer.results.every(({ reason }) => reason === "not_json")) throw new ProblemError("invalid_json", `No line is a JSON object. The first: ${first?.detail}.`);
    throw new ProblemError("events_rejected", `None of the ${events.length} events is valid. The first: ${first?.reason}, ${first?.detail}.`, { ...(first?.field === undefined ? {} : { field: first.field }), extension: answer });
  } finally {
    room.release();
  }
}
