import { join } from "node:path";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { recordWidths } from "../features/feature-set.ts";
import { openLmdbStore } from "../features/lmdb-store.ts";
import { partitionLayout } from "../features/partition.ts";
import { recordBytesMax } from "../features/record.ts";
import { StoreDirectory } from "../features/store-directory.ts";
import { entityNames } from "../features/store.ts";
import { ArchiveKeeper } from "../ingest/archive-keeper.ts";
import { EventHistory } from "../ingest/event-history.ts";
import { runIngest, type IngestProgress } from "../ingest/ingest.ts";
import { IngestMetrics } from "../ingest/ingest-metrics.ts";
import { serveMetrics } from "../ingest/metrics-server.ts";
import type { Broker } from "../ingest/nats.ts";
import { systemClock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { report } from "../lib/role-report.ts";
import { SnapshotKeeper } from "../ingest/snapshot-keeper.ts";
import { Snapshots } from "../ingest/snapshots.ts";
import { DAY_MS, HOUR_MS } from "../lib/time.ts";
import { eventArchive, eventLimits, eventRetention } from "./archive.ts";
import type { CommandContext } from "./command.ts";
import { connectBroker } from "./connect-broker.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { lockStores } from "./ingest-lock.ts";
import { createLogger } from "./logger.ts";
import { configuredPartition } from "./partition.ts";
import type { Config } from "./settings.ts";

const REPORT_INTERVAL_MS = 200;
/** A new store takes the old one's place once it is at most so many messages behind: a fraction of a second. */
const CAUGHT_UP_LAG = 1_000;

/** Reports readiness once, and progress often enough to draw but not with every batch. */
function createReporter(): (progress: IngestProgress) => void {
  let ready = false;
  let told_ms = 0;
  return ({ sequence, lag }) => {
    if (!ready) report({ type: "ready", detail: { sequence } });
    ready = true;
    const now_ms = systemClock.now_ms();
    if (lag > 0 && now_ms - told_ms < REPORT_INTERVAL_MS) return;
    told_ms = now_ms;
    report({ type: "progress", phase: "folded", done: sequence, total: sequence + lag });
  };
}

/** The sizes that the fold's memory and disk follow from. */
function logLayout(logger: Logger, layout: string): void {
  const records = entityNames.map((entity) => [entity, { slots: recordWidths[entity], bytes_max: recordBytesMax(recordWidths[entity]) }]);
  logger.info({ layout, records: Object.fromEntries(records) as object }, "record layout");
}

function snapshotKeeper({ data_dir, snapshot_interval_hours, snapshots_kept }: Config, layout: string, broker: Broker, store_path: string, logger: Logger): SnapshotKeeper | undefined {
  if (snapshot_interval_hours === 0) return undefined;
  const snapshots = new Snapshots(broker, join(data_dir, "scratch"));
  return new SnapshotKeeper({ snapshots, store_path, layout, clock: systemClock, logger, interval_ms: snapshot_interval_hours * HOUR_MS, kept: snapshots_kept });
}

/** `tidemark ingest`: the one writer of this host's feature store. */
export async function runIngestCommand(context: CommandContext): Promise<number> {
  const release = lockStores(context.read.config.data_dir);
  try {
    await ingest(context);
  } finally {
    release();
  }
  return EXIT_OK;
}

async function ingest(context: CommandContext): Promise<void> {
  const { read: { config }, signal } = context;
  const logger = createLogger("ingest", config.log_level);
  const partition = configuredPartition(config);
  const layout = partitionLayout(partition);
  logLayout(logger, layout);
  const directory = new StoreDirectory(join(config.data_dir, "features"));
  const { path: store_path, current } = directory.prepare(layout);
  let refolding = !current;
  // What a process that was killed right after a promotion left behind: a whole store, perhaps.
  if (current) directory.sweep();
  else logger.warn({ layout, path: store_path }, "the feature store has another layout: it is folded anew beside it, and takes its place when it has caught up");
  const metrics = new IngestMetrics({ store_path, clock: systemClock });
  const tell = createReporter();
  let lag = Number.POSITIVE_INFINITY;
  const onProgress = (progress: IngestProgress): void => {
    lag = progress.lag;
    // Not before the first batch: at boot nothing is folded yet.
    if (refolding && progress.batches > 0 && lag <= CAUGHT_UP_LAG) {
      refolding = false;
      directory.promote(layout);
      directory.sweep();
      logger.info({ layout, sequence: progress.sequence }, "the new feature store takes the old one's place");
    }
    metrics.update(progress);
    tell(progress);
  };
  const server = await serveMetrics(metrics.registry, { port: config.ingest_metrics_port, variable: "TIDEMARK_INGEST_METRICS_PORT" }, logger);
  const broker = await connectBroker(context, "tidemark-ingest", (text) => logger.warn({}, text));
  const store = openLmdbStore(store_path, { readonly: false });
  metrics.watchBroker(broker);
  metrics.watchStore(store);
  // A new store on a new broker. One that has a position must meet the streams that it knows, not empty ones of the same names.
  if (current && store.cursor(STREAM_EVENTS) === undefined && (await broker.streamInfo(STREAM_EVENTS)) === undefined) {
    await broker.ensureStreams(eventLimits(config));
    logger.info({}, "the broker had no streams: they are made");
  }
  const archive = eventArchive(config);
  const keeper = archive && new ArchiveKeeper({ broker, archive, clock: systemClock, logger, erasure_delay_ms: config.erasure_delay_days * DAY_MS, retention: eventRetention(config), lag: () => lag });
  if (keeper !== undefined) metrics.watchArchive(() => keeper.status);
  const snapshots = snapshotKeeper(config, layout, broker, store_path, logger);
  if (snapshots !== undefined) metrics.watchSnapshots(() => snapshots.status);
  const ended = new AbortController();
  const until = AbortSignal.any([signal, ended.signal]);
  const keeping = Promise.all([keeper?.run(until), snapshots?.run(until)]);
  try {
    await runIngest({ broker, ...(archive === undefined ? {} : { events: new EventHistory(broker, archive) }), partition, store, logger, clock: systemClock, signal, onProgress });
  } finally {
    ended.abort();
    await keeping;
    await server?.close();
    await store.close();
    await broker.close();
  }
}
