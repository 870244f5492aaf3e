import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { TidemarkError } from "../lib/errors.ts";
import type { ArchiveIndex } from "./archive-index.ts";
import type { BrokerMessage, ConsumeOptions, Consumption, DeliveredMessage, MessageQuery, StreamState } from "./broker-message.ts";
import type { EventArchive } from "./event-archive.ts";
import { HistoryConsumption } from "./history-consumption.ts";
import type { StreamSource } from "./read-stream.ts";

export interface HistoryView {
  /** Of the stream and the archive before it, as one. */
  readonly state: StreamState;
  readonly archive: ArchiveIndex;
}

/**
 * EVENTS from its beginning: what the archive holds, then the stream. It stands wherever a stream is read from: a fold or a
 * replay is the same whether the stream still has its oldest messages or the archive alone does. Where both have a message, the archive's
 * counts: the stream may lack those of learners who were forgotten. Other streams are read as they are.
 */
export class EventHistory implements StreamSource {
  readonly #broker: StreamSource;
  readonly #archive: EventArchive;

  constructor(broker: StreamSource, archive: EventArchive) {
    this.#broker = broker;
    this.#archive = archive;
  }

  /** The state of both as one stream. Throws `archive_ahead` when the stream lacks, at its end, what the archive has. */
  async view(): Promise<HistoryView | undefined> {
    const state = await this.#broker.streamInfo(STREAM_EVENTS);
    if (state === undefined) return undefined;
    const archive = await this.#archive.index(state.created);
    if (archive.last_sequence > state.last_sequence) {
      throw new TidemarkError(
        "archive_ahead",
        `the archive ${this.#archive.directory} holds ${STREAM_EVENTS} up to sequence ${archive.last_sequence}, but the stream ends at ${state.last_sequence}: it lost messages or was restored from an older copy. Restore the stream, or move that archive away`,
      );
    }
    const first_sequence = archive.reachesBack(state.first_sequence);
    if (first_sequence === state.first_sequence) return { state, archive };
    const archived = archive.segments.filter(({ header }) => header.first_sequence >= first_sequence && header.first_sequence < state.first_sequence);
    return { state: { ...state, first_sequence, messages: state.messages + archived.reduce((sum, { header }) => sum + header.messages, 0) }, archive };
  }

  async streamInfo(stream: string): Promise<StreamState | undefined> {
    return stream === STREAM_EVENTS ? (await this.view())?.state : this.#broker.streamInfo(stream);
  }

  /**
   * As a broker's consumption, from what the archive has on. Beyond its refusals: `erased_since`, when a learner was forgotten whose
   * events lie before the start as well as after it.
   */
  async consume(stream: string, options: ConsumeOptions, onMessage: (message: DeliveredMessage) => void): Promise<Consumption> {
    if (stream !== STREAM_EVENTS || options.subject !== undefined) return this.#broker.consume(stream, options, onMessage);
    const consumption = new HistoryConsumption({ broker: this.#broker, archive: this.#archive, view: () => this.view() }, options, onMessage);
    await consumption.start();
    return consumption;
  }

  /** A message as the stream had it: of forgotten learners there is none. */
  async getMessage(stream: string, which: MessageQuery): Promise<BrokerMessage | undefined> {
    if (stream !== STREAM_EVENTS || "last_by_subject" in which) return this.#broker.getMessage(stream, which);
    const from = "sequence" in which ? which.sequence : which.from_sequence;
    const found = "sequence" in which ? await this.#broker.getMessage(stream, which) : undefined;
    if (found !== undefined) return found;
    const archive = (await this.view())?.archive;
    for (let at = archive?.find(from); at !== undefined; at = archive?.find(at.header.last_sequence + 1)) {
      const reader = await this.#archive.read(at);
      for (let message = reader?.next(); message !== undefined; message = reader?.next()) {
        if (message.sequence < from || message.rewritten) continue;
        return "sequence" in which && message.sequence > from ? undefined : message;
      }
      if ("sequence" in which) return undefined;
    }
    return "sequence" in which ? undefined : this.#broker.getMessage(stream, { from_sequence: Math.max(from, (archive?.last_sequence ?? 0) + 1) });
  }
}
