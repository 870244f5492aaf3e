import { STREAM_CONTROL, STREAM_EVENTS, STREAM_OFFERS } from "../contracts/subjects.ts";
import { ControlWriter } from "../features/control-writer.ts";
import { FeatureWriter } from "../features/feature-writer.ts";
import type { Partition } from "../features/partition.ts";
import { QuoteWriter } from "../features/quote-writer.ts";
import type { Cursor, FeatureStore } from "../features/store.ts";
import { hexHash } from "../lib/hash128.ts";
import type { DeliveredMessage } from "./broker-message.ts";
import { decodeEvent, isRefusal } from "./decode.ts";
import { readStream, type StreamSource } from "./read-stream.ts";

const COMMIT_MESSAGES = 16_384;

export interface FoldToOptions {
  /** Where EVENTS is read from, such as EventHistory, and where CONTROL and OFFERS are. */
  readonly events: StreamSource;
  readonly control: StreamSource;
  readonly partition?: Partition | undefined;
  readonly store: FeatureStore;
  /** Last sequences to fold; 0: nothing of that stream. */
  readonly sequence: number;
  readonly control_sequence: number;
  readonly offers_sequence: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Folds the streams from their beginnings to given sequences: what a store that stands there must hold. Dead letters are passed over. Resolves with
 * the sequence that EVENTS begins with now.
 */
export async function foldTo({ events, control, partition, store, sequence, control_sequence, offers_sequence, onProgress }: FoldToOptions): Promise<number> {
  const features = new FeatureWriter(store, { partition });
  let waiting = 0;
  let cursor = { stream_created: "", sequence: 0, message_hash: "" };
  const stream_created = (await events.streamInfo(STREAM_EVENTS))?.created ?? "";
  let first_sequence = 1;
  if (sequence > 0) {
    const range = await readStream(events, STREAM_EVENTS, { last_sequence: sequence }, (message) => {
      const decoded = decodeEvent(message);
      if (!isRefusal(decoded)) features.apply(decoded);
      cursor = { stream_created, sequence: message.sequence, message_hash: hexHash(message.data) };
      if (++waiting % COMMIT_MESSAGES > 0) return;
      features.commit(cursor);
      onProgress?.(message.sequence, sequence);
    });
    features.commit(cursor);
    first_sequence = range.first_sequence;
  }
  const folded = async (stream: string, last_sequence: number, writer: { commit(cursor: Cursor): void }, apply: (message: DeliveredMessage) => void): Promise<void> => {
    if (last_sequence === 0) return;
    let at: Cursor = { stream_created: (await control.streamInfo(stream))?.created ?? "", sequence: 0, message_hash: "" };
    await readStream(control, stream, { last_sequence }, (message) => {
      apply(message);
      at = { ...at, sequence: message.sequence, message_hash: hexHash(message.data) };
    });
    writer.commit(at);
  };
  const controls = new ControlWriter(store);
  await folded(STREAM_CONTROL, control_sequence, controls, ({ subject, data, sequence: at }) => controls.apply(subject, data, at));
  const quotes = new QuoteWriter(store, partition);
  await folded(STREAM_OFFERS, offers_sequence, quotes, ({ subject, data, sequence: at, time_ms }) => quotes.apply(subject, data, at, time_ms));
  return first_sequence;
}
