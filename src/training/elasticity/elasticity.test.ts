import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { TensorBackend } from "../../contracts/worker-protocol.ts";
import { DatasetReplay, type CourseRow } from "../../features/replay.ts";
import { parseTime } from "../../lib/time.ts";
import { artifactDigest } from "../../models/compiled.ts";
import { assembleDataset, GAP_MS, PERIOD_MS, type TrainingDataset, weeksBefore } from "../dataset.ts";
import { createTrainingPool } from "../pool.ts";
import { START_MS, testHistory } from "../testing.ts";
import { baselines } from "./baselines.ts";
import { selectChallenger } from "./evaluation-stage.ts";
import { prepare } from "./preparation-stage.ts";
import { train } from "./training-stage.ts";
import { readTrials, writeTrials } from "./trial-files.ts";

let dataset: TrainingDataset;

beforeAll(() => {
  const events = [...testHistory()];
  const to_ms = Math.max(...events.map(({ time }) => parseTime(time)));
  const at_ms = weeksBefore(START_MS, to_ms);
  const replay = new DatasetReplay({ at_ms, gap_ms: GAP_MS, horizon_ms: PERIOD_MS });
  for (const [i, event] of events.entries()) {
    const time_ms = parseTime(event.time);
    replay.apply({ sequence: i + 1, broker_time_ms: to_ms, event_time_ms: time_ms, known_at_ms: time_ms, event });
  }
  const range = { stream_created: "memory", first_sequence: 1, last_sequence: events.length, from_ms: START_MS, to_ms };
  dataset = assembleDataset(replay.finish(), { trials: replay.trials(to_ms), at_ms, range, counts: { events: events.length, refused: {}, duplicates: 0 } });
});

describe.each<TensorBackend>(["wasm", "cpu"])("on the %s backend", (backend) => {
  test("the same events, seed and code give the same bytes, whatever the threads; another seed does not", { timeout: 120_000 }, async () => {
    const digests: string[] = [];
    for (const [threads, seed] of [[2, 1], [1, 1], [2, 2]] as const) {
      const pool = await createTrainingPool({ threads, deadline_ms: 120_000, backend });
      try {
        const preparation = prepare(dataset);
        const trained = await train(dataset.trials, preparation, { pool, seed });
        const { bytes, artifact } = selectChallenger(dataset, preparation, trained, { seed, code_version: "test" });
        digests.push(artifactDigest(bytes));
        expect(artifact.candidates.map((candidate) => candidate.backend)).toContain(backend);
        expect(new TextDecoder().decode(bytes)).not.toMatch(/trained_at|training_seconds|run_id/);
      } finally {
        await pool.close();
      }
    }
    expect(digests[1]).toBe(digests[0]);
    expect(digests[2]).not.toBe(digests[0]);
  });
});

test("trials of prices come back from disk as they were", () => {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-trials-"));
  try {
    expect(dataset.trials.length).toBeGreaterThan(0);
    writeTrials(directory, dataset.trials);
    expect(readTrials(directory)).toEqual(dataset.trials);
    writeTrials(directory, []);
    expect(readTrials(directory)).toEqual([]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("what is prepared is shared, and no course is fitted and judged in one fold", () => {
  const { learning, folds, courses, validation, test: judged } = prepare(dataset);
  expect(learning.values.buffer).toBe(dataset.data.features.values.buffer);
  expect(learning.binned.bins.buffer).toBeInstanceOf(SharedArrayBuffer);
  expect(learning.rows + judged.rows.length).toBe(dataset.rows.length);
  expect(learning.rows - learning.train_rows).toBe(validation.rows.length);
  const seen = folds.flatMap(({ rows }) => [...rows]);
  expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from(courses.y, (_, i) => i));
  for (const { data, rows } of folds) expect(data.rows + rows.length).toBe(courses.y.length);
});

test("naive forecasts know nothing of the weeks that they are judged on", () => {
  const { rows, validation_end, at_ms } = dataset;
  const doctored = rows.map((row): CourseRow => (row.period < validation_end ? row : Object.assign({ ...row }, { enrollments: 999, exposures: 1_000 })));
  const [honest, other] = [baselines(rows, validation_end, at_ms.length), baselines(doctored, validation_end, at_ms.length)];
  expect(honest.map(({ name }) => name)).toEqual(["the trailing conversion", "the seasonal naive forecast (4 weeks before)", "the category mean"]);
  for (const [i, { rate }] of honest.entries()) {
    for (const row of rows.filter(({ period }) => period >= validation_end)) {
      expect(other[i]!.rate(row)).toBe(rate(row));
      expect(rate(row) > 0 && rate(row) < 1).toBe(true);
    }
  }
  // A course that nobody saw a season ago gets its category's rate.
  const unseen = { ...rows.at(-1)!, course_id: "new" };
  expect(honest[1]!.rate(unseen)).toBeCloseTo(honest[2]!.rate(unseen), 12);
});

test.skipIf(process.platform !== "linux")("training gives way to whatever else runs", () => {
  const script = `import { readFileSync, readdirSync } from "node:fs";
    import { Worker } from "node:worker_threads";
    import { giveWay } from ${JSON.stringify(join(import.meta.dirname, "../../../dist/src/training/low-priority.js"))};
    giveWay();
    new Worker("setTimeout(() => {}, 200)", { eval: true }).on("online", () => console.log(readdirSync("/proc/self/task").map((id) => readFileSync("/proc/self/task/" + id + "/stat", "utf8").split(") ")[1].split(" ")[16]).join(" ")));`;
  const nice = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" }).trim().split(" ").map(Number);
  // Every thread, those that are started afterwards too.
  expect(new Set(nice)).toEqual(new Set([constants.priority.PRIORITY_BELOW_NORMAL]));
  expect(nice.length).toBeGreaterThan(2);
});
