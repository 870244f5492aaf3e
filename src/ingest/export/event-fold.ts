import { join } from "node:path";
import type { EventType, StreamEvent } from "../../contracts/events.ts";
import { EntityReader } from "../../features/entity-reader.ts";
import { FeatureWriter } from "../../features/feature-writer.ts";
import { openLmdbStore } from "../../features/lmdb-store.ts";
import type { EntityName, FeatureStore } from "../../features/store.ts";
import { must } from "../../lib/assert.ts";
import { DetailLedger } from "./detail-ledger.ts";
import { SequenceSet } from "./sequence-set.ts";

const BATCH_EVENTS = 16_384;

/**
 * The events of a stream folded for tables: by the writer that folds the live stream, into a store that nobody keeps, so that
 * duplicates, lateness and erasure mean what they mean there. Memory: the writer's caches and its window of ids; a bit for every message
 * from the first listed event to the last; the ids of erased learners.
 */
export class EventFold {
  readonly details: DetailLedger;
  /** Events that count and are rows of a table. */
  readonly listed = new SequenceSet();
  readonly #store: FeatureStore;
  /** Let go of once everything is folded, with all that it keeps in memory. */
  #writer: FeatureWriter | undefined;
  readonly #folds: boolean;
  readonly #describes: boolean;
  readonly #lists: ReadonlySet<EventType>;
  readonly #stream_created: string;
  /** Sequence of each learner's last erasure. */
  readonly #erased = new Map<string, number>();
  #uncommitted = 0;
  #sequence = 0;
  #as_of_ms: number | undefined;
  duplicates = 0;

  /** `entities`: those whose features will be read; none, if only events themselves will be. `details`: whether they will be. `lists`: types of events that are rows. */
  constructor(directory: string, stream_created: string, { entities, details, lists }: { readonly entities: readonly EntityName[]; readonly details: boolean; readonly lists: ReadonlySet<EventType> }) {
    this.#store = openLmdbStore(join(directory, "features"), { readonly: false });
    this.#writer = new FeatureWriter(this.#store, { entities: [...new Set<EntityName>(["course", ...entities])] });
    this.#folds = entities.length > 0;
    this.#describes = details;
    this.#lists = lists;
    this.#stream_created = stream_created;
    this.details = new DetailLedger(join(directory, "details.sqlite"));
  }

  /** In sequence order. */
  apply(stream: StreamEvent): void {
    const { event, sequence } = stream;
    const writer = must(this.#writer, "folding has finished");
    if (!writer.accept(stream)) this.duplicates++;
    else {
      if (this.#folds) writer.fold(stream);
      if (this.#lists.has(event.type)) this.listed.add(sequence);
      if (event.type === "learner.erased") this.#erased.set(event.learner_id, sequence);
      if (this.#describes) this.details.apply(stream);
    }
    this.#sequence = sequence;
    if (++this.#uncommitted >= BATCH_EVENTS) this.#commit();
  }

  /** To be called after the last event, before anything is read. */
  finish(): void {
    this.#commit();
    this.#as_of_ms = this.#writer?.watermark?.event_time_ms;
    this.#writer = undefined;
  }

  /** Whether an event before this sequence belongs to a learner who was erased since. */
  isErased(learner_id: string, sequence: number): boolean {
    return (this.#erased.get(learner_id) ?? 0) > sequence;
  }

  /** The latest event time: what derived features are read at. undefined before the first event, and where nothing is folded. */
  get as_of_ms(): number | undefined {
    return this.#as_of_ms;
  }

  ids(entity: EntityName): Iterable<string> {
    return this.#store.ids(entity);
  }

  reader(): EntityReader {
    return new EntityReader(this.#store);
  }

  async close(): Promise<void> {
    this.details.close();
    await this.#store.close();
  }

  #commit(): void {
    // Nobody will continue from this cursor.
    this.#writer?.commit({ stream_created: this.#stream_created, sequence: this.#sequence, message_hash: "" });
    this.#uncommitted = 0;
  }
}
