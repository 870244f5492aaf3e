import { TidemarkError } from "../lib/errors.ts";
import type { Broker, DeliveredMessage } from "./nats.ts";

/** After this long without a message the broker is asked whether any is still to come. */
const QUIET_MS = 2_000;

export interface ReadOptions {
  /** Where to end, inclusive; the stream's end as of now unless given. */
  readonly last_sequence?: number;
}

export interface ReadRange {
  readonly first_sequence: number;
  readonly last_sequence: number;
  readonly stream_created: string;
}

export type StreamSource = Pick<Broker, "streamInfo" | "consume" | "getMessage">;

/**
 * Reads a stream from its beginning to a fixed end, in order. Passes on what `onMessage` throws. Messages that the
 * stream's limits remove meanwhile are missing; if they were the last, it ends without them.
 */
export async function readStream(broker: StreamSource, stream: string, options: ReadOptions, onMessage: (message: DeliveredMessage) => void): Promise<ReadRange> {
  const state = await broker.streamInfo(stream);
  if (state === undefined) throw new TidemarkError("stream_missing", `the broker has no stream ${stream}`);
  const { created } = state;
  const first_sequence = Math.max(1, state.first_sequence);
  const last_sequence = Math.min(options.last_sequence ?? state.last_sequence, state.last_sequence);
  const range = { first_sequence, last_sequence, stream_created: created };
  if (state.messages === 0 || last_sequence < first_sequence) return range;

  let ended = false;
  let seen = first_sequence - 1;
  let reached: () => void = () => undefined;
  const end = new Promise<void>((resolve) => {
    reached = () => {
      ended = true;
      resolve();
    };
  });
  const consumption = await broker.consume(stream, { start_sequence: 1, stream_created: created }, (message) => {
    if (ended) return;
    seen = message.sequence;
    if (message.sequence <= last_sequence) onMessage(message);
    // Also when nothing follows: the last message may have been deleted.
    if (message.sequence >= last_sequence || message.pending === 0) reached();
  });

  const nothingFollows = async (): Promise<boolean> => {
    const next = await broker.getMessage(stream, { from_sequence: seen + 1 });
    if (next !== undefined && next.sequence <= last_sequence) return false;
    // Nothing, because the stream itself is gone or another one? That is for the consumption to say.
    return (await broker.streamInfo(stream))?.created === created;
  };
  let asked_at = seen;
  const watch = setInterval(() => {
    if (asked_at !== seen) {
      asked_at = seen;
      return;
    }
    // While the broker is away there is no answer: asked again later.
    nothingFollows().then(
      (nothing) => {
        if (nothing && asked_at === seen) reached();
      },
      () => undefined,
    );
  }, QUIET_MS);
  const failure = await Promise.race([end, consumption.closed]);
  clearInterval(watch);
  await consumption.stop();
  if (failure instanceof Error) throw failure;
  return range;
}
