import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { systemClock } from "../lib/clock.ts";
import { TidemarkError } from "../lib/errors.ts";
import type { ArchivedSegment, ForgottenSpan } from "./archive-index.ts";
import type { ConsumeOptions, Consumption, DeliveredMessage, StreamState } from "./broker-message.ts";
import type { EventArchive } from "./event-archive.ts";
import type { HistoryView } from "./event-history.ts";
import { checkPosition } from "./position.ts";
import type { StreamSource } from "./read-stream.ts";

/** Messages of the archive between two turns of the event loop: a few milliseconds of folding. */
const TURN_MESSAGES = 512;
const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 2_000;

export interface HistoryParts {
  readonly broker: StreamSource;
  readonly archive: EventArchive;
  view(): Promise<HistoryView | undefined>;
}

/** The stream dropped what was to come next: the next step looks whether the archive has it, and says so when it has not. */
function passBehind(error: unknown): undefined {
  if (!(error instanceof TidemarkError) || error.code !== "gap_below_first") throw error;
}

const spanKey = (span: ForgottenSpan): string => `${span.first_sequence}-${span.erased_sequence}`;

/**
 * Messages of EVENTS in order: segments of the archive as long as there is one for the next sequence, then the stream; and back again
 * when the stream turns out to lack some.
 */
export class HistoryConsumption implements Consumption {
  readonly closed: Promise<void | Error>;
  readonly #parts: HistoryParts;
  readonly #onMessage: (message: DeliveredMessage) => void;
  /** While it has handed over nothing: from wherever there is something. */
  #fresh: boolean;
  #created: string;
  #next: number;
  /** Where a hole of the stream ends that neither archive nor stream fills: its messages were deleted. */
  #hole_end = 0;
  /** Spans that were known before anything of them was folded: all of them is folded under the new names. */
  #spans: Set<string> | undefined;
  #live: Consumption | undefined;
  #paused = false;
  #ended = false;
  #wake: () => void = () => undefined;
  #resolveClosed: (reason?: Error) => void = () => undefined;
  readonly #opened: Promise<void>;
  #resolveOpened: () => void = () => undefined;

  constructor(parts: HistoryParts, options: ConsumeOptions, onMessage: (message: DeliveredMessage) => void) {
    this.#parts = parts;
    this.#onMessage = onMessage;
    this.#fresh = options.start_sequence <= 1;
    this.#next = Math.max(1, options.start_sequence);
    this.#created = options.stream_created ?? "";
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = (reason) => resolve(reason);
    });
    this.#opened = new Promise((resolve) => {
      this.#resolveOpened = resolve;
    });
  }

  /** Resolves once messages are on their way; rejects when there is no going on from there. */
  async start(): Promise<void> {
    void this.#run();
    const reason = await Promise.race([this.#opened, this.closed]);
    if (reason instanceof Error) throw reason;
  }

  pause(): void {
    this.#paused = true;
    this.#live?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#live?.resume();
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#end();
    await this.#live?.stop();
  }

  #end(reason?: Error): void {
    this.#ended = true;
    this.#wake();
    this.#resolveClosed(reason);
  }

  async #run(): Promise<void> {
    for (let wait_ms = RETRY_MIN_MS; !this.#ended; ) {
      try {
        await this.#step();
        wait_ms = RETRY_MIN_MS;
      } catch (error) {
        const failure = error instanceof Error ? error : new Error(String(error));
        if (!(failure instanceof TidemarkError) || failure.code !== "broker_unreachable") return this.#end(failure);
        await systemClock.sleep(wait_ms);
        wait_ms = Math.min(RETRY_MAX_MS, wait_ms * 2);
      }
    }
  }

  async #step(): Promise<void> {
    const view = await this.#parts.view();
    if (this.#ended) return;
    if (this.#fresh && view !== undefined) this.#next = Math.max(1, view.state.first_sequence);
    checkPosition(STREAM_EVENTS, { stream_created: this.#created, sequence: this.#next - 1 }, view?.state);
    const { state, archive } = view!;
    this.#created = state.created;
    this.#checkSpans(archive.spans);
    const segment = archive.find(this.#next);
    if (segment === undefined) await this.#fromStream();
    else await this.#fromSegment(segment, state);
  }

  /** What was folded so far must not hold a learner whose erasure goes by another name by now. */
  #checkSpans(spans: readonly ForgottenSpan[]): void {
    this.#spans ??= new Set(this.#fresh ? spans.map(spanKey) : []);
    const folded = this.#next - 1;
    for (const span of spans) {
      if (this.#spans.has(spanKey(span)) || span.erased_sequence <= folded) continue;
      if (span.first_sequence > folded) {
        this.#spans.add(spanKey(span));
        continue;
      }
      throw new TidemarkError(
        "erased_since",
        `what was folded of ${STREAM_EVENTS} up to sequence ${folded} holds a learner who was erased at ${span.erased_sequence} and has been forgotten since, so that this erasure cannot be folded any more. ` +
          "Begin anew: restore a newer snapshot, or stop everything that uses the feature store, delete its directory (data/features by default) and start again",
      );
    }
  }

  async #fromSegment(segment: ArchivedSegment, state: StreamState): Promise<void> {
    const reader = await this.#parts.archive.read(segment);
    // Replaced by a compaction just now: the next step finds what stands for it.
    if (reader === undefined || this.#ended) return;
    this.#resolveOpened();
    // Whoever opened it has it in hand before the first message comes.
    await new Promise(setImmediate);
    let turn = 0;
    if (this.#paused) await this.#resumed();
    for (let message = reader.next(); message !== undefined && !this.#ended; message = reader.next()) {
      if (message.sequence < this.#next) continue;
      this.#deliver({ ...message, pending: state.last_sequence - message.sequence });
      if (this.#paused) await this.#resumed();
      else if (++turn % TURN_MESSAGES === 0) await new Promise(setImmediate);
    }
    if (this.#ended) return;
    this.#fresh = false;
    this.#next = segment.header.last_sequence + 1;
  }

  async #fromStream(): Promise<void> {
    let leave: () => void = () => undefined;
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    let leaving = false;
    const start = { start_sequence: this.#fresh ? 1 : this.#next, stream_created: this.#created };
    const opening = this.#parts.broker.consume(STREAM_EVENTS, start, (message) => {
      if (leaving || this.#ended) return;
      if (message.sequence > this.#next && message.sequence !== this.#hole_end && !this.#fresh) {
        // Deleted, or dropped while this was behind? Then the archive may have them, or nothing has.
        this.#hole_end = message.sequence;
        leaving = true;
        leave();
      } else this.#deliver(message);
    });
    const live = await opening.catch(passBehind);
    if (live === undefined) return;
    this.#live = live;
    this.#resolveOpened();
    if (this.#paused) live.pause();
    const reason = await Promise.race([left, live.closed, this.closed]);
    this.#live = undefined;
    await live.stop();
    if (reason instanceof Error) passBehind(reason);
  }

  // What the callback throws ends the consumption.
  #deliver(message: DeliveredMessage): void {
    this.#fresh = false;
    this.#next = message.sequence + 1;
    try {
      this.#onMessage(message);
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #resumed(): Promise<void> {
    while (this.#paused && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
