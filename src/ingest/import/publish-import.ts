import { STREAM_EVENTS } from "../../contracts/subjects.ts";
import type { Clock } from "../../lib/clock.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { HASH_WORDS, hashText } from "../../lib/hash128.ts";
import { HashQueue } from "../../lib/hash-queue.ts";
import { decodeEvent, isRefusal } from "../decode.ts";
import type { Broker } from "../nats.ts";
import { readStream, type StreamSource } from "../read-stream.ts";
import { enrollmentIdentity } from "./import-tables.ts";
import type { PreparedEvent } from "./prepared-import.ts";

/** Messages between two acknowledged points. */
const CHUNK = 4_000;
const RETRY_MS = 200;
const PROGRESS_MESSAGES = 16_384;
/** 32 bytes each. */
const STREAM_EVENTS_MAX = 1_000_000_000;
const encoder = new TextEncoder();

export interface PublishImportOptions {
  readonly broker: Pick<Broker, "bulkPublisher">;
  /** EVENTS from its beginning, archive included where there is one. */
  readonly source: StreamSource;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress: (step: "compared" | "published", done: number, total: number) => void;
}

export interface PublishedImport {
  readonly published: number;
  /** Left out, because the stream has them. */
  readonly present: number;
  /** Left out, because they are about learners who have been erased since. */
  readonly erased: number;
}

/** What the stream holds already: by the ids of events, and of enrollments by what happened to them. */
class StreamContent {
  readonly #ids = new HashQueue(STREAM_EVENTS_MAX);
  readonly #hash = new Int32Array(HASH_WORDS);
  readonly #erased = new Set<string>();

  async read({ source, signal, onProgress }: PublishImportOptions): Promise<void> {
    const state = await source.streamInfo(STREAM_EVENTS);
    if (state === undefined || state.messages === 0) return;
    let done = 0;
    await readStream(source, STREAM_EVENTS, { last_sequence: state.last_sequence }, (message) => {
      if (signal.aborted) throw stopped();
      const decoded = decodeEvent(message);
      if (!isRefusal(decoded)) {
        const { event } = decoded;
        this.#add(event.id);
        if ("enrollment_id" in event) this.#add(enrollmentIdentity(event.type, event.enrollment_id));
        if (event.type === "learner.erased") this.#erased.add(event.learner_id);
      }
      if (++done % PROGRESS_MESSAGES === 0) onProgress("compared", done, state.messages);
    });
    onProgress("compared", done, done);
  }

  has({ id, source_id }: PreparedEvent): boolean {
    return this.#hasId(id) || (source_id !== "" && this.#hasId(source_id));
  }

  isErased({ json }: PreparedEvent): boolean {
    if (this.#erased.size === 0) return false;
    const { learner_id } = JSON.parse(json) as { readonly learner_id?: string };
    return learner_id !== undefined && this.#erased.has(learner_id);
  }

  #add(id: string): void {
    hashText(id, this.#hash);
    if (!this.#ids.has(this.#hash)) this.#ids.add(this.#hash);
  }

  #hasId(id: string): boolean {
    hashText(id, this.#hash);
    return this.#ids.has(this.#hash);
  }
}

function stopped(): TidemarkError {
  return new TidemarkError("import_stopped", "stopped; run it again and it goes on with what the stream does not have yet");
}

/**
 * Publishes on `backfill.>` what the stream does not hold yet, in order: run again, after a crash or with more rows, it adds only what is missing.
 * Of fewer events than the fold's window for repeats a second run at the same time does no harm either. Throws TidemarkError `import_stopped`.
 */
export async function publishImport(events: Iterable<PreparedEvent>, total: number, options: PublishImportOptions): Promise<PublishedImport> {
  const content = new StreamContent();
  await content.read(options);
  const publisher = new ChunkPublisher(options);
  const counts = { published: 0, present: 0, erased: 0 };
  let done = 0;
  let chunk: PreparedEvent[] = [];
  const flush = async (): Promise<void> => {
    if (options.signal.aborted) throw stopped();
    await publisher.publish(chunk);
    counts.published += chunk.length;
    chunk = [];
    options.onProgress("published", done, total);
  };
  for (const event of events) {
    done++;
    if (content.has(event)) counts.present++;
    else if (content.isErased(event)) counts.erased++;
    else chunk.push(event);
    if (chunk.length === CHUNK) await flush();
  }
  await flush();
  return counts;
}

/** Stores a chunk whole, however often the connection breaks: the broker drops what it had already, and what is left keeps its order. */
class ChunkPublisher {
  readonly #options: PublishImportOptions;

  constructor(options: PublishImportOptions) {
    this.#options = options;
  }

  async publish(chunk: readonly PreparedEvent[]): Promise<void> {
    const { broker, clock, signal } = this.#options;
    for (;;) {
      try {
        const publisher = broker.bulkPublisher({ window: 2 * CHUNK });
        for (const { id, subject, json } of chunk) await publisher.publish(subject, encoder.encode(json), id);
        return await publisher.flush();
      } catch (error) {
        if (!(error instanceof TidemarkError && (error.code === "broker_unreachable" || error.code === "broker_timeout"))) throw error;
        if (signal.aborted) throw stopped();
        await clock.sleep(RETRY_MS);
      }
    }
  }
}
