import { join } from "node:path";
import { EventArchive } from "../ingest/event-archive.ts";
import type { StreamLimits } from "../ingest/streams.ts";
import { DAY_MS } from "../lib/time.ts";
import type { Config } from "./settings.ts";

const GIB = 1024 ** 3;
const NONE = "none";

/** Where EVENTS is archived; undefined when it is not. */
export function eventArchive({ archive_dir, data_dir }: Config): EventArchive | undefined {
  return archive_dir === NONE ? undefined : new EventArchive(archive_dir ?? join(data_dir, "archive"));
}

/** How long the broker keeps EVENTS, as configured. */
export function eventLimits({ events_max_gib, events_max_days }: Config): StreamLimits {
  return { EVENTS: { bytes_max: events_max_gib * GIB, age_max_ms: events_max_days * DAY_MS } };
}
