import { join } from "node:path";
import { openLmdbStore } from "../features/lmdb-store.ts";
import { runIngest, type IngestProgress } from "../ingest/ingest.ts";
import { Broker } from "../ingest/nats.ts";
import { systemClock } from "../lib/clock.ts";
import { report } from "../lib/role-report.ts";
import type { CommandContext } from "./command.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { createLogger } from "./logger.ts";
import { brokerUrl } from "./nats-url.ts";

const REPORT_INTERVAL_MS = 200;

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

/** `tidemark ingest`: the one writer of this host's feature store. */
export async function runIngestCommand({ read: { config }, signal }: CommandContext): Promise<number> {
  const logger = createLogger("ingest", config.log_level);
  const broker = await Broker.connect({ url: brokerUrl(config), name: "tidemark-ingest", signal });
  const store = openLmdbStore(join(config.data_dir, "features"), { readonly: false });
  try {
    await runIngest({ broker, store, logger, clock: systemClock, signal, onProgress: createReporter() });
  } finally {
    await store.close();
    await broker.close();
  }
  return EXIT_OK;
}
