import { STREAM_EVENTS } from "../contracts/subjects.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { EventArchive } from "./event-archive.ts";
import type { Broker } from "./nats.ts";

export interface Retention {
  readonly bytes_max: number;
  /** 0: for ever. */
  readonly age_max_ms: number;
}

export interface RetentionOptions {
  readonly broker: Pick<Broker, "streamInfo" | "purge">;
  readonly archive: EventArchive;
  readonly retention: Retention;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends it early; the rest leaves the next time. */
  readonly signal?: AbortSignal;
}

/**
 * Sequences that leave at a time. While it drops messages nats-server 2.9 takes no new ones, and each costs it up to 0.2 ms where subjects recur:
 * a whole segment at once would hold up every producer for ten seconds.
 */
const DROP_SEQUENCES = 250;

/**
 * Lets go of the oldest messages of EVENTS beyond the limits, segment by segment: only what the archive holds and could be read whole just now. How
 * many sequences. What is not archived stays, whatever the limits, until the stream's own ceiling. Throws TidemarkError `archive_damaged`.
 */
export async function dropArchived({ broker, archive, retention, clock, logger, signal }: RetentionOptions): Promise<number> {
  const state = await broker.streamInfo(STREAM_EVENTS);
  if (state === undefined || state.messages === 0) return 0;
  const { segments, last_sequence: archived } = await archive.index(state.created);
  const oldest_ms = retention.age_max_ms === 0 ? Number.NEGATIVE_INFINITY : clock.now_ms() - retention.age_max_ms;
  const message_bytes = state.bytes / state.messages;
  let excess_bytes = state.bytes - retention.bytes_max;
  let dropped = 0;
  for (const segment of segments) {
    const { first_sequence, last_sequence, messages, last_time_ms } = segment.header;
    // The last message that is archived stays: by it the stream shows that nothing is missing after the archive.
    if (last_sequence < state.first_sequence || last_sequence >= archived) continue;
    if (excess_bytes <= 0 && last_time_ms >= oldest_ms) break;
    // Its digest is checked by reading it; one that was replaced by a compaction just now is looked at the next time.
    if ((await archive.read(segment)) === undefined) break;
    const from = Math.max(first_sequence, state.first_sequence);
    for (let next = from; next <= last_sequence; ) {
      if (signal?.aborted === true) return dropped;
      const started_ms = clock.now_ms();
      next = Math.min(last_sequence + 1, next + DROP_SEQUENCES);
      await broker.purge(STREAM_EVENTS, next);
      // Half of the broker's time is for everybody else.
      await clock.sleep(clock.now_ms() - started_ms);
    }
    dropped += last_sequence - from + 1;
    excess_bytes -= message_bytes * messages * ((last_sequence - from + 1) / (last_sequence - first_sequence + 1));
  }
  if (dropped > 0) logger.info({ sequences: dropped }, "archived events left the stream");
  return dropped;
}
