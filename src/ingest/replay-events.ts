import type { StreamEvent } from "../contracts/events.ts";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { decodeEvent, isRefusal, type Refusal } from "./decode.ts";
import { type ReadOptions, type ReadRange, readStream, type StreamSource } from "./read-stream.ts";

export type ReplayedRange = ReadRange;

/**
 * Reads EVENTS from its beginning to a fixed end, in order, and hands over every event that the fold accepts. Refused
 * messages go to `onRefusal`: ingest has dead-lettered them. Messages that the stream's limits remove meanwhile are
 * missing; if they were the last, the replay ends without them.
 */
export function replayEvents(broker: StreamSource, options: ReadOptions, onEvent: (event: StreamEvent) => void, onRefusal: (refusal: Refusal) => void = () => undefined): Promise<ReplayedRange> {
  return readStream(broker, STREAM_EVENTS, options, (message) => {
    const decoded = decodeEvent(message);
    if (isRefusal(decoded)) onRefusal(decoded);
    else onEvent(decoded);
  });
}
