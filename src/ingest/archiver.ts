import { STREAM_EVENTS } from "../contracts/subjects.ts";
import type { Clock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { pause } from "../lib/pause.ts";
import { HOUR_MS } from "../lib/time.ts";
import type { Segment } from "./archive-segment.ts";
import type { BrokerMessage, Consumption, DeliveredMessage, StreamState } from "./broker-message.ts";
import type { EventArchive } from "./event-archive.ts";
import type { StreamSource } from "./read-stream.ts";
import { SegmentBuilder } from "./segment-builder.ts";

const RETRY_MS = 5_000;
/** How often a quiet stream's last segment is looked at, and how long after the end of its day it is closed without a message that follows. */
const IDLE_CHECK_MS = 60_000;
const DAY_MARGIN_MS = HOUR_MS;
/** While the fold is busy the archiver stands back, but not for ever: what it does not write in time the stream drops. */
const BUSY_CHECK_MS = 1_000;
const BUSY_MESSAGES = 4_096;
const BUSY_CHECKS_MAX = 30;

export interface ArchiverOptions {
  readonly broker: StreamSource;
  readonly archive: EventArchive;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Whether others need the processor more. */
  readonly busy?: () => boolean;
  /** Of a segment before compression. All who share an archive use the same. */
  readonly segment_bytes?: number;
}

/** What the archiver tells of itself. */
export interface ArchiverStatus {
  /** EVENTS is archived up to here; 0 while it is not known. */
  readonly sequence: number;
  /** Messages of EVENTS after that, as last seen. */
  readonly lag: number;
  /** Written by this process. */
  readonly segments: number;
  readonly bytes: number;
  /** Messages that the stream had dropped before they were archived, as far as this process saw. */
  readonly lost: number;
  readonly failures: number;
}

/**
 * Copies EVENTS into the archive, segment by segment, until `signal`. It reads for itself, beside the fold. Whatever fails is logged and
 * tried again: an archive that cannot be written stops nothing else, but its lag grows, and the stream drops what is not archived.
 * Any number of replicas may share an archive: they write the same segments, so that each is written by who comes first.
 */
export class EventArchiver {
  readonly #options: ArchiverOptions;
  /** The open segment; kept when the connection is lost. At most SEGMENT_BYTES and a message. */
  #builder: SegmentBuilder | undefined;
  /** Closed segments on their way to the disk: one, and what still arrives after the pause. Kept until they are written. */
  #closed: Segment[] = [];
  #archived = 0;
  #lag = 0;
  #segments = 0;
  #bytes = 0;
  #lost = 0;
  #failures = 0;

  constructor(options: ArchiverOptions) {
    this.#options = options;
  }

  get status(): ArchiverStatus {
    return { sequence: this.#archived, lag: this.#lag, segments: this.#segments, bytes: this.#bytes, lost: this.#lost, failures: this.#failures };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    let failed = false;
    while (!signal.aborted) {
      try {
        await this.#session(signal);
        failed = false;
      } catch (error) {
        this.#failures++;
        if (!failed) logger.error({ error: errorMessage(error), code: error instanceof TidemarkError ? error.code : "internal" }, "EVENTS is not being archived");
        failed = true;
        await pause(RETRY_MS, signal);
      }
    }
  }

  /** Archives until the signal, or until it has to look anew where it stands. */
  async #session(signal: AbortSignal): Promise<void> {
    const { broker } = this.#options;
    const state = await broker.streamInfo(STREAM_EVENTS);
    if (state === undefined) return pause(RETRY_MS, signal);
    await this.#takeStock(state);
    if (!(await this.#writeClosed())) return;
    const builder = this.#builder ?? this.#open(state.created, Math.max(1, state.first_sequence, this.#archived + 1));
    this.#builder = builder;
    const session = new Session(signal);
    const hole_end = await this.#legalHole(builder.next_sequence);
    const onMessage = (message: DeliveredMessage): void => {
      if (session.ended) return;
      const open = this.#builder!;
      // Deleted or dropped? The next session asks.
      if (message.sequence > open.next_sequence && message.sequence !== hole_end) return session.end();
      this.#lag = message.sequence + message.pending - this.#archived;
      this.#take(message);
      if (this.#closed.length > 0) session.write();
      else if (message.sequence % BUSY_MESSAGES === 0 && this.#options.busy?.() === true) session.yield();
    };
    // From where there is nothing yet: when nothing is there to be missed either.
    const consumption = await broker.consume(STREAM_EVENTS, { start_sequence: builder.next_sequence, stream_created: state.created }, onMessage);
    try {
      await this.#work(session, consumption);
    } finally {
      session.end();
      await consumption.stop();
    }
  }

  async #work(session: Session, consumption: Consumption): Promise<void> {
    const { clock } = this.#options;
    void consumption.closed.then((reason) => session.end(reason instanceof Error ? reason : undefined));
    for (;;) {
      const turn = await session.next(IDLE_CHECK_MS);
      if (turn === "ended") break;
      if (turn === "idle") {
        const open = this.#builder!;
        if (clock.now_ms() < open.day_end_ms + DAY_MARGIN_MS) continue;
        this.#close(open.next_sequence);
      }
      consumption.pause();
      if (turn === "yield") await this.#standBack(session.signal);
      if (!(await this.#writeClosed())) break;
      consumption.resume();
    }
    if (session.failure !== undefined && !(session.failure instanceof TidemarkError && session.failure.code === "gap_below_first")) throw session.failure;
  }

  async #standBack(signal: AbortSignal): Promise<void> {
    for (let i = 0; i < BUSY_CHECKS_MAX && this.#options.busy?.() === true && !signal.aborted; i++) await pause(BUSY_CHECK_MS, signal);
  }

  #take(message: BrokerMessage): void {
    if (!this.#builder!.takes(message)) this.#close(this.#builder!.next_sequence);
    this.#builder!.add(message);
    if (this.#builder!.full) this.#close(message.sequence + 1);
  }

  /** Closes the open segment, up to before `next_sequence`, and begins the next. */
  #close(next_sequence: number): void {
    const open = this.#builder!;
    if (open.messages > 0) this.#closed.push(open.finish(next_sequence - 1));
    this.#builder = this.#open(open.stream_created, next_sequence);
  }

  #open(stream_created: string, first_sequence: number): SegmentBuilder {
    return new SegmentBuilder(stream_created, first_sequence, this.#options.segment_bytes);
  }

  /** Whether to go on from here: not when another replica has been there first, whose archive may reach further. */
  async #writeClosed(): Promise<boolean> {
    for (let segment = this.#closed[0]; segment !== undefined; segment = this.#closed[0]) {
      const written = await this.#options.archive.add(segment);
      this.#closed.shift();
      if (!written) {
        this.#closed = [];
        this.#builder = undefined;
        return false;
      }
      this.#segments++;
      this.#bytes += segment.raw.length;
      this.#lag -= segment.header.last_sequence - this.#archived;
      this.#archived = segment.header.last_sequence;
    }
    return true;
  }

  /** Compares with what the archive and the stream hold now; counts and tells what neither does. */
  async #takeStock(state: StreamState): Promise<void> {
    const { archive, logger } = this.#options;
    const index = await archive.index(state.created);
    this.#archived = index.last_sequence;
    this.#lag = state.last_sequence - this.#archived;
    if (index.last_sequence > state.last_sequence) {
      throw new TidemarkError("archive_ahead", `the archive ${archive.directory} ends at ${index.last_sequence}, the stream at ${state.last_sequence}: the stream lost messages or was restored from an older copy`);
    }
    const open = this.#builder;
    if (open !== undefined && (open.stream_created !== state.created || open.first_sequence <= index.last_sequence)) this.#builder = undefined;
    const next = this.#builder?.next_sequence ?? index.last_sequence + 1;
    if (next >= state.first_sequence) return;
    // What was gathered before the gap is all that is left of it.
    if (this.#builder !== undefined && this.#builder.messages > 0) {
      this.#close(next);
      await this.#writeClosed();
    }
    this.#builder = undefined;
    const missing = state.first_sequence - next;
    // An archive that begins with a stream that had dropped messages before has missed none of its own.
    if (index.last_sequence === 0 && this.#segments === 0) {
      logger.warn({ first_sequence: state.first_sequence }, "the archive begins where EVENTS does now: what the stream dropped before is in neither");
    } else {
      this.#lost += missing;
      logger.error({ first_sequence: next, last_sequence: state.first_sequence - 1, messages: missing }, "EVENTS dropped messages that were never archived: a fold from the beginning starts after them");
    }
  }

  /** Where a hole from here on ends which is no gap: its messages were deleted, the stream still begins before it. 0: there is none. */
  async #legalHole(next_sequence: number): Promise<number> {
    const following = await this.#options.broker.getMessage(STREAM_EVENTS, { from_sequence: next_sequence });
    return following === undefined || following.sequence === next_sequence ? 0 : following.sequence;
  }
}

type Turn = "ended" | "idle" | "write" | "yield";

/** What wakes the archiver's loop. */
class Session {
  readonly #controller = new AbortController();
  #turn: Turn | undefined;
  #wake: () => void = () => undefined;
  failure: Error | undefined;

  constructor(signal: AbortSignal) {
    signal.addEventListener("abort", () => this.end(), { once: true, signal: this.#controller.signal });
    if (signal.aborted) this.end();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get ended(): boolean {
    return this.#controller.signal.aborted;
  }

  end(failure?: Error): void {
    this.failure ??= failure;
    this.#controller.abort();
    this.#wake();
  }

  write(): void {
    this.#turn = "write";
    this.#wake();
  }

  yield(): void {
    this.#turn ??= "yield";
    this.#wake();
  }

  async next(idle_ms: number): Promise<Turn> {
    if (!this.ended && this.#turn === undefined) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, idle_ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const turn = this.ended ? "ended" : (this.#turn ?? "idle");
    this.#turn = undefined;
    return turn;
  }
}
