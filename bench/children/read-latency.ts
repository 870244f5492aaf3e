/** Reads of single entities, each timed: the record and all its features, learners and courses drawn uniformly. */
import { EntityReader } from "../../src/features/entity-reader.ts";
import { openLmdbStore } from "../../src/features/lmdb-store.ts";
import { must } from "../../src/lib/assert.ts";
import { Prng } from "../../src/lib/prng.ts";
import { courseId, learnerId } from "../../src/simulator/ids.ts";
import { answer } from "../child.ts";
import { quantile } from "../stats.ts";

const READS = 100_000;
const WARMUP = 20_000;
const directory = must(process.argv[2], "directory");
const learners = Number(must(process.argv[3], "learners"));
const courses = Number(must(process.argv[4], "courses"));

const store = openLmdbStore(directory, { readonly: true });
const reader = new EntityReader(store);
const random = new Prng("reads");
const now_ms = Date.now();
const record_us: number[] = [];
const features_us: number[] = [];
let missing = 0;
for (let i = 0; i < READS + WARMUP; i++) {
  const [entity, id] = i % 2 === 0 ? (["learner", learnerId(random.integer(learners))] as const) : (["course", courseId(random.integer(courses))] as const);
  const start = performance.now();
  const record = store.get(entity, id);
  const got = performance.now();
  const features = reader.read(entity, id, now_ms);
  const read = performance.now();
  if (record === undefined || features === undefined) missing++;
  if (i < WARMUP) continue;
  record_us.push((got - start) * 1000);
  features_us.push((read - got) * 1000);
  // As between requests: what is held of the store's pages is let go.
  if (i % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve));
}
await store.close();
answer({ record_p99_us: quantile(record_us, 0.99), features_p50_us: quantile(features_us, 0.5), features_p99_us: quantile(features_us, 0.99), missing });
