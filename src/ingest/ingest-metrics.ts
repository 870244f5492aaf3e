import { stat } from "node:fs/promises";
import { join } from "node:path";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { FeatureStore } from "../features/store.ts";
import type { Clock } from "../lib/clock.ts";
import type { ArchiveKeeper } from "./archive-keeper.ts";
import type { SnapshotKeeper } from "./snapshot-keeper.ts";
import type { IngestProgress } from "./ingest.ts";
import type { Broker } from "./nats.ts";

/** A commit waits for the disk: some milliseconds on a good one. */
const COMMIT_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];
/** The last: a full batch, and what was asked for before it was full. */
const BATCH_BUCKETS = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 24_576];

type ArchiveFigures = ArchiveKeeper["status"];

export interface IngestMetricsOptions {
  /** Directory of the feature store, for its size. */
  readonly store_path: string;
  readonly clock: Clock;
}

/** What ingest counts, for Prometheus. Everything that somebody else counts is read only when it is asked for. */
export class IngestMetrics {
  readonly registry = new Registry();
  readonly #commit = new Histogram({ name: "tidemark_ingest_commit_seconds", help: "Time of one transaction of EVENTS, durable at its end", buckets: COMMIT_BUCKETS_S, registers: [this.registry] });
  readonly #batch = new Histogram({ name: "tidemark_ingest_batch_events", help: "Messages of EVENTS in one transaction", buckets: BATCH_BUCKETS, registers: [this.registry] });
  #progress: IngestProgress | undefined;

  constructor({ store_path, clock }: IngestMetricsOptions) {
    this.#counter("tidemark_ingest_events_total", "Messages of EVENTS folded, refused ones and duplicates included", (progress) => progress.events);
    this.#counter("tidemark_ingest_duplicates_total", "Messages of EVENTS left out because the event, or the enrollment, had been folded before", ({ fold }) => fold.duplicates);
    this.#counter("tidemark_ingest_folded_total", "Events folded: messages less those refused and the duplicates", ({ fold }) => fold.events);
    this.#counter("tidemark_ingest_uncategorised_total", "Events of courses whose category or teacher was not known yet: not in the records of those", ({ fold }) => fold.uncategorised);
    this.#counter("tidemark_ingest_unenrolled_total", "What learners did in courses that no enrollment of theirs is known of: not in the record of learner and course", ({ fold }) => fold.unenrolled);
    this.#counter("tidemark_ingest_unnamed_total", "Categories and teachers left unknown because there are too many", ({ fold }) => fold.unnamed);
    this.#counter("tidemark_ingest_promotions_refused_total", "Promotions of CONTROL left out because they say nothing that could be served", (progress) => progress.promotions_refused);
    this.#counter("tidemark_ingest_quotes_refused_total", "Messages of OFFERS left out because they are no personal quotes", (progress) => progress.quotes_refused);
    this.#counter("tidemark_ingest_dead_letters_dropped_total", "Refused messages that the dead-letter stream had no room for", (progress) => progress.dead_letters_dropped);
    this.#labelled("tidemark_ingest_refused_total", "Messages of EVENTS refused, by reason", "reason", (progress) => progress.dead_letters_by_reason);
    this.#labelled("tidemark_ingest_late_total", "Updates left out as too late for their state", "state", (progress) => Object.entries(progress.late_by_state));
    this.#gauge("tidemark_ingest_sequence", "Sequence of EVENTS that is folded", (progress) => progress.sequence);
    this.#gauge("tidemark_ingest_lag_events", "Messages of EVENTS stored but not folded, as last seen", (progress) => progress.lag);
    this.#gauge("tidemark_ingest_lag_seconds", "Age of the last message folded while there are more; 0 when there are none", ({ lag, time_ms }) =>
      lag === 0 || time_ms === 0 ? 0 : Math.max(0, clock.now_ms() - time_ms) / 1000,
    );
    this.#gauge("tidemark_ingest_watermark_seconds", "Watermark: the greatest event time folded, in seconds since 1970; 0 before the first event", ({ watermark }) => (watermark?.event_time_ms ?? 0) / 1000);
    this.#gauge("tidemark_ingest_broker_time_seconds", "The greatest broker's timestamp of an event folded, in seconds since 1970; 0 before the first event", ({ watermark }) => (watermark?.broker_time_ms ?? 0) / 1000);
    const size = new Gauge({
      name: "tidemark_ingest_store_bytes",
      help: "Size of the feature store's file",
      registers: [this.registry],
      async collect(): Promise<void> {
        // Before the first commit there may be none yet.
        size.set(await stat(join(store_path, "data.mdb")).then(
          (found) => found.size,
          () => 0,
        ));
      },
    });
  }

  /** From now on also whether there is a broker: without one, the lag is what it was when there last was. */
  watchBroker(broker: Pick<Broker, "connected">): void {
    this.#sampled("tidemark_ingest_broker_connected", "1 while the broker is connected; at 0 the lag is that of before it was lost", () => (broker.connected ? 1 : 0));
  }

  /** From now on also how full the store's file is. Not to be asked for once the store is closed. */
  watchStore(store: Pick<FeatureStore, "pageUse">): void {
    this.#sampled("tidemark_ingest_store_pages", "Pages of the feature store's file", () => store.pageUse().pages);
    this.#sampled("tidemark_ingest_store_free_pages", "Pages of the feature store's file that hold nothing, for later commits to use", () => store.pageUse().free_pages);
  }

  /** From now on also how far the archive has come. */
  watchArchive(status: () => ArchiveFigures): void {
    this.#sampled("tidemark_archive_sequence", "Sequence of EVENTS up to which it is archived", () => status().sequence);
    this.#sampled("tidemark_archive_lag_events", "Messages of EVENTS not archived yet, those of the open segment among them", () => status().lag);
    this.#sampled("tidemark_archive_segments", "Segments written by this process", () => status().segments);
    this.#sampled("tidemark_archive_written_bytes", "Bytes of messages in them, before compression", () => status().bytes);
    this.#sampled("tidemark_archive_lost_events", "Messages that left the stream before they were archived", () => status().lost);
    this.#sampled("tidemark_archive_dropped_events", "Archived messages that this process let the stream go of", () => status().dropped);
    this.#sampled("tidemark_archive_failures", "Times that archiving stopped and began again", () => status().failures);
    this.#sampled("tidemark_archive_forgotten_learners", "Erased learners made anonymous in the archive by this process", () => status().forgotten);
  }

  /** From now on also what is kept of the store. */
  watchSnapshots(status: () => SnapshotKeeper["status"]): void {
    this.#sampled("tidemark_snapshot_sequence", "Sequence of EVENTS that the newest snapshot stands at; 0: none that this process knows of", () => status().newest?.sequence ?? 0);
    this.#sampled("tidemark_snapshot_time_seconds", "When it was stored, in seconds since 1970; 0: none", () => (status().newest === undefined ? 0 : Date.parse(status().newest!.stored_at) / 1000));
    this.#sampled("tidemark_snapshot_bytes", "Its size in the object store", () => status().newest?.bytes ?? 0);
    this.#sampled("tidemark_snapshot_failures", "Snapshots that could not be taken", () => status().failures);
  }

  /** Takes in what `onProgress` of ingest is called with. */
  update(progress: IngestProgress): void {
    // Commits of CONTROL report as well, with the figures of the last commit of EVENTS.
    if (progress.batches !== (this.#progress?.batches ?? 0)) {
      this.#commit.observe(progress.commit_ms / 1000);
      this.#batch.observe(progress.batch_events);
    }
    this.#progress = progress;
  }

  #counter(name: string, help: string, read: (progress: IngestProgress) => number): void {
    const current = (): IngestProgress | undefined => this.#progress;
    const counter = new Counter({
      name,
      help,
      registers: [this.registry],
      collect(): void {
        const progress = current();
        counter.reset();
        if (progress !== undefined) counter.inc(read(progress));
      },
    });
  }

  #labelled(name: string, help: string, label: string, read: (progress: IngestProgress) => Iterable<readonly [string, number]>): void {
    const current = (): IngestProgress | undefined => this.#progress;
    const counter = new Counter({
      name,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect(): void {
        const progress = current();
        counter.reset();
        if (progress !== undefined) for (const [value, count] of read(progress)) counter.inc({ [label]: value }, count);
      },
    });
  }

  #gauge(name: string, help: string, read: (progress: IngestProgress) => number): void {
    this.#sampled(name, help, () => (this.#progress === undefined ? 0 : read(this.#progress)));
  }

  #sampled(name: string, help: string, read: () => number): void {
    const gauge = new Gauge({
      name,
      help,
      registers: [this.registry],
      collect(): void {
        gauge.set(read());
      },
    });
  }
}
