import type { Exposure } from "../contracts/experiment.ts";
import { foldedRecordSchema, type QuoteTerms } from "../contracts/quote.ts";
import { personalQuoteSubject, quotesErasedSubject, STREAM_OFFERS } from "../contracts/subjects.ts";
import { DAY_MS, MINUTE_MS } from "../lib/time.ts";
import { ExposureChanges } from "./exposure-changes.ts";
import { ownerOf, type Partition } from "./partition.ts";
import type { Cursor, FeatureStore, KeptQuote, QuoteDue, QuoteLock, StoreBatch } from "./store.ts";

/** How long a quote is still known after it was over: enrollments that cite it may be late. Part of the fold's revision. */
export const QUOTE_KEPT_MS = 30 * DAY_MS;
/** A quote from a clock that far ahead of the broker's is none: it would be in force longer than anybody decided. */
const AHEAD_MAX_MS = 5 * MINUTE_MS;

interface Quoted {
  readonly quote: KeptQuote;
  readonly experiments: readonly Exposure[];
  readonly lock: QuoteLock;
}

/** Once `lock` is over the price is anybody's again; the quote itself is known a while longer. */
function duesOf({ learner_id, quote_id, expires_ms, locked_ms }: QuoteTerms): QuoteDue[] {
  return [
    { due_ms: locked_ms, what: "lock", learner_id, quote_id },
    { due_ms: Math.max(expires_ms, locked_ms) + QUOTE_KEPT_MS, what: "quote", learner_id, quote_id },
  ];
}

const pair = (learner_id: string, course_id: string): string => `${learner_id}/${course_id}`;

/** What a batch changes, before the store has any of it. */
class QuoteChanges {
  /** `null`: removed. */
  readonly locks = new Map<string, QuoteLock | null>();
  readonly quotes = new Map<string, { readonly quote: KeptQuote; readonly kept: boolean }>();
  readonly #store: FeatureStore;

  constructor(store: FeatureStore) {
    this.#store = store;
  }

  add({ quote, lock }: Quoted): void {
    this.quotes.set(quote.quote_id, { quote, kept: true });
    this.locks.set(pair(quote.learner_id, quote.course_id), lock);
  }

  quote(quote_id: string): KeptQuote | undefined {
    const changed = this.quotes.get(quote_id);
    if (changed === undefined) return this.#store.quote(quote_id);
    return changed.kept ? changed.quote : undefined;
  }

  remove(quote: KeptQuote, what: QuoteDue["what"]): void {
    const { quote_id, learner_id, course_id } = quote;
    const place = pair(learner_id, course_id);
    const changed = this.locks.get(place);
    const lock = changed === undefined ? this.#store.lock(learner_id, course_id) : changed;
    // A later quote took its place.
    if (lock?.quote_id === quote_id) this.locks.set(place, null);
    if (what === "quote") this.quotes.set(quote_id, { quote, kept: false });
  }
}

/**
 * The fold of OFFERS: each learner's first quote of an experiment, the quote in force for each learner and course, until its lock ends, and every quote by its id, until some time after it was over. Both
 * go by the broker's time of the newest message, so that what is stored at a sequence does not depend on batches. What is no quote, or lies on another subject than
 * it says, is counted and left out.
 */
export class QuoteWriter {
  /** Messages that were left out. */
  refused = 0;
  readonly #store: FeatureStore;
  readonly #partition: Partition | undefined;
  readonly #decoder = new TextDecoder();
  /** In order, since the last commit began: quotes, and learners who were erased. */
  #unwritten: (Quoted | string)[] = [];
  #time_ms: number;

  constructor(store: FeatureStore, partition?: Partition) {
    this.#store = store;
    this.#partition = partition;
    this.#time_ms = store.quoteTime() ?? Number.NEGATIVE_INFINITY;
  }

  apply(subject: string, data: Uint8Array, sequence: number, broker_time_ms: number): void {
    if (broker_time_ms > this.#time_ms) this.#time_ms = broker_time_ms;
    const [, , learner_id = "", course_id] = subject.split(".");
    if (this.#partition !== undefined && ownerOf(learner_id, this.#partition.count) !== this.#partition.index) return;
    if (course_id === undefined && subject === quotesErasedSubject(learner_id)) {
      this.#unwritten.push(learner_id);
      return;
    }
    const quoted = this.#parse(subject, data, sequence, broker_time_ms);
    if (quoted === undefined) this.refused++;
    else this.#unwritten.push(quoted);
  }

  /** Writes what was folded and the cursor in one transaction; durable when it returns. */
  commit(cursor: Cursor): void {
    this.#store.commit((batch) => this.#write(batch, cursor));
  }

  /** The same on the store's own thread; durable when the promise resolves. One at a time: what the one before wrote is read here. */
  commitAsync(cursor: Cursor): Promise<void> {
    return this.#store.commitAsync((batch) => this.#write(batch, cursor));
  }

  #write(batch: StoreBatch, cursor: Cursor): void {
    const changes = new QuoteChanges(this.#store);
    const exposures = new ExposureChanges(this.#store);
    const dues: QuoteDue[] = [...this.#store.quotesDue(this.#time_ms)];
    for (const due of dues) batch.removeQuoteDue(due);
    for (const entry of this.#unwritten) {
      if (typeof entry === "string") {
        this.#erase(entry, changes, batch);
        exposures.erase(entry);
        continue;
      }
      changes.add(entry);
      const { learner_id, issued_ms, sequence } = entry.quote;
      exposures.add(learner_id, entry.experiments, issued_ms, sequence);
    }
    // Of those that the batch itself brought and kept.
    for (const { quote, kept } of changes.quotes.values()) {
      for (const due of kept ? duesOf(quote) : []) {
        if (due.due_ms < this.#time_ms) dues.push(due);
        else batch.putQuoteDue(due);
      }
    }
    for (const { quote_id, what } of dues) {
      const quote = changes.quote(quote_id);
      if (quote !== undefined) changes.remove(quote, what);
    }
    this.#put(batch, changes);
    exposures.write(batch);
    if (this.#time_ms > Number.NEGATIVE_INFINITY) batch.putQuoteTime(this.#time_ms);
    batch.putCursor(STREAM_OFFERS, cursor);
    this.#unwritten = [];
  }

  /** A learner's quotes, of the store and of this batch so far. */
  #erase(learner_id: string, changes: QuoteChanges, batch: StoreBatch): void {
    const own = [...changes.quotes.values()].flatMap(({ quote }) => (quote.learner_id === learner_id ? [quote] : []));
    const stored = this.#store.quotesOf(learner_id).flatMap((quote_id) => this.#store.quote(quote_id) ?? []);
    for (const quote of [...stored, ...own]) {
      changes.remove(quote, "quote");
      for (const due of duesOf(quote)) batch.removeQuoteDue(due);
    }
  }

  #put(batch: StoreBatch, { locks, quotes }: QuoteChanges): void {
    for (const [place, lock] of locks) {
      const slash = place.indexOf("/");
      const [learner_id, course_id] = [place.slice(0, slash), place.slice(slash + 1)];
      if (lock === null) batch.removeLock(learner_id, course_id);
      else batch.putLock(learner_id, course_id, lock);
    }
    for (const { quote, kept } of quotes.values()) {
      if (kept) batch.putQuote(quote);
      else batch.removeQuote(quote.learner_id, quote.quote_id);
    }
  }

  #parse(subject: string, data: Uint8Array, sequence: number, broker_time_ms: number): Quoted | undefined {
    let message: { answer?: unknown };
    try {
      message = JSON.parse(this.#decoder.decode(data)) as typeof message;
    } catch {
      return undefined;
    }
    const record = foldedRecordSchema.safeParse(message).data;
    if (record === undefined) return undefined;
    const { terms, answer, experiments } = record;
    if (personalQuoteSubject(terms.learner_id, terms.course_id) !== subject || terms.issued_ms > broker_time_ms + AHEAD_MAX_MS) return undefined;
    const { quote_id, price, issued_ms, expires_ms, locked_ms } = terms;
    // What the schema gives has its fields in another order than what was answered.
    const lock = { quote_id, sequence, price, issued_ms, expires_ms, locked_ms, personal: answer.personal_features_used, answer: JSON.stringify(message.answer) };
    return { quote: { ...terms, sequence }, experiments, lock };
  }
}
