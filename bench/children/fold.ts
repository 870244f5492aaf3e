/** The shipped ingest role from an empty store to the end of the stream: decode, every feature, durable commits. */
import { openLmdbStore } from "../../src/features/lmdb-store.ts";
import { runIngest } from "../../src/ingest/ingest.ts";
import { Broker } from "../../src/ingest/nats.ts";
import { must } from "../../src/lib/assert.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { answer } from "../child.ts";
import { ownMemory } from "../own-memory.ts";

const url = must(process.argv[2], "url");
const last = Number(must(process.argv[3], "last sequence"));
const directory = must(process.argv[4], "directory");

const broker = await Broker.connect({ url, name: "bench-fold" });
const store = openLmdbStore(directory, { readonly: false });
const abort = new AbortController();
let committed = 0;
let batches = 0;
const start = performance.now();
let seconds = 0;
await runIngest({
  broker,
  store,
  logger: silentLogger,
  clock: systemClock,
  signal: abort.signal,
  onProgress: (progress) => {
    committed = progress.sequence;
    batches = progress.batches;
    if (committed >= last && seconds === 0) {
      seconds = (performance.now() - start) / 1000;
      abort.abort();
    }
  },
});
answer({ events: committed, batches, seconds, rss_mb: process.memoryUsage().rss / 2 ** 20, own_mb: ownMemory(process.pid) });
