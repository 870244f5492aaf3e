import { join } from "node:path";
import { EventArchive } from "../ingest/event-archive.ts";
import type { Retention } from "../ingest/stream-retention.ts";
import type { StreamLimits } from "../ingest/streams.ts";
import { DAY_MS } from "../lib/time.ts";
import type { Config } from "./settings.ts";

const GIB = 1024 ** 3;
const NONE = "none";
const CEILING = 1.5;

/** Where EVENTS is archived; undefined when it is not. */
export function eventArchive({ archive_dir, data_dir }: Config): EventArchive | undefined {
  return archive_dir === NONE ? undefined : new EventArchive(archive_dir ?? join(data_dir, "archive"));
}

/** What EVENTS keeps, as configured. */
export function eventRetention({ events_max_gib, events_max_days }: Config): Retention {
  return { bytes_max: events_max_gib * GIB, age_max_ms: events_max_days * DAY_MS };
}

/**
 * The broker's own limits. With an archive it is ingest that lets go of what is archived; the broker, which cannot know, drops at a ceiling
 * beyond that only.
 */
export function eventLimits(config: Config): StreamLimits {
  const { bytes_max, age_max_ms } = eventRetention(config);
  return { EVENTS: eventArchive(config) === undefined ? { bytes_max, age_max_ms } : { bytes_max: CEILING * bytes_max, age_max_ms: 0 } };
}
