import { TidemarkError } from "../lib/errors.ts";
import { hexHash } from "../lib/hash128.ts";
import type { BrokerMessage, StreamState } from "./broker-message.ts";

const recover = "stop everything that uses the feature store, delete its directory (data/features by default) and start again: it is folded anew from what the stream holds";

/** How far a stream has been folded. */
export interface Position {
  /** Creation time of the stream, its identity; "" while none is known. */
  readonly stream_created: string;
  readonly sequence: number;
}

/**
 * Refuses to go on from a position that the stream does not continue. Going on would fold other messages under the same
 * sequences, or skip some, without anybody noticing.
 */
export function checkPosition(stream: string, position: Position, state: StreamState | undefined): asserts state is StreamState {
  if (state === undefined) throw new TidemarkError("stream_missing", `the broker has no stream ${stream}: point this at the right broker, restore the stream, or delete the feature store and let it be folded anew`);
  if (position.stream_created !== "" && position.stream_created !== state.created) {
    throw new TidemarkError(
      "stream_recreated",
      `stream ${stream} was created at ${state.created}, but the feature store was folded from one created at ${position.stream_created}. Point it at the right broker, or ${recover}`,
    );
  }
  if (position.sequence > state.last_sequence) {
    throw new TidemarkError(
      "cursor_ahead",
      `the feature store has folded ${stream} up to sequence ${position.sequence}, but the stream ends at ${state.last_sequence}: it lost messages or was restored from an older copy. Restore the stream, or ${recover}`,
    );
  }
  if (position.sequence < state.first_sequence - 1) {
    throw new TidemarkError(
      "gap_below_first",
      `the feature store has folded ${stream} up to sequence ${position.sequence}, but the stream now begins at ${state.first_sequence}: ${state.first_sequence - 1 - position.sequence} messages passed its limits unread. Restore them, or ${recover}`,
    );
  }
}

/**
 * Refuses to go on after a message that is not the one that was folded: creation time and range can agree although the
 * stream went another way, such as one restored from a copy and written to since.
 */
export function checkMessage(stream: string, message_hash: string, message: BrokerMessage): void {
  const found = hexHash(message.data);
  if (found === message_hash) return;
  throw new TidemarkError(
    "cursor_mismatch",
    `the feature store has folded ${stream} up to sequence ${message.sequence}, but the stream now holds another message there (hash ${found}, folded was ${message_hash}): it was altered, or restored from a copy and written to since. Restore the stream that was folded, or ${recover}`,
  );
}
