import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { eachMessage } from "./archive-compaction.ts";
import type { Broker } from "./nats.ts";
import { CompactionConflict, type EventArchive } from "./event-archive.ts";

const AT_ONCE = 64;

/**
 * Deletes from EVENTS, for good, what the archive holds under another name by now: how many messages. A fold misses nothing by it:
 * what is archived is read from the archive. The very last message that is archived stays until more is: by it the stream still shows that nothing
 * is missing in between.
 */
export async function purgeForgotten(broker: Pick<Broker, "streamInfo" | "deleteMessage">, archive: EventArchive, signal?: AbortSignal): Promise<number> {
  const state = await broker.streamInfo(STREAM_EVENTS);
  if (state === undefined) return 0;
  const compaction = await archive.compaction(state.created);
  const names = new Set(Object.entries(compaction.replaced).flatMap(([name, { purged }]) => (purged ? [] : [name])));
  if (names.size === 0) return 0;
  const { segments, last_sequence } = await archive.index(state.created);
  let deleted = 0;
  for (const segment of segments) {
    if (!names.has(segment.name) || segment.header.last_sequence < state.first_sequence) continue;
    const sequences: number[] = [];
    await eachMessage(archive, segment, signal, (message) => {
      if (!message.rewritten || message.sequence < state.first_sequence) return;
      if (message.sequence === last_sequence) names.delete(segment.name);
      else sequences.push(message.sequence);
    });
    for (let i = 0; i < sequences.length; i += AT_ONCE) {
      const gone = await Promise.all(sequences.slice(i, i + AT_ONCE).map((sequence) => broker.deleteMessage(STREAM_EVENTS, sequence)));
      deleted += gone.filter(Boolean).length;
    }
  }
  const replaced = Object.fromEntries(Object.entries(compaction.replaced).map(([name, { file, purged }]) => [name, { file, purged: purged || names.has(name) }]));
  try {
    await archive.commitCompaction(state.created, { ...compaction, generation: compaction.generation + 1, replaced });
  } catch (error) {
    // Somebody else compacted meanwhile: the next run deletes again what is gone already.
    if (!(error instanceof CompactionConflict)) throw error;
  }
  return deleted;
}
