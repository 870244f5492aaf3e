import { STREAM_CONTROL, STREAM_EVENTS } from "../contracts/subjects.ts";
import { ControlWriter } from "../features/control-writer.ts";
import { FeatureWriter } from "../features/feature-writer.ts";
import type { Partition } from "../features/partition.ts";
import type { FeatureStore } from "../features/store.ts";
import { hexHash } from "../lib/hash128.ts";
import { decodeEvent, isRefusal } from "./decode.ts";
import { readStream, type StreamSource } from "./read-stream.ts";

const COMMIT_MESSAGES = 16_384;

export interface FoldToOptions {
  /** Where EVENTS is read from, such as EventHistory, and where CONTROL is. */
  readonly events: StreamSource;
  readonly control: StreamSource;
  readonly partition?: Partition | undefined;
  readonly store: FeatureStore;
  /** Last sequences to fold; 0: nothing of that stream. */
  readonly sequence: number;
  readonly control_sequence: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Folds both streams from their beginnings to given sequences: what a store that stands there must hold. Dead letters are passed over. Resolves with
 * the sequence that EVENTS begins with now.
 */
export async function foldTo({ events, control, partition, store, sequence, control_sequence, onProgress }: FoldToOptions): Promise<number> {
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
  if (control_sequence === 0) return first_sequence;
  const control_created = (await control.streamInfo(STREAM_CONTROL))?.created ?? "";
  const writer = new ControlWriter(store);
  await readStream(control, STREAM_CONTROL, { last_sequence: control_sequence }, (message) => {
    writer.apply(message.subject, message.data, message.sequence);
    cursor = { stream_created: control_created, sequence: message.sequence, message_hash: hexHash(message.data) };
  });
  writer.commit(cursor);
  return first_sequence;
}
