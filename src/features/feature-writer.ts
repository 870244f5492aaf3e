import { STREAM_EVENTS } from "../contracts/subjects.ts";
import type { Event, EventOf, StreamEvent } from "../contracts/events.ts";
import { must } from "../lib/assert.ts";
import { TidemarkError } from "../lib/errors.ts";
import { categoryCourses, categoryListPrices } from "./category-features.ts";
import { courseBasePrice, courseCategory, courseDemand, courseRepriced, listPrice } from "./course-features.ts";
import type { FoldContext } from "./definition.ts";
import { type FoldStep, eventPlans, layoutIdentity, offsetOf, recordWidths, stateNames } from "./feature-set.ts";
import { NameDictionary } from "./name-dictionary.ts";
import { type CachedRecord, RecordCache } from "./record-cache.ts";
import { encodeRecord, recordBytesMax } from "./record.ts";
import { type CourseProfile, type Cursor, type EntityName, type FeatureStore, type NameKind, type StoreBatch, entityNames } from "./store.ts";

export interface FoldCounters {
  /** Events folded. */
  readonly events: number;
  /** Updates of a state that came too late for its window and were left out. */
  readonly late: number;
  /** Course events whose category was not known yet, so that the category's side was skipped. */
  readonly uncategorised: number;
  /** Categories and teachers that were left unknown because there are too many. */
  readonly unnamed: number;
}

export interface FoldOptions {
  readonly limits?: CacheLimits;
  /** False leaves learners out, for a fold that nobody asks for them: they are most of what there is. */
  readonly learners?: boolean;
}

/** Decoded records that stay in memory between batches. */
export type CacheLimits = Readonly<Record<EntityName, number>>;

/** At most about 18 MB of courses, 2 MB of categories and 35 MB of learners. */
export const defaultCacheLimits: CacheLimits = { course: 4_096, category: 1_024, learner: 131_072 };

/** What routes an event: the ids that it may carry. */
interface EventKeys {
  readonly id: string;
  readonly course_id?: string | undefined;
  readonly learner_id?: string | undefined;
  readonly category?: string | undefined;
}

/** A decoded record, borrowed from the writer: valid until the next apply or commit. */
export interface LiveRecord {
  readonly sequence: number;
  readonly updated_at_ms: number;
  readonly slots: Float64Array;
}

const CATEGORY_TIME_SLOT = offsetOf(courseCategory);
const CATEGORY_SLOT = CATEGORY_TIME_SLOT + 1;
const BASE_PRICE_SLOT = offsetOf(courseBasePrice) + 1;
const REPRICED_SLOT = offsetOf(courseRepriced) + 1;
const REFERENCE_SLOT = offsetOf(courseDemand);
const LIST_PRICES_SLOT = offsetOf(categoryListPrices);
const COURSES_SLOT = offsetOf(categoryCourses);

function currentListPrice(slots: Float64Array): number {
  return listPrice(slots[REPRICED_SLOT]!, slots[BASE_PRICE_SLOT]!, slots[REFERENCE_SLOT]!);
}

/**
 * The compiled fold of EVENTS into course, category and learner records. The stored bytes are a function of the events
 * and their order alone: not of batches, of what was cached, or of the clock. After a commit that throws, the writer is
 * ahead of its store: throw it away and start from the store's cursor.
 */
export class FeatureWriter {
  readonly #store: FeatureStore;
  readonly #names: NameDictionary;
  readonly #context: FoldContext;
  readonly #caches: Readonly<Record<EntityName, RecordCache>>;
  readonly #profiles = new Map<string, CourseProfile>();
  readonly #learners: boolean;
  #events = 0;
  #lateUpdates = 0;
  #uncategorised = 0;
  readonly #late = new Float64Array(stateNames.length);
  readonly #bytes = new Uint8Array(Math.max(...entityNames.map((entity) => recordBytesMax(recordWidths[entity]))));
  #layoutStored: boolean;

  constructor(store: FeatureStore, { limits = defaultCacheLimits, learners = true }: FoldOptions = {}) {
    const layout = store.layout();
    if (layout !== undefined && layout !== layoutIdentity) {
      throw new TidemarkError("layout_mismatch", `the feature store has layout ${layout}, this version writes ${layoutIdentity}: delete the store and let it be folded again`);
    }
    this.#layoutStored = layout !== undefined;
    this.#store = store;
    this.#learners = learners;
    const names = new NameDictionary(store);
    this.#names = names;
    this.#context = { event_time_ms: 0, ordinal: (kind: NameKind, name: string) => names.ordinal(kind, name) };
    const cache = (entity: EntityName): RecordCache => new RecordCache(entity, store, recordWidths[entity], limits[entity]);
    this.#caches = { course: cache("course"), category: cache("category"), learner: cache("learner") };
  }

  /** Since this writer began. */
  get counters(): FoldCounters {
    return { events: this.#events, late: this.#lateUpdates, uncategorised: this.#uncategorised, unnamed: this.#names.refused };
  }

  /** Folds one event in memory. Events come in sequence order, each once. */
  apply(stream: StreamEvent): void {
    const { event, sequence, event_time_ms } = stream;
    const keys: EventKeys = event;
    const plan = must(eventPlans.get(event.type), "event of an unknown type");
    this.#context.event_time_ms = event_time_ms;
    this.#events++;

    if (plan.course.length > 0 && keys.course_id !== undefined) {
      const course = this.#caches.course.touch(keys.course_id, sequence, event_time_ms);
      if (event.type === "course.upserted") this.#upsertCourse(event, stream, course, plan.course);
      else if (event.type === "course.repriced") this.#foldCatalogue(event, stream, course, plan.course);
      else {
        this.#fold(plan.course, course.slots, event);
        if (plan.category.length > 0) this.#foldCategory(plan.category, stream, course);
      }
    } else if (plan.category.length > 0 && keys.category !== undefined) {
      this.#fold(plan.category, this.#caches.category.touch(keys.category, sequence, event_time_ms).slots, event);
    }

    if (keys.learner_id === undefined || !this.#learners) return;
    if (event.type === "learner.erased") this.#caches.learner.erase(keys.learner_id);
    else if (plan.learner.length > 0) this.#fold(plan.learner, this.#caches.learner.touch(keys.learner_id, sequence, event_time_ms).slots, event);
  }

  /** Writes every touched record and the cursor in one transaction; durable when it returns. */
  commit(cursor: Cursor): void {
    this.#store.commit((batch) => {
      for (const entity of entityNames) this.#write(batch, entity);
      for (const [course_id, profile] of this.#profiles) batch.putProfile(course_id, profile);
      this.#names.write(batch);
      if (!this.#layoutStored) batch.putLayout(layoutIdentity);
      batch.putCursor(STREAM_EVENTS, cursor);
    });
    for (const entity of entityNames) this.#caches[entity].committed();
    this.#profiles.clear();
    this.#names.written();
    this.#layoutStored = true;
  }

  /** Updates left out as too late, by `<entity>.<state>`; states without any are absent. */
  lateByState(): Record<string, number> {
    return Object.fromEntries(stateNames.map((name, i) => [name, this.#late[i]!] as const).filter(([, late]) => late > 0));
  }

  /**
   * Records in memory, committed or not: everything that was ever touched as long as nothing is committed. For replays
   * that read the fold's state without storing it.
   */
  live(entity: EntityName): ReadonlyMap<string, LiveRecord> {
    return this.#caches[entity].records;
  }

  /** Name of a category by what course records hold. */
  categoryName(ordinal: number): string | undefined {
    return this.#names.name("category", ordinal);
  }

  #fold(steps: readonly FoldStep[], slots: Float64Array, event: Event): void {
    const context = this.#context;
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i]!;
      const value = step.value(event, context);
      if (Number.isNaN(value)) continue;
      if (!step.aggregator.update(slots, step.offset, value, context.event_time_ms, step.channel)) {
        this.#lateUpdates++;
        this.#late[step.state]!++;
      }
    }
  }

  /** The category's side of a course's event: the category that the course is known to be in now. */
  #foldCategory(steps: readonly FoldStep[], stream: StreamEvent, course: CachedRecord): void {
    const ordinal = course.slots[CATEGORY_SLOT]! - 1;
    if (ordinal < 0) {
      this.#uncategorised++;
      return;
    }
    const category = must(this.#names.name("category", ordinal), "course of a category without a name");
    this.#fold(steps, this.#caches.category.touch(category, stream.sequence, stream.event_time_ms).slots, stream.event);
  }

  /** A course's attributes and profile come from its latest upsert by event time. */
  #upsertCourse(event: EventOf<"course.upserted">, stream: StreamEvent, course: CachedRecord, steps: readonly FoldStep[]): void {
    this.#foldCatalogue(event, stream, course, steps);
    if (course.slots[CATEGORY_TIME_SLOT] !== stream.event_time_ms) return;
    this.#profiles.set(event.course_id, { title: event.title ?? "", prerequisites: event.prerequisites ?? [], time_ms: stream.event_time_ms });
  }

  /** Folds a change of a course's category or list price, and moves its share of the categories' sums along. */
  #foldCatalogue(event: Event, stream: StreamEvent, course: CachedRecord, steps: readonly FoldStep[]): void {
    const before = course.slots[CATEGORY_SLOT]! - 1;
    const price_before = before < 0 ? 0 : currentListPrice(course.slots);
    this.#fold(steps, course.slots, event);
    const after = course.slots[CATEGORY_SLOT]! - 1;
    if (after < 0) return;
    const price_after = currentListPrice(course.slots);
    if (before === after && price_before === price_after) return;
    if (before >= 0) this.#share(before, stream, -1, -price_before);
    this.#share(after, stream, 1, price_after);
  }

  #share(category: number, stream: StreamEvent, courses: number, price_tokens: number): void {
    const name = must(this.#names.name("category", category), "course of a category without a name");
    const { slots } = this.#caches.category.touch(name, stream.sequence, stream.event_time_ms);
    slots[COURSES_SLOT] = slots[COURSES_SLOT]! + courses;
    slots[LIST_PRICES_SLOT] = slots[LIST_PRICES_SLOT]! + price_tokens;
  }

  #write(batch: StoreBatch, entity: EntityName): void {
    const bytes = this.#bytes;
    for (const record of this.#caches[entity].changed) {
      if (record.sequence === 0) batch.remove(entity, record.id);
      else batch.put(entity, record.id, bytes.subarray(0, encodeRecord(record, record.slots, bytes)));
    }
  }
}
