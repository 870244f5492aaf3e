import type { EventOf, StreamEvent } from "../contracts/events.ts";
import type { Citation, FeatureStoreReader, StoreBatch } from "./store.ts";

/**
 * Which personal quotes enrollments have cited, for ever: of each learner and quote the first enrollment, and how many followed. Whether a citation is good
 * is for whoever reads it beside the quote, which another stream tells of. Citations lie with the learner that made them.
 */
export class CitationLedger {
  readonly #store: FeatureStoreReader;
  /** In order of the events, since the last commit began: a citation, or the learner who was erased. */
  #unwritten: (Citation | string)[] = [];

  constructor(store: FeatureStoreReader) {
    this.#store = store;
  }

  add({ learner_id, course_id, enrollment_id, price }: EventOf<"enrollment.created">, quote_id: string, { sequence, event_time_ms }: StreamEvent): void {
    this.#unwritten.push({ quote_id, learner_id, course_id, enrollment_id, price, sequence, time_ms: event_time_ms, repeats: 0 });
  }

  erase(learner_id: string): void {
    this.#unwritten.push(learner_id);
  }

  /** To be called when the commit before is stored: what it wrote is read here. */
  write(batch: StoreBatch): void {
    if (this.#unwritten.length === 0) return;
    /** By learner, then quote; `null`: removed. */
    const changed = new Map<string, Map<string, Citation | null>>();
    const of = (learner_id: string): Map<string, Citation | null> => {
      const known = changed.get(learner_id) ?? new Map<string, Citation | null>();
      changed.set(learner_id, known);
      return known;
    };
    for (const entry of this.#unwritten) {
      if (typeof entry === "string") {
        const own = of(entry);
        const prefix = `${entry}/`;
        for (const key of this.#store.citationKeys(prefix)) own.set(key.slice(prefix.length), null);
        for (const quote_id of own.keys()) own.set(quote_id, null);
        continue;
      }
      const own = of(entry.learner_id);
      const before = own.has(entry.quote_id) ? own.get(entry.quote_id) : this.#store.citation(entry.learner_id, entry.quote_id);
      own.set(entry.quote_id, before === undefined || before === null ? entry : { ...before, repeats: before.repeats + 1 });
    }
    for (const [learner_id, citations] of changed) {
      for (const [quote_id, citation] of citations) {
        if (citation === null) batch.removeCitation(learner_id, quote_id);
        else batch.putCitation(citation);
      }
    }
  }

  /** To be called once `write` has put everything. */
  written(): void {
    this.#unwritten = [];
  }
}
