import { openLmdbStore } from "../features/lmdb-store.ts";
import { systemClock } from "../lib/clock.ts";
import { assert } from "../lib/assert.ts";
import { silentLogger } from "../lib/log.ts";
import { EventArchiver } from "./archiver.ts";
import { EventArchive } from "./event-archive.ts";
import { EventHistory } from "./event-history.ts";
import { runIngest } from "./ingest.ts";
import { Broker } from "./nats.ts";

// The fold as a process of its own, so that tests can kill it: `node ingest-process.js <nats url> <store path> [archive directory]`. It
// prints the sequence of every commit and ends cleanly on SIGTERM. Batches and segments are small, for many of them to be killed in.

const [url, path, archive_directory] = process.argv.slice(2);
assert(url !== undefined && path !== undefined, "usage: ingest-process <nats url> <store path> [archive directory]");
const SEGMENT_BYTES = 16 * 1024;

const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
const store = openLmdbStore(path, { readonly: false });
const broker = await Broker.connect({ url, name: "ingest-process", signal: stop.signal });
const archive = archive_directory === undefined ? undefined : new EventArchive(archive_directory);
const archiving = archive && new EventArchiver({ broker, archive, logger: silentLogger, clock: systemClock, segment_bytes: SEGMENT_BYTES }).run(stop.signal);
await runIngest({
  broker,
  ...(archive === undefined ? {} : { events: new EventHistory(broker, archive) }),
  store,
  logger: silentLogger,
  clock: systemClock,
  batch_events_max: 512,
  signal: stop.signal,
  onProgress: (progress) => process.stdout.write(`${progress.sequence}\n`),
});
await archiving;
await broker.close();
await store.close();
