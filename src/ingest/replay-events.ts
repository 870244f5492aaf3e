import type { StreamEvent } from "../contracts/events.ts";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { TidemarkError } from "../lib/errors.ts";
import { decodeEvent, isRefusal } from "./decode.ts";
import type { Broker } from "./nats.ts";

export interface ReplayOptions {
  /** Where to end, inclusive; the stream's end as of now unless given. */
  readonly last_sequence?: number;
}

export interface ReplayedRange {
  readonly first_sequence: number;
  readonly last_sequence: number;
  readonly stream_created: string;
}

/**
 * Reads EVENTS from its beginning to a fixed end, in order, and hands over every event that the fold accepts. Refused
 * messages are passed over: ingest has dead-lettered them.
 */
export async function replayEvents(broker: Broker, options: ReplayOptions, onEvent: (event: StreamEvent) => void): Promise<ReplayedRange> {
  const state = await broker.streamInfo(STREAM_EVENTS);
  if (state === undefined) throw new TidemarkError("stream_missing", `the broker has no stream ${STREAM_EVENTS}`);
  const first_sequence = Math.max(1, state.first_sequence);
  const last_sequence = Math.min(options.last_sequence ?? state.last_sequence, state.last_sequence);
  const range = { first_sequence, last_sequence, stream_created: state.created };
  if (state.messages === 0 || last_sequence < first_sequence) return range;

  let reached: () => void = () => undefined;
  const end = new Promise<void>((resolve) => {
    reached = resolve;
  });
  let ended = false;
  const consumption = await broker.consume(STREAM_EVENTS, { start_sequence: first_sequence }, (message) => {
    if (ended) return;
    if (message.sequence <= last_sequence) {
      const decoded = decodeEvent(message);
      if (!isRefusal(decoded)) onEvent(decoded);
    }
    // Also when nothing follows: the last message may have been deleted.
    if (message.sequence >= last_sequence || message.pending === 0) {
      ended = true;
      reached();
    }
  });
  const failure = await Promise.race([end, consumption.closed]);
  await consumption.stop();
  if (failure instanceof Error) throw failure;
  return range;
}
