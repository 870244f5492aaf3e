import { STREAM_CONTROL, STREAM_EVENTS } from "../contracts/subjects.ts";
import { ControlWriter } from "../features/control-writer.ts";
import { FeatureWriter } from "../features/feature-writer.ts";
import type { Cursor } from "../features/store.ts";
import { hexHash } from "../lib/hash128.ts";
import { decodeEvent, isRefusal } from "./decode.ts";
import type { FoldToOptions } from "./fold-to.ts";
import { messageChunks } from "./message-chunks.ts";
import { checkPosition } from "./position.ts";

const CHUNK = 16_384;

/**
 * Folds a store on from where it stands to given sequences, which lie at or after it. Dead letters are passed over. Throws TidemarkError of `checkPosition`
 * where the streams do not continue the store.
 */
export async function foldOnto({ events, control, partition, store, sequence, control_sequence, onProgress }: FoldToOptions): Promise<void> {
  const from = store.cursor(STREAM_EVENTS) ?? { stream_created: "", sequence: 0, message_hash: "" };
  if (from.sequence < sequence) {
    const state = await events.streamInfo(STREAM_EVENTS);
    checkPosition(STREAM_EVENTS, from, state);
    const writer = new FeatureWriter(store, { partition });
    let cursor: Cursor = from;
    for await (const chunk of messageChunks(events, STREAM_EVENTS, { first_sequence: from.sequence + 1, last_sequence: sequence, size: CHUNK, stream_created: state.created })) {
      for (const message of chunk) {
        const decoded = decodeEvent(message);
        if (!isRefusal(decoded)) writer.apply(decoded);
        cursor = { stream_created: state.created, sequence: message.sequence, message_hash: hexHash(message.data) };
      }
      writer.commit(cursor);
      onProgress?.(cursor.sequence - from.sequence, sequence - from.sequence);
    }
  }
  const control_from = store.cursor(STREAM_CONTROL) ?? { stream_created: "", sequence: 0, message_hash: "" };
  if (control_from.sequence >= control_sequence) return;
  const state = await control.streamInfo(STREAM_CONTROL);
  checkPosition(STREAM_CONTROL, control_from, state);
  const writer = new ControlWriter(store);
  let cursor: Cursor = control_from;
  for await (const chunk of messageChunks(control, STREAM_CONTROL, { first_sequence: control_from.sequence + 1, last_sequence: control_sequence, size: CHUNK, stream_created: state.created })) {
    for (const { subject, data, sequence: at } of chunk) {
      writer.apply(subject, data, at);
      cursor = { stream_created: state.created, sequence: at, message_hash: hexHash(data) };
    }
    writer.commit(cursor);
  }
}
