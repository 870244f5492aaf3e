import type { StreamEvent } from "../contracts/events.ts";
import type { StreamSource } from "../ingest/read-stream.ts";
import { replayEvents } from "../ingest/replay-events.ts";
import { TidemarkError } from "../lib/errors.ts";
import type { OnProgress, ReplayCounts } from "./dataset.ts";
import type { StreamRange } from "./stream-range.ts";

const ABORT_CHECK_EVENTS = 4_096;

/** Hands over every event of a range of EVENTS. Throws TidemarkError `stream_changed` when the stream no longer is what the range was fixed on. */
export async function replayRange(source: StreamSource, range: StreamRange, onEvent: (event: StreamEvent) => void, onProgress: OnProgress, signal?: AbortSignal): Promise<Omit<ReplayCounts, "duplicates">> {
  const { first_sequence, last_sequence } = range;
  const total = last_sequence - first_sequence + 1;
  let events = 0;
  const refused: Record<string, number> = {};
  const read = await replayEvents(
    source,
    { last_sequence },
    (event) => {
      onEvent(event);
      if (++events % ABORT_CHECK_EVENTS > 0) return;
      onProgress("replay", event.sequence - first_sequence + 1, total);
      signal?.throwIfAborted();
    },
    ({ reason }) => {
      refused[reason] = (refused[reason] ?? 0) + 1;
    },
  );
  if (read.stream_created !== range.stream_created || read.first_sequence !== first_sequence || read.last_sequence !== last_sequence) {
    throw new TidemarkError("stream_changed", `EVENTS held sequences ${first_sequence} to ${last_sequence} when the run began and ${read.first_sequence} to ${read.last_sequence} when it was read: begin another run`);
  }
  onProgress("replay", total, total);
  return { events, refused };
}
