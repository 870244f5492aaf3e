import { STREAM_EVENTS } from "../contracts/subjects.ts";
import type { Event, EventOf, StreamEvent } from "../contracts/events.ts";
import { assert, must } from "../lib/assert.ts";
import { log } from "../lib/exp-log.ts";
import { TidemarkError } from "../lib/errors.ts";
import { categoryCourses, categoryListPrices } from "./category-features.ts";
import { courseBasePrice, courseCategory, courseDemand, courseJitterBase, courseRepriced, courseTeacher, listPrice } from "./course-features.ts";
import { isPersonalQuote } from "../contracts/quote.ts";
import { CitationLedger } from "./citation-ledger.ts";
import { DayKeys } from "./day-keys.ts";
import { Deduplication, type DeduplicationLimits, defaultDeduplication } from "./deduplication.ts";
import type { FoldContext } from "./definition.ts";
import { type EventPlan, type FoldStep, type PerEntity, eventPlans, offsetOf, perEntity, recordWidths, stateNames } from "./feature-set.ts";
import { LateLedger } from "./late-ledger.ts";
import { NameDictionary } from "./name-dictionary.ts";
import { PairKeys } from "./pair-keys.ts";
import { ownerOf, type Partition, partitionLayout } from "./partition.ts";
import { type CachedRecord, RecordCache } from "./record-cache.ts";
import { encodeRecord, recordBytesMax } from "./record.ts";
import { type CourseProfile, type Cursor, type EntityName, type FeatureStore, type NameKind, type StoreBatch, type Watermark, entityNames } from "./store.ts";
import { teacherCourses } from "./teacher-features.ts";

export interface FoldCounters {
  /** Events folded. */
  readonly events: number;
  /** Events left out because they had been folded before. */
  readonly duplicates: number;
  /** Updates of a state that came too late for its window and were left out. */
  readonly late: number;
  /** Course events whose category or teacher was not known yet, so that its side was skipped. */
  readonly uncategorised: number;
  /** What a learner did in a course that no enrollment is known of yet: not in their learner × course record. */
  readonly unenrolled: number;
  /** Categories and teachers that were left unknown because there are too many. */
  readonly unnamed: number;
}

export interface FoldOptions {
  readonly limits?: CacheLimits;
  /** Only these are folded, for replays that read no others. Courses are always among them: they hold the catalogue. */
  readonly entities?: readonly EntityName[];
  readonly deduplication?: DeduplicationLimits;
  /** The share of the entities that is folded; all of them unless given. */
  readonly partition?: Partition | undefined;
}

/** Decoded records that stay in memory between batches. */
export type CacheLimits = PerEntity<number>;

/** At most about 22 MB of courses, 2 MB of categories, 145 MB of learners, 4 MB of teachers, 25 MB of learner × course, 3 MB of price histories. */
export const defaultCacheLimits: CacheLimits = { course: 4_096, category: 1_024, learner: 65_536, teacher: 2_048, learner_course: 65_536, platform: 64, price_history: 4_096 };

/** What routes an event: the ids that it may carry. */
interface EventKeys {
  readonly id: string;
  readonly course_id?: string | undefined;
  readonly learner_id?: string | undefined;
  readonly category?: string | undefined;
  readonly teacher_id?: string | undefined;
  readonly enrollment_id?: string | undefined;
}

/** A decoded record, borrowed from the writer: valid until the next apply or commit. */
export interface LiveRecord {
  readonly sequence: number;
  readonly updated_at_ms: number;
  readonly slots: Float64Array;
}

const CATEGORY_TIME_SLOT = offsetOf(courseCategory);
const CATEGORY_SLOT = CATEGORY_TIME_SLOT + 1;
const TEACHER_SLOT = offsetOf(courseTeacher) + 1;
const BASE_PRICE_SLOT = offsetOf(courseBasePrice) + 1;
const REPRICED_SLOT = offsetOf(courseRepriced) + 1;
const JITTER_BASE_SLOT = offsetOf(courseJitterBase) + 1;
const REFERENCE_SLOT = offsetOf(courseDemand);
const LIST_PRICES_SLOT = offsetOf(categoryListPrices);
const COURSES_SLOT = offsetOf(categoryCourses);
const TEACHER_COURSES_SLOT = offsetOf(teacherCourses);

function currentListPrice(slots: Float64Array): number {
  return listPrice(slots[REPRICED_SLOT]!, slots[BASE_PRICE_SLOT]!, slots[REFERENCE_SLOT]!);
}

/** The list price by the catalogue alone, which every partition knows; 0 = unknown. */
function catalogueListPrice(slots: Float64Array): number {
  return listPrice(slots[REPRICED_SLOT]!, slots[BASE_PRICE_SLOT]!, 0);
}

/** Random part of the log list price; NaN = none. */
function listPriceJitter(slots: Float64Array): number {
  const base = slots[JITTER_BASE_SLOT]!;
  return base > 0 ? log(slots[REPRICED_SLOT]! / base) : Number.NaN;
}

/**
 * The compiled fold of EVENTS into the records of every entity. The stored bytes are a function of the events
 * and their order alone: not of batches, of what was cached, or of the clock. After a commit that fails, the writer is
 * ahead of its store: throw it away and start from the store's cursor.
 */
export class FeatureWriter {
  readonly #store: FeatureStore;
  readonly #names: NameDictionary;
  readonly #deduplication: Deduplication;
  readonly #context: FoldContext;
  readonly #plans: ReadonlyMap<Event["type"], EventPlan>;
  readonly #caches: PerEntity<RecordCache>;
  readonly #pairs = new PairKeys();
  readonly #pairs_max: number;
  readonly #days = new DayKeys();
  readonly #profiles = new Map<string, CourseProfile>();
  readonly #citations: CitationLedger;
  readonly #entities: readonly EntityName[];
  readonly #teachers: boolean;
  #events = 0;
  #duplicates = 0;
  #uncategorised = 0;
  #unenrolled = 0;
  readonly #late: LateLedger;
  #event_time_max_ms: number;
  #broker_time_max_ms: number;
  readonly #bytes = new Uint8Array(Math.max(...entityNames.map((entity) => recordBytesMax(recordWidths[entity]))));
  readonly #layout: string;
  #layoutStored: boolean;
  #in_flight = false;
  /** undefined when everything is folded here. */
  readonly #partition: Partition | undefined;
  /** Whether what a course adds to its category and teacher is added here. */
  #sharing = true;

  constructor(store: FeatureStore, { limits = defaultCacheLimits, entities = entityNames, deduplication = defaultDeduplication, partition }: FoldOptions = {}) {
    assert(entities.includes("course"), "no entity is folded without courses");
    const layout = store.layout();
    this.#layout = partitionLayout(partition);
    if (layout !== undefined && layout !== this.#layout) {
      throw new TidemarkError("layout_mismatch", `the feature store has layout ${layout}, this writes ${this.#layout}: delete the store and let it be folded again`);
    }
    this.#partition = partition === undefined || partition.count === 1 ? undefined : partition;
    this.#layoutStored = layout !== undefined;
    this.#store = store;
    this.#entities = entities;
    this.#teachers = entities.includes("teacher");
    const names = new NameDictionary(store);
    this.#names = names;
    this.#deduplication = new Deduplication(store, deduplication);
    this.#citations = new CitationLedger(store);
    this.#late = new LateLedger(store, stateNames);
    const watermark = store.watermark();
    this.#event_time_max_ms = watermark?.event_time_ms ?? Number.NEGATIVE_INFINITY;
    this.#broker_time_max_ms = watermark?.broker_time_ms ?? Number.NEGATIVE_INFINITY;
    this.#context = { event_time_ms: 0, category: 0, list_price_tokens: 0, list_price_jitter: Number.NaN, ordinal: (kind: NameKind, name: string) => names.ordinal(kind, name) };
    this.#plans = eventPlans(entities);
    this.#caches = perEntity((entity) => new RecordCache(entity, store, recordWidths[entity], limits[entity]));
    this.#pairs_max = limits.learner_course;
  }

  /** Since this writer began. */
  get counters(): FoldCounters {
    return { events: this.#events, duplicates: this.#duplicates, late: this.#late.updates, uncategorised: this.#uncategorised, unenrolled: this.#unenrolled, unnamed: this.#names.refused };
  }

  /** What is folded, committed or not; undefined before the first event. */
  get watermark(): Watermark | undefined {
    if (this.#broker_time_max_ms === Number.NEGATIVE_INFINITY) return undefined;
    return { event_time_ms: this.#event_time_max_ms, broker_time_ms: this.#broker_time_max_ms };
  }

  /** Folds one event in memory, unless it is a duplicate: then false. Events come in sequence order. */
  apply(stream: StreamEvent): boolean {
    if (!this.accept(stream)) return false;
    this.fold(stream);
    return true;
  }

  /** The first half of `apply`: whether the event is to be folded. From here on it counts as seen. */
  accept({ event, sequence }: StreamEvent): boolean {
    const accepted = this.#deduplication.accept(event, sequence);
    if (!accepted) this.#duplicates++;
    return accepted;
  }

  /** The second half of `apply`, for an event that was accepted. */
  fold(stream: StreamEvent): void {
    const { event } = stream;
    const keys: EventKeys = event;
    const plan = must(this.#plans.get(event.type), "event of an unknown type");
    const context = this.#context;
    context.event_time_ms = stream.event_time_ms;
    if (stream.event_time_ms > this.#event_time_max_ms) this.#event_time_max_ms = stream.event_time_ms;
    if (stream.broker_time_ms > this.#broker_time_max_ms) this.#broker_time_max_ms = stream.broker_time_ms;
    context.category = 0;
    context.list_price_tokens = 0;
    this.#events++;
    if (this.#partition === undefined) this.#foldWhole(plan, stream, keys);
    else this.#foldOwned(plan, stream, keys, this.#partition);
  }

  #foldWhole(plan: EventPlan, stream: StreamEvent, keys: EventKeys): void {
    if (plan.course.length > 0 && keys.course_id !== undefined) this.#foldCourse(plan, stream, keys.course_id);
    else if (plan.category.length > 0 && keys.category !== undefined) this.#foldInto("category", keys.category, plan, stream);
    else if (plan.teacher.length > 0 && keys.teacher_id !== undefined) this.#foldInto("teacher", keys.teacher_id, plan, stream);

    if (plan.price_history.length > 0 && keys.course_id !== undefined) this.#foldInto("price_history", keys.course_id, plan, stream);
    if (keys.learner_id !== undefined) this.#foldLearner(plan, stream, keys, keys.learner_id);
    if (plan.platform.length > 0) this.#foldPlatform(plan, stream);
  }

  /**
   * The sides of an event that this partition owns. A course's side, with what it adds to its category, teacher and day, is its owner's; a learner's
   * side is the learner's owner's. The catalogue is folded by all: of a course that another one owns, its category and list price are known.
   */
  #foldOwned(plan: EventPlan, stream: StreamEvent, keys: EventKeys, { index, count, whole_groups = false }: Partition): void {
    const { course_id, learner_id } = keys;
    const owns = (id: string | undefined): boolean => id !== undefined && ownerOf(id, count) === index;
    const course_owned = owns(course_id);
    const learner_owned = owns(learner_id);
    if (plan.course.length > 0 && course_id !== undefined) {
      this.#sharing = course_owned || whole_groups;
      if (course_owned || plan.catalogue) this.#foldCourse(plan, stream, course_id);
      else {
        if (learner_owned) this.#knowCourse(course_id);
        if (whole_groups && (plan.category.length > 0 || plan.teacher.length > 0)) this.#foldGroups(plan, stream, this.#caches.course.peek(course_id));
      }
    } else if (plan.category.length > 0 && keys.category !== undefined) {
      if (whole_groups || owns(keys.category)) this.#foldInto("category", keys.category, plan, stream);
    } else if (plan.teacher.length > 0 && keys.teacher_id !== undefined) {
      if (whole_groups || owns(keys.teacher_id)) this.#foldInto("teacher", keys.teacher_id, plan, stream);
    }
    if (plan.price_history.length > 0 && course_id !== undefined && course_owned) this.#foldInto("price_history", course_id, plan, stream);
    if (learner_id !== undefined && learner_owned) this.#foldLearner(plan, stream, keys, learner_id);
    if (plan.platform.length > 0 && owns(course_id ?? learner_id ?? keys.category ?? keys.teacher_id)) this.#foldPlatform(plan, stream);
  }

  /** What the learner's side reads of a course. */
  #knowCourse(course_id: string): void {
    const { slots } = this.#caches.course.peek(course_id);
    this.#context.category = slots[CATEGORY_SLOT]!;
    this.#context.list_price_tokens = catalogueListPrice(slots);
  }

  #foldLearner(plan: EventPlan, stream: StreamEvent, keys: EventKeys, learner_id: string): void {
    const { event } = stream;
    if (event.type === "learner.erased") {
      this.#erase(learner_id);
      return;
    }
    // Replays that leave records out are of training, which asks for no quotes.
    if (event.type === "enrollment.created" && isPersonalQuote(event.quote_id) && this.#entities === entityNames) this.#citations.add(event, event.quote_id, stream);
    if (plan.learner.length > 0) this.#foldInto("learner", learner_id, plan, stream);
    if (plan.learner_course.length > 0 && keys.course_id !== undefined) this.#foldLearnerCourse(plan, stream, learner_id, keys.course_id, keys.enrollment_id !== undefined);
  }

  #foldPlatform(plan: EventPlan, stream: StreamEvent): void {
    this.#fold(plan.platform, this.#caches.platform.touch(this.#days.key(stream.event_time_ms), stream.sequence, stream.event_time_ms), stream);
  }

  /** Writes every touched record and the cursor in one transaction; durable when it returns. */
  commit(cursor: Cursor): void {
    assert(!this.#in_flight, "a commit is in flight");
    this.#store.commit((batch) => this.#write(batch, cursor));
    this.#written();
    this.#stored();
  }

  /**
   * The same on the store's own thread; durable when the promise resolves. Meanwhile events may be folded, into the next
   * commit, which must wait for this one.
   */
  async commitAsync(cursor: Cursor): Promise<void> {
    assert(!this.#in_flight, "a commit is in flight");
    this.#in_flight = true;
    const durable = this.#store.commitAsync((batch) => this.#write(batch, cursor));
    this.#written();
    await durable;
    this.#stored();
    this.#in_flight = false;
  }

  #write(batch: StoreBatch, cursor: Cursor): void {
    for (const entity of entityNames) this.#writeRecords(batch, entity);
    for (const [course_id, profile] of this.#profiles) batch.putProfile(course_id, profile);
    this.#names.write(batch);
    this.#deduplication.write(batch);
    this.#late.write(batch);
    this.#citations.write(batch);
    if (this.watermark !== undefined) batch.putWatermark(this.watermark);
    if (!this.#layoutStored) batch.putLayout(this.#layout);
    batch.putCursor(STREAM_EVENTS, cursor);
  }

  /** What changes from here on belongs to the next commit. */
  #written(): void {
    for (const entity of entityNames) this.#caches[entity].written();
    this.#profiles.clear();
    this.#names.written();
    this.#pairs.trim(this.#pairs_max);
    this.#deduplication.written();
    this.#late.written();
    this.#citations.written();
    this.#layoutStored = true;
  }

  /** From here on the store can be asked for what was written. */
  #stored(): void {
    for (const entity of entityNames) this.#caches[entity].stored();
    this.#deduplication.stored();
  }

  /** Updates left out as too late since this writer began, by `<entity>.<state>`; states without any are absent. */
  lateByState(): Record<string, number> {
    return this.#late.byState();
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

  /** The same of a teacher. */
  teacherName(ordinal: number): string | undefined {
    return this.#names.name("teacher", ordinal);
  }

  #fold(steps: readonly FoldStep[], { slots, updated_at_ms }: CachedRecord, stream: StreamEvent): void {
    const { event } = stream;
    const context = this.#context;
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i]!;
      const value = step.value(event, context);
      if (Number.isNaN(value)) continue;
      if (!step.update(slots, step.offset, value, context.event_time_ms, step.channel)) this.#late.add(step.state, stream, updated_at_ms);
    }
  }

  #foldInto(entity: EntityName, id: string, plan: EventPlan, stream: StreamEvent): void {
    this.#fold(plan[entity], this.#caches[entity].touch(id, stream.sequence, stream.event_time_ms), stream);
  }

  #foldCourse(plan: EventPlan, stream: StreamEvent, course_id: string): void {
    const { event } = stream;
    const course = this.#caches.course.touch(course_id, stream.sequence, stream.event_time_ms);
    if (event.type === "course.upserted") this.#upsertCourse(event, stream, course, plan.course);
    else if (event.type === "course.repriced") this.#foldCatalogue(stream, course, plan.course);
    else {
      this.#context.category = course.slots[CATEGORY_SLOT]!;
      this.#context.list_price_tokens = catalogueListPrice(course.slots);
      this.#context.list_price_jitter = listPriceJitter(course.slots);
      this.#fold(plan.course, course, stream);
      if (plan.category.length > 0 || plan.teacher.length > 0) this.#foldGroups(plan, stream, course);
    }
  }

  /** The category's and teacher's side of a course's event: those that the course is known to have now. */
  #foldGroups(plan: EventPlan, stream: StreamEvent, course: CachedRecord): void {
    const category = course.slots[CATEGORY_SLOT]! - 1;
    const teacher = course.slots[TEACHER_SLOT]! - 1;
    if (category < 0 || teacher < 0) this.#uncategorised++;
    if (plan.category.length > 0 && category >= 0) this.#foldInto("category", must(this.#names.name("category", category), "course of a category without a name"), plan, stream);
    if (plan.teacher.length > 0 && teacher >= 0) this.#foldInto("teacher", must(this.#names.name("teacher", teacher), "course of a teacher without a name"), plan, stream);
  }

  /** What is about an enrollment begins the record; anything else only adds to one that exists. */
  #foldLearnerCourse(plan: EventPlan, stream: StreamEvent, learner_id: string, course_id: string, begins: boolean): void {
    const cache = this.#caches.learner_course;
    const id = this.#pairs.key(learner_id, course_id);
    const record = begins ? cache.touch(id, stream.sequence, stream.event_time_ms) : cache.touchExisting(id, stream.sequence, stream.event_time_ms);
    if (record === undefined) this.#unenrolled++;
    else this.#fold(plan.learner_course, record, stream);
  }

  /** Removes what is kept of a learner alone; what was added to other entities stays. */
  #erase(learner_id: string): void {
    this.#citations.erase(learner_id);
    if (this.#entities.includes("learner")) this.#caches.learner.erase(learner_id);
    if (this.#entities.includes("learner_course")) this.#caches.learner_course.erasePrefix(`${learner_id}/`);
  }

  /** A course's attributes and profile come from its latest upsert by event time. */
  #upsertCourse(event: EventOf<"course.upserted">, stream: StreamEvent, course: CachedRecord, steps: readonly FoldStep[]): void {
    this.#foldCatalogue(stream, course, steps);
    if (course.slots[CATEGORY_TIME_SLOT] !== stream.event_time_ms) return;
    this.#profiles.set(event.course_id, { title: event.title ?? "", prerequisites: event.prerequisites ?? [], time_ms: stream.event_time_ms });
  }

  /** Folds a change of a course's category, teacher or list price, and moves its share of their sums along. */
  #foldCatalogue(stream: StreamEvent, course: CachedRecord, steps: readonly FoldStep[]): void {
    const before = course.slots[CATEGORY_SLOT]! - 1;
    const price_before = before < 0 ? 0 : currentListPrice(course.slots);
    const teacher_before = course.slots[TEACHER_SLOT]! - 1;
    this.#fold(steps, course, stream);
    const teacher = course.slots[TEACHER_SLOT]! - 1;
    if (!this.#sharing) return;
    if (teacher !== teacher_before && this.#teachers) {
      if (teacher_before >= 0) this.#shareTeacher(teacher_before, stream, -1);
      this.#shareTeacher(teacher, stream, 1);
    }
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

  #shareTeacher(teacher: number, stream: StreamEvent, courses: number): void {
    const name = must(this.#names.name("teacher", teacher), "course of a teacher without a name");
    const { slots } = this.#caches.teacher.touch(name, stream.sequence, stream.event_time_ms);
    slots[TEACHER_COURSES_SLOT] = slots[TEACHER_COURSES_SLOT]! + courses;
  }

  #writeRecords(batch: StoreBatch, entity: EntityName): void {
    const bytes = this.#bytes;
    for (const record of this.#caches[entity].changed) {
      if (record.sequence === 0) batch.remove(entity, record.id);
      else batch.put(entity, record.id, bytes.subarray(0, encodeRecord(record, record.slots, bytes)));
    }
  }
}
