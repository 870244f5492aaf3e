import type { DeliveredMessage } from "./broker-message.ts";
import type { StreamSource } from "./read-stream.ts";

export interface ChunkOptions {
  readonly first_sequence: number;
  readonly last_sequence: number;
  readonly size: number;
  /** The stream's identity, where the sequences belong to one. */
  readonly stream_created?: string;
}

/**
 * A stream's messages from one sequence to another, in chunks of about `size`: the next is asked for when the one before is dealt with, so that a slow
 * reader holds a fast broker. Ends early where nothing follows.
 */
export async function* messageChunks(source: StreamSource, stream: string, { first_sequence, last_sequence, size, stream_created }: ChunkOptions): AsyncGenerator<readonly DeliveredMessage[]> {
  let chunk: DeliveredMessage[] = [];
  const state = { ended: last_sequence < first_sequence };
  let wake: () => void = () => undefined;
  const consumption = await source.consume(stream, { start_sequence: first_sequence, ...(stream_created === undefined ? {} : { stream_created }) }, (message) => {
    if (state.ended) return;
    if (message.sequence <= last_sequence) chunk.push(message);
    if (message.sequence >= last_sequence || message.pending === 0) state.ended = true;
    if (chunk.length >= size) consumption.pause();
    if (state.ended || chunk.length >= size) wake();
  });
  try {
    while (!state.ended || chunk.length > 0) {
      if (!state.ended && chunk.length < size) {
        const full = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const failure = await Promise.race([full, consumption.closed]);
        if (failure instanceof Error) throw failure;
      }
      const ready = chunk;
      chunk = [];
      yield ready;
      consumption.resume();
    }
  } finally {
    await consumption.stop();
  }
}
