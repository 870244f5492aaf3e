import { STREAM_CONTROL, STREAM_EVENTS, STREAM_OFFERS } from "../contracts/subjects.ts";
import { ControlWriter } from "../features/control-writer.ts";
import { FeatureWriter } from "../features/feature-writer.ts";
import { QuoteWriter } from "../features/quote-writer.ts";
import type { Cursor } from "../features/store.ts";
import { hexHash } from "../lib/hash128.ts";
import type { DeliveredMessage } from "./broker-message.ts";
import { decodeEvent, isRefusal } from "./decode.ts";
import type { FoldToOptions } from "./fold-to.ts";
import { messageChunks } from "./message-chunks.ts";
import { checkPosition } from "./position.ts";

const CHUNK = 16_384;
const NOWHERE: Cursor = { stream_created: "", sequence: 0, message_hash: "" };

/**
 * Folds a store on from where it stands to given sequences, which lie at or after it. Dead letters are passed over. Throws TidemarkError of `checkPosition`
 * where the streams do not continue the store.
 */
export async function foldOnto({ events, control, partition, store, sequence, control_sequence, offers_sequence, onProgress }: FoldToOptions): Promise<void> {
  const further = async (stream: string, last_sequence: number, writer: { commit(cursor: Cursor): void }, apply: (message: DeliveredMessage) => void): Promise<void> => {
    const from = store.cursor(stream) ?? NOWHERE;
    if (from.sequence >= last_sequence) return;
    const source = stream === STREAM_EVENTS ? events : control;
    const state = await source.streamInfo(stream);
    checkPosition(stream, from, state);
    for await (const chunk of messageChunks(source, stream, { first_sequence: from.sequence + 1, last_sequence, size: CHUNK, stream_created: state.created })) {
      for (const message of chunk) apply(message);
      const last = chunk.at(-1);
      if (last === undefined) continue;
      writer.commit({ stream_created: state.created, sequence: last.sequence, message_hash: hexHash(last.data) });
      if (stream === STREAM_EVENTS) onProgress?.(last.sequence - from.sequence, last_sequence - from.sequence);
    }
  };
  const features = new FeatureWriter(store, { partition });
  await further(STREAM_EVENTS, sequence, features, (message) => {
    const decoded = decodeEvent(message);
    if (!isRefusal(decoded)) features.apply(decoded);
  });
  const controls = new ControlWriter(store);
  await further(STREAM_CONTROL, control_sequence, controls, ({ subject, data, sequence: at }) => controls.apply(subject, data, at));
  const quotes = new QuoteWriter(store, partition);
  await further(STREAM_OFFERS, offers_sequence, quotes, ({ subject, data, sequence: at, time_ms }) => quotes.apply(subject, data, at, time_ms));
}
