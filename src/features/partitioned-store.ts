import type { ControlKind } from "../contracts/control.ts";
import { assert, must } from "../lib/assert.ts";
import { TidemarkError } from "../lib/errors.ts";
import { layoutIdentity, mergeRecords, recordWidths } from "./feature-set.ts";
import { ownerOf, partitionLayout } from "./partition.ts";
import { type RecordHeader, decodeRecord, encodeRecord, recordBytesMax } from "./record.ts";
import type { Champion, Citation, ControlEntry, CourseProfile, Cursor, DumpEntry, EntityName, FeatureStoreReader, IdBlock, KeptQuote, LateUpdate, LearnerExposure, NameKind, QuoteDue, QuoteLock, Watermark } from "./store.ts";

/** Records of these lie in every partition, a share in each; all others with one owner. */
const SHARED: ReadonlySet<EntityName> = new Set(["category", "teacher", "platform"]);
const SHARED_WIDTH_MAX = Math.max(recordWidths.category, recordWidths.teacher, recordWidths.platform);

/** The owner of a learner's records is that of the learner; of a course's, that of the course. */
function routingId(entity: EntityName, id: string): string {
  return entity === "learner_course" ? id.slice(0, id.indexOf("/")) : id;
}

/** Ascending ids of several lists that ascend, each once; no list is read further than it is asked for. */
function* mergedIds(lists: readonly Iterable<string>[]): Iterable<string> {
  const iterators = lists.map((list) => list[Symbol.iterator]());
  const heads = iterators.map((iterator) => iterator.next());
  try {
    for (;;) {
      let least: string | undefined;
      for (const head of heads) if (head.done !== true && (least === undefined || head.value < least)) least = head.value;
      if (least === undefined) return;
      yield least;
      for (const [i, head] of heads.entries()) if (head.done !== true && head.value === least) heads[i] = iterators[i]!.next();
    }
  } finally {
    for (const iterator of iterators) iterator.return?.();
  }
}

/**
 * The stores of all partitions read as one. What a single owner holds is read there, byte for byte; of categories, teachers and days the shares
 * are merged at each reading. It is as far as the partition that is furthest behind.
 */
export class PartitionedStore implements FeatureStoreReader {
  readonly #stores: readonly FeatureStoreReader[];
  readonly #share = new Float64Array(SHARED_WIDTH_MAX);
  readonly #merged = new Float64Array(SHARED_WIDTH_MAX);
  readonly #bytes = new Uint8Array(recordBytesMax(SHARED_WIDTH_MAX));

  /** In the order of the partitions. Throws TidemarkError `layout_mismatch` when one is not what its place says. */
  constructor(stores: readonly FeatureStoreReader[]) {
    assert(stores.length > 0, "there is a partition");
    this.#stores = stores;
    stores.forEach((store, index) => {
      const layout = store.layout();
      const wanted = partitionLayout({ index, count: stores.length });
      if (layout !== undefined && layout !== wanted) throw new TidemarkError("layout_mismatch", `the feature store of partition ${index} of ${stores.length} has layout ${layout}, not ${wanted}`);
    });
  }

  get(entity: EntityName, id: string): Uint8Array | undefined {
    return SHARED.has(entity) ? this.#mergedRecord(entity, id) : this.#owner(entity, id).get(entity, id);
  }

  /** Of shares the sum: the greatest would not tell of a change in the share of a partition that is behind. */
  sequence(entity: EntityName, id: string): number | undefined {
    if (!SHARED.has(entity)) return this.#owner(entity, id).sequence(entity, id);
    const sequences = this.#stores.flatMap((store) => store.sequence(entity, id) ?? []);
    return sequences.length === 0 ? undefined : sequences.reduce((sum, sequence) => sum + sequence, 0);
  }

  /** The catalogue is folded by every partition: where one is ahead, it knows more names. */
  name(kind: NameKind, ordinal: number): string | undefined {
    for (const store of this.#stores) {
      const name = store.name(kind, ordinal);
      if (name !== undefined) return name;
    }
    return undefined;
  }

  names(kind: NameKind): readonly string[] {
    return this.#stores.map((store) => store.names(kind)).reduce((most, names) => (names.length > most.length ? names : most));
  }

  ids(entity: EntityName, prefix = "", after = ""): Iterable<string> {
    return mergedIds(this.#stores.map((store, index) => (SHARED.has(entity) ? store.ids(entity, prefix, after) : this.#owned(store.ids(entity, prefix, after), entity, index))));
  }

  profile(course_id: string): CourseProfile | undefined {
    return this.#owner("course", course_id).profile(course_id);
  }

  /** Every partition knows all ids. */
  idBlocks(): Iterable<IdBlock> {
    return this.#last().idBlocks();
  }

  enrollment(hash: Uint8Array): number | undefined {
    return this.#last().enrollment(hash);
  }

  cursor(stream: string): Cursor | undefined {
    return this.#last(stream).cursor(stream);
  }

  watermark(): Watermark | undefined {
    return this.#last().watermark();
  }

  lateCounts(): Iterable<readonly [state: string, updates: number]> {
    const counts = new Map<string, number>();
    for (const store of this.#stores) for (const [state, updates] of store.lateCounts()) counts.set(state, (counts.get(state) ?? 0) + updates);
    return counts;
  }

  lateUpdates(): readonly LateUpdate[] {
    return this.#stores.flatMap((store) => store.lateUpdates()).sort((a, b) => a.sequence - b.sequence || a.ordinal - b.ordinal);
  }

  champion(family: string): Champion | undefined {
    return this.#last("CONTROL").champion(family);
  }

  /** Every partition folds all of CONTROL. */
  controlCount(kind: ControlKind, id: string): number {
    return this.#last("CONTROL").controlCount(kind, id);
  }

  control<Kind extends ControlKind>(kind: Kind, id: string): ControlEntry<Kind> | undefined {
    return this.#last("CONTROL").control(kind, id);
  }

  controlHistory<Kind extends ControlKind>(kind: Kind, id: string): readonly ControlEntry<Kind>[] {
    return this.#last("CONTROL").controlHistory(kind, id);
  }

  controlIds(kind: ControlKind): readonly string[] {
    return this.#last("CONTROL").controlIds(kind);
  }

  exposure(experiment_id: string, learner_id: string): LearnerExposure | undefined {
    return this.#owner("learner", learner_id).exposure(experiment_id, learner_id);
  }

  exposedTo(experiment_id: string, after = ""): Iterable<string> {
    return mergedIds(this.#stores.map((store) => store.exposedTo(experiment_id, after)));
  }

  exposuresOf(learner_id: string): readonly string[] {
    return this.#owner("learner", learner_id).exposuresOf(learner_id);
  }

  lock(learner_id: string, course_id: string): QuoteLock | undefined {
    return this.#owner("learner", learner_id).lock(learner_id, course_id);
  }

  lockSequence(learner_id: string, course_id: string): number | undefined {
    return this.#owner("learner", learner_id).lockSequence(learner_id, course_id);
  }

  /** An id does not tell whose the quote is. */
  quote(quote_id: string): KeptQuote | undefined {
    for (const store of this.#stores) {
      const quote = store.quote(quote_id);
      if (quote !== undefined) return quote;
    }
    return undefined;
  }

  quotesOf(learner_id: string): readonly string[] {
    return this.#owner("learner", learner_id).quotesOf(learner_id);
  }

  quotesDue(before_ms: number): readonly QuoteDue[] {
    return this.#stores.flatMap((store) => store.quotesDue(before_ms)).sort((a, b) => a.due_ms - b.due_ms);
  }

  quoteTime(): number | undefined {
    return this.#last("OFFERS").quoteTime();
  }

  citation(learner_id: string, quote_id: string): Citation | undefined {
    return this.#owner("learner", learner_id).citation(learner_id, quote_id);
  }

  citationKeys(prefix = "", after = ""): Iterable<string> {
    return mergedIds(this.#stores.map((store) => store.citationKeys(prefix, after)));
  }

  layout(): string | undefined {
    return this.#stores.every((store) => store.layout() !== undefined) ? layoutIdentity : undefined;
  }

  dump(): Iterable<DumpEntry> {
    throw new TidemarkError("partitioned", "partitions are compared one by one");
  }

  async close(): Promise<void> {
    await Promise.all(this.#stores.map((store) => store.close()));
  }

  /** A course lies in every partition that folds the catalogue. */
  *#owned(ids: Iterable<string>, entity: EntityName, index: number): Iterable<string> {
    for (const id of ids) if (ownerOf(routingId(entity, id), this.#stores.length) === index) yield id;
  }

  #owner(entity: EntityName, id: string): FeatureStoreReader {
    return this.#stores[ownerOf(routingId(entity, id), this.#stores.length)]!;
  }

  /** The partition that is furthest behind. */
  #last(stream = "EVENTS"): FeatureStoreReader {
    const sequence = (store: FeatureStoreReader): number => store.cursor(stream)?.sequence ?? 0;
    return this.#stores.reduce((last, store) => (sequence(store) < sequence(last) ? store : last));
  }

  #mergedRecord(entity: EntityName, id: string): Uint8Array | undefined {
    const width = recordWidths[entity];
    const merged = this.#merged.subarray(0, width).fill(0);
    const share = this.#share.subarray(0, width);
    const header: RecordHeader = { sequence: 0, updated_at_ms: 0 };
    const whole: RecordHeader = { sequence: 0, updated_at_ms: 0 };
    for (const store of this.#stores) {
      const bytes = store.get(entity, id);
      if (bytes === undefined) continue;
      decodeRecord(must(bytes, "bytes"), header, share);
      mergeRecords(entity, merged, share);
      whole.sequence = Math.max(whole.sequence, header.sequence);
      whole.updated_at_ms = Math.max(whole.updated_at_ms, header.updated_at_ms);
    }
    return whole.sequence === 0 ? undefined : this.#bytes.subarray(0, encodeRecord(whole, merged, this.#bytes));
  }
}
