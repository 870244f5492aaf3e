/**
 * Fills a store with the platform enlarged: the records that the platform's own history folds into, once per copy under new ids.
 * Histories of a hundred times the platform would take hours to fold; what a record holds is the same.
 */
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { courseTeacher } from "../../src/features/course-features.ts";
import { layoutIdentity, offsetOf, recordWidths } from "../../src/features/feature-set.ts";
import { FeatureWriter } from "../../src/features/feature-writer.ts";
import { openLmdbStore } from "../../src/features/lmdb-store.ts";
import { MemoryStore } from "../../src/features/memory-store.ts";
import { decodeRecord, encodeRecord, recordBytesMax } from "../../src/features/record.ts";
import type { EntityName, StoreBatch } from "../../src/features/store.ts";
import { must } from "../../src/lib/assert.ts";
import { parseTime } from "../../src/lib/time.ts";
import { defaultPlatform } from "../../src/simulator/config.ts";
import { generateHistory } from "../../src/simulator/history.ts";
import { courseId, learnerId, teacherId } from "../../src/simulator/ids.ts";
import { createWorld } from "../../src/simulator/world.ts";
import { answer } from "../child.ts";
import { quantile } from "../stats.ts";
import { scaledBy, shortHistory } from "../scaled-platform.ts";

const directory = must(process.argv[2], "directory");
const scale = Number(must(process.argv[3], "scale"));
const quick = process.argv[4] === "quick";

const PUTS_PER_COMMIT = 500_000;
/** Of a node in a page of LMDB, besides key and value: header and pointer. */
const NODE_BYTES = 10;
const TEACHER_SLOT = offsetOf(courseTeacher) + 1;
const platform = quick ? shortHistory : defaultPlatform;
const { learners, courses, teachers } = scaledBy(platform, scale);

const template = new MemoryStore();
const writer = new FeatureWriter(template);
let sequence = 0;
for (const event of generateHistory(createWorld(platform))) {
  const event_time_ms = parseTime(event.time);
  const known_at_ms = event.known_at === undefined ? event_time_ms : parseTime(event.known_at);
  writer.apply({ sequence: ++sequence, broker_time_ms: known_at_ms, event_time_ms, known_at_ms, event });
  if (sequence % 200_000 === 0) writer.commit({ stream_created: "", sequence, message_hash: "" });
}
writer.commit({ stream_created: "", sequence, message_hash: "" });

const records = (entity: EntityName): [string, Uint8Array][] => [...template.ids(entity)].map((id) => [id, must(template.get(entity, id), id)]);
/** The number within an id: `L000042` and `C00007` are 42 and 7. */
const ordinal = (id: string): number => Number(id.slice(1));

mkdirSync(directory, { recursive: true });
const store = openLmdbStore(directory, { readonly: false });
let waiting: ((batch: StoreBatch) => void)[] = [];
const put = (write: (batch: StoreBatch) => void): void => {
  waiting.push(write);
  if (waiting.length >= PUTS_PER_COMMIT) commit();
};
const commit = (): void => {
  const writes = waiting;
  waiting = [];
  store.commit((batch) => {
    for (const write of writes) write(batch);
  });
};

for (const entity of ["category", "platform"] as const) for (const [id, bytes] of records(entity)) put((batch) => batch.put(entity, id, bytes));
template.names("category").forEach((name, i) => put((batch) => batch.putName("category", i, name)));
for (const block of template.idBlocks()) put((batch) => batch.putIdBlock(block));

const learnerRecords = records("learner");
const pairs = records("learner_course");
const courseRecords = records("course");
const priceRecords = records("price_history");
const teacherRecords = records("teacher");
const teacherNames = template.names("teacher");
const slots = new Float64Array(recordWidths.course);
const header = { sequence: 0, updated_at_ms: 0 };
const encoded = new Uint8Array(recordBytesMax(recordWidths.course));
for (let copy = 0; copy < scale; copy++) {
  const learner = (id: string): string => learnerId(ordinal(id) + copy * platform.learners);
  const course = (id: string): string => courseId(ordinal(id) + copy * platform.courses);
  const teacher = (id: string): string => teacherId(ordinal(id) + copy * platform.teachers);
  for (const [id, bytes] of learnerRecords) put((batch) => batch.put("learner", learner(id), bytes));
  for (const [id, bytes] of pairs) {
    const [of = "", about = ""] = id.split("/");
    put((batch) => batch.put("learner_course", `${learner(of)}/${course(about)}`, bytes));
  }
  for (const [id, bytes] of teacherRecords) put((batch) => batch.put("teacher", teacher(id), bytes));
  for (const [id, bytes] of priceRecords) put((batch) => batch.put("price_history", course(id), bytes));
  teacherNames.forEach((name, i) => put((batch) => batch.putName("teacher", i + copy * teacherNames.length, teacher(name))));
  for (const [id, bytes] of courseRecords) {
    decodeRecord(bytes, header, slots);
    slots[TEACHER_SLOT]! += copy * teacherNames.length;
    const record = encoded.slice(0, encodeRecord(header, slots, encoded));
    put((batch) => batch.put("course", course(id), record));
    const profile = must(template.profile(id), id);
    put((batch) => batch.putProfile(course(id), profile));
  }
}
// Enrollments that are known for ever: hashes spread evenly, as hashes are, in key order.
const enrollments = pairs.length * scale;
const step = Math.floor(2 ** 48 / enrollments);
for (let i = 0; i < enrollments; i++) {
  const hash = Buffer.alloc(16, i & 255);
  hash.writeUIntBE(i * step, 0, 6);
  put((batch) => batch.putEnrollment(hash, 1));
}
put((batch) => batch.putLayout(layoutIdentity));
commit();
await store.close();

const onDisk = learnerRecords.map(([id, bytes]) => NODE_BYTES + id.length + bytes.length);
const ofPairs = new Map<string, number>();
for (const [id, bytes] of pairs) {
  const of = id.slice(0, id.indexOf("/"));
  ofPairs.set(of, (ofPairs.get(of) ?? 0) + NODE_BYTES + id.length + bytes.length);
}
const whole = learnerRecords.map(([id], i) => onDisk[i]! + (ofPairs.get(id) ?? 0));
const histories = new Map(priceRecords.map(([id, bytes]) => [id, NODE_BYTES + id.length + bytes.length]));
const ofCourses = courseRecords.map(([id, bytes]) => {
  const profile = NODE_BYTES + id.length + JSON.stringify(must(template.profile(id), id)).length;
  return NODE_BYTES + id.length + bytes.length + profile + (histories.get(id) ?? 0);
});
answer({ learners, courses, teachers, bytes_record_p90: quantile(onDisk, 0.9), bytes_p90: quantile(whole, 0.9), bytes_course_p90: quantile(ofCourses, 0.9), lmdb_mb: statSync(join(directory, "data.mdb")).size / 2 ** 20 });
