import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { DatasetPart, DatasetTask } from "../contracts/worker-protocol.ts";
import { LearnerReplay } from "../features/learner-replay.ts";
import { DatasetReplay } from "../features/replay.ts";
import { EventArchive } from "../ingest/event-archive.ts";
import { EventHistory } from "../ingest/event-history.ts";
import { Broker } from "../ingest/nats.ts";
import { replayEvents } from "../ingest/replay-events.ts";

/** Files of a cut-off in a part's directory: texts a line each, an empty one for a row that is withheld, and rows of doubles. */
export const partFiles = {
  texts: (period: number): string => `${period}.texts`,
  features: (period: number): string => `${period}.features`,
  labels: (period: number): string => `${period}.labels`,
} as const;

function writeDoubles(path: string, values: Float64Array): void {
  const file = openSync(path, "w");
  try {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
  } finally {
    closeSync(file);
  }
}

type Replay = Pick<DatasetReplay, "apply">;

function courseReplay(task: DatasetTask, counts: number[]): DatasetReplay {
  return new DatasetReplay({
    ...task,
    onBlock: ({ period, ids, categories, features }) => {
      counts.push(ids.length);
      writeFileSync(join(task.directory, partFiles.texts(period)), ids.map((id, row) => `${id}\t${categories[row]}\n`).join(""));
      writeDoubles(join(task.directory, partFiles.features(period)), features);
    },
  });
}

/** What is known only when the stream has ended. */
function finishCourses(replay: DatasetReplay, task: DatasetTask, periods: number): void {
  for (let period = 0; period < periods; period++) {
    const outcomes = replay.outcomes(period).flatMap((row) => [row.exposures, row.enrollments, row.mean_log_price, row.jitter_exposures, row.jitter_enrollments, row.mean_jitter]);
    writeDoubles(join(task.directory, partFiles.labels(period)), Float64Array.from(outcomes));
  }
}

/** Takes the texts off rows: what has none is in no dataset. */
function withhold(path: string, rows: ReadonlySet<number>): void {
  const lines = readFileSync(path, "utf8").split("\n");
  writeFileSync(path, lines.map((line, row) => (rows.has(row) ? "" : line)).join("\n"));
}

/** What is known only when the stream has ended: labels, and who was erased after a cut-off. */
function finishLearners(replay: LearnerReplay, task: DatasetTask, periods: number): void {
  for (let period = 0; period < periods; period++) {
    writeDoubles(join(task.directory, partFiles.labels(period)), replay.outcomes(period));
    if (replay.erased(period).size > 0) withhold(join(task.directory, partFiles.texts(period)), replay.erased(period));
  }
}

function learnerReplay(task: DatasetTask, counts: number[]): LearnerReplay {
  return new LearnerReplay({
    ...task,
    onBlock: ({ period, ids, features }) => {
      counts.push(ids.length);
      writeFileSync(join(task.directory, partFiles.texts(period)), ids.map((id) => `${id}\n`).join(""));
      writeDoubles(join(task.directory, partFiles.features(period)), features);
    },
  });
}

/** Builds one share of a dataset from the stream, in a worker thread. */
export async function buildPart(task: DatasetTask): Promise<DatasetPart> {
  mkdirSync(task.directory, { recursive: true });
  const broker = await Broker.connect({ url: task.nats_url, name: `tidemark-dataset-${task.partition.index}` });
  try {
    const source = task.archive_dir === null ? broker : new EventHistory(broker, new EventArchive(task.archive_dir));
    const counts: number[] = [];
    const courses = task.dataset === "elasticity" ? courseReplay(task, counts) : undefined;
    const learners = courses === undefined ? learnerReplay(task, counts) : undefined;
    const replay: Replay = (courses ?? learners)!;
    const range = await replayEvents(source, { last_sequence: task.last_sequence }, (event) => replay.apply(event));
    if (courses !== undefined) finishCourses(courses, task, counts.length);
    else finishLearners(learners!, task, counts.length);
    return { directory: task.directory, rows: counts, ...range };
  } finally {
    await broker.close();
  }
}
