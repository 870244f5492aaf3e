import { STREAM_EVENTS } from "../contracts/subjects.ts";
import type { StreamEvent } from "../contracts/events.ts";
import { decodeEvent, isRefusal } from "../ingest/decode.ts";
import type { StreamSource } from "../ingest/read-stream.ts";
import { TidemarkError } from "../lib/errors.ts";

/** How many messages in a row may be dead letters before the end of the stream counts as unreadable. */
const REFUSALS_MAX = 1_000;
const LIVE_SUBJECTS = "events.>";

/** The events of one run, fixed before it reads any. */
export interface StreamRange {
  readonly stream_created: string;
  readonly first_sequence: number;
  readonly last_sequence: number;
  /** Event time of the first event, and the last moment known. */
  readonly from_ms: number;
  readonly to_ms: number;
}

/** The first event that decodes, from a sequence on in a direction. */
async function eventNear(broker: Pick<StreamSource, "getMessage">, from: number, step: 1 | -1): Promise<StreamEvent> {
  for (let tried = 0; tried < REFUSALS_MAX && from + tried * step > 0; tried++) {
    const message = await broker.getMessage(STREAM_EVENTS, { sequence: from + tried * step });
    const event = message === undefined ? undefined : decodeEvent(message);
    if (event !== undefined && !isRefusal(event)) return event;
  }
  throw new TidemarkError("too_little_data", `no readable event in ${REFUSALS_MAX} messages from sequence ${from}`);
}

/** Event time of the first event that there is. */
async function knownFrom(source: Pick<StreamSource, "getMessage">, first_sequence: number): Promise<number> {
  return (await eventNear(source, first_sequence, 1)).event_time_ms;
}

/**
 * The last moment that the stream knows of: of its last event or, where history was imported after it, of the last live
 * one. Otherwise one old event that is imported late would leave everything after its date out of the dataset.
 */
export async function knownUpTo(broker: Pick<StreamSource, "getMessage">, last_sequence: number): Promise<number> {
  const last = await eventNear(broker, last_sequence, -1);
  const live = await broker.getMessage(STREAM_EVENTS, { last_by_subject: LIVE_SUBJECTS });
  if (live === undefined || live.sequence >= last.sequence) return last.known_at_ms;
  return Math.max(last.known_at_ms, (await eventNear(broker, live.sequence, -1)).known_at_ms);
}

/** EVENTS up to its present end. Throws TidemarkError `too_little_data` when there is nothing in it. */
export async function fixRange(source: Pick<StreamSource, "streamInfo" | "getMessage">): Promise<StreamRange> {
  const stream = await source.streamInfo(STREAM_EVENTS);
  if (stream === undefined || stream.messages === 0) throw new TidemarkError("too_little_data", "the stream EVENTS is empty");
  const { created, first_sequence, last_sequence } = stream;
  return { stream_created: created, first_sequence, last_sequence, from_ms: await knownFrom(source, first_sequence), to_ms: await knownUpTo(source, last_sequence) };
}
