import { openLmdbStore } from "../features/lmdb-store.ts";
import { systemClock } from "../lib/clock.ts";
import { assert } from "../lib/assert.ts";
import { silentLogger } from "../lib/log.ts";
import { runIngest } from "./ingest.ts";
import { Broker } from "./nats.ts";

// The fold as a process of its own, so that tests can kill it: `node ingest-process.js <nats url> <store path>`. It
// prints the sequence of every commit and ends cleanly on SIGTERM. Batches are small, for many commits to be killed in.

const [url, path] = process.argv.slice(2);
assert(url !== undefined && path !== undefined, "usage: ingest-process <nats url> <store path>");

const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
const store = openLmdbStore(path, { readonly: false });
const broker = await Broker.connect({ url, name: "ingest-process", signal: stop.signal });
await runIngest({
  broker,
  store,
  logger: silentLogger,
  clock: systemClock,
  batch_events_max: 512,
  signal: stop.signal,
  onProgress: (progress) => process.stdout.write(`${progress.sequence}\n`),
});
await broker.close();
await store.close();
