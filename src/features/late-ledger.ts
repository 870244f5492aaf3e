import type { StreamEvent } from "../contracts/events.ts";
import type { FeatureStoreReader, LateUpdate, StoreBatch } from "./store.ts";

/** Late updates that are listed, the newest by sequence; their counts are for ever. Part of the layout's identity. */
export const LATE_LISTED_MAX = 1_024;

/**
 * What came too late for a state: counted by state for ever, and the newest of them listed. It names no person: a learner's erasure
 * has nothing to remove here, and the event is found by its sequence.
 *
 * An update is listed at the place of its ordinal among all late ones, modulo the list's length: what is stored after an event does
 * not depend on batches or restarts.
 */
export class LateLedger {
  readonly #names: readonly string[];
  readonly #listed_max: number;
  /** By position in the names: for ever, and since this ledger began. */
  readonly #counts: Float64Array;
  readonly #run: Float64Array;
  readonly #changed = new Set<number>();
  /** Of the open batch; only the newest matter. */
  #waiting: LateUpdate[] = [];
  #total = 0;
  /** Since this ledger began. */
  updates = 0;

  constructor(store: FeatureStoreReader, states: readonly string[], listed_max = LATE_LISTED_MAX) {
    this.#names = states;
    this.#listed_max = listed_max;
    this.#counts = new Float64Array(states.length);
    this.#run = new Float64Array(states.length);
    for (const [name, count] of store.lateCounts()) {
      this.#counts[states.indexOf(name)] = count;
      this.#total += count;
    }
  }

  /** `state` is a position in the names of states; `newest_ms` the latest event time of the record that the update was for. */
  add(state: number, { sequence, event, event_time_ms, broker_time_ms }: StreamEvent, newest_ms: number): void {
    this.updates++;
    this.#run[state]!++;
    this.#counts[state]!++;
    this.#changed.add(state);
    this.#waiting.push({ ordinal: this.#total++, sequence, type: event.type, state: this.#names[state]!, event_time_ms, broker_time_ms, behind_ms: newest_ms - event_time_ms });
    if (this.#waiting.length >= 2 * this.#listed_max) this.#waiting.splice(0, this.#waiting.length - this.#listed_max);
  }

  /** Updates left out since this ledger began, by `<entity>.<state>`; states without any are absent. */
  byState(): Record<string, number> {
    return Object.fromEntries(this.#names.map((name, i) => [name, this.#run[i]!] as const).filter(([, late]) => late > 0));
  }

  write(batch: StoreBatch): void {
    for (const state of this.#changed) batch.putLateCount(this.#names[state]!, this.#counts[state]!);
    for (const update of this.#waiting.slice(-this.#listed_max)) batch.putLateUpdate(update.ordinal % this.#listed_max, update);
  }

  /** To be called once `write` has put everything. */
  written(): void {
    this.#changed.clear();
    this.#waiting = [];
  }
}
