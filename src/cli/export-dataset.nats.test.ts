import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { parquetReadObjects } from "hyparquet";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import type { DatasetName } from "../contracts/worker-protocol.ts";
import { courseFeatureNames } from "../features/course-view.ts";
import { learnerOutcomeNames } from "../features/learner-outcomes.ts";
import { type LearnerBlock, learnerFeatureNames, LearnerReplay } from "../features/learner-replay.ts";
import { DatasetReplay } from "../features/replay.ts";
import { forgetErased } from "../ingest/archive-keeper.ts";
import { EventArchiver } from "../ingest/archiver.ts";
import type { EmbeddedBroker } from "../ingest/embedded-broker.ts";
import { EventArchive } from "../ingest/event-archive.ts";
import { EventHistory } from "../ingest/event-history.ts";
import type { Broker } from "../ingest/nats.ts";
import { dropArchived } from "../ingest/stream-retention.ts";
import { replayEvents } from "../ingest/replay-events.ts";
import { startTestBroker, type TestBroker } from "../ingest/testing/test-broker.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { DAY_MS, HOUR_MS, parseTime } from "../lib/time.ts";
import { elasticityFeatureNames, fillElasticityRow } from "../models/elasticity-features.ts";
import { platformConfig } from "../simulator/config.ts";
import { publishHistory } from "../simulator/publish-history.ts";
import { readColumn, readManifest } from "../training/column-files.ts";
import { buildDatasetFiles } from "../training/dataset-files.ts";
import { createTrainingPool, type TrainingPool } from "../training/pool.ts";

const MAIN = join(import.meta.dirname, "../../dist/src/main.js");
let rig: TestBroker;
let directory: string;
let server: EmbeddedBroker;
let broker: Broker;
let pool: TrainingPool;

beforeAll(async () => {
  rig = await startTestBroker("datasets");
  ({ directory, server, broker } = rig);
  await publishHistory(broker, platformConfig({ learners: 300, courses: 60, teachers: 12, enrollments: 1_500, weeks: 20, seed: 3, end_ms: Date.UTC(2026, 0, 1) }), {});
  pool = await createTrainingPool({ threads: 2, deadline_ms: 60_000, backend: "cpu" });
}, 60_000);
afterAll(async () => {
  await pool.close();
  await rig.stop();
});

/** Names and digests of a directory's files. */
function digests(path: string): Record<string, string> {
  return Object.fromEntries(readdirSync(path).sort().map((name) => [name, createHash("sha256").update(readFileSync(join(path, name))).digest("hex")]));
}

interface Replayed {
  readonly ids: readonly string[];
  readonly columns: Readonly<Record<string, readonly number[]>>;
}

async function courseColumns(at_ms: readonly number[], times: { gap_ms: number; horizon_ms: number }): Promise<Replayed> {
  const replay = new DatasetReplay({ at_ms, ...times });
  await replayEvents(broker, {}, (event) => replay.apply(event));
  const rows = replay.finish().sort((a, b) => a.period - b.period || (a.course_id < b.course_id ? -1 : 1));
  const views = courseFeatureNames.map((name, i) => [name, rows.map(({ view }) => view[i]!)] as const);
  const labels = { label_enrollments: rows.map(({ enrollments }) => enrollments), label_mean_log_price: rows.map(({ mean_log_price }) => mean_log_price) };
  return { ids: rows.map(({ course_id }) => course_id), columns: { ...Object.fromEntries(views), ...labels } };
}

async function learnerColumns(at_ms: readonly number[], times: { gap_ms: number; horizon_ms: number }): Promise<Replayed> {
  const blocks: LearnerBlock[] = [];
  const replay = new LearnerReplay({ at_ms, ...times, onBlock: (block) => blocks.push(block) });
  await replayEvents(broker, {}, (event) => replay.apply(event));
  const every = (values: readonly Float64Array[], width: number, at: number): number[] => values.flatMap((block) => [...block].filter((_, i) => i % width === at));
  const features = learnerFeatureNames.map((name, at) => [name, every(blocks.map((block) => block.features), learnerFeatureNames.length, at)] as const);
  const labels = learnerOutcomeNames.map((name, at) => [`label_${name}`, every(at_ms.map((_, period) => replay.outcomes(period)), learnerOutcomeNames.length, at)] as const);
  return { ids: blocks.flatMap(({ ids }) => ids), columns: Object.fromEntries([...features, ...labels]) };
}

for (const dataset of ["elasticity", "propensity"] as const) {
  test(`${dataset}: the files are the same whatever the number of shares, and hold what one replay gives`, { timeout: 60_000 }, async () => {
    const times = { every_ms: 14 * DAY_MS, gap_ms: DAY_MS, horizon_ms: 21 * DAY_MS };
    const build = (partitions: number): Promise<Awaited<ReturnType<typeof buildDatasetFiles>>> =>
      buildDatasetFiles({ dataset, source: broker, nats_url: server.url, archive_dir: null, pool, ...times, partitions, directory: join(directory, `${dataset}-${partitions}`) });
    const manifest = await build(1);
    for (const partitions of [2, 5]) {
      expect(await build(partitions)).toEqual(manifest);
      expect(digests(join(directory, `${dataset}-${partitions}`))).toEqual(digests(join(directory, `${dataset}-1`)));
    }
    await expect(build(2)).rejects.toMatchObject({ code: "directory_exists" });
    const hourly = { dataset, source: broker, nats_url: server.url, archive_dir: null, pool, ...times, every_ms: HOUR_MS, partitions: 1, directory: join(directory, "hourly") };
    await expect(buildDatasetFiles(hourly)).rejects.toMatchObject({ code: "too_many_cut_offs" });
    expect(readdirSync(directory).filter((name) => name.includes("partial"))).toEqual([]);

    const at_ms = manifest.at.map(parseTime);
    expect(at_ms.length).toBeGreaterThan(4);
    const path = join(directory, `${dataset}-1`);
    const ids = readFileSync(join(path, dataset === "elasticity" ? "course_id.text" : "learner_id.text"), "utf8").trimEnd().split("\n");
    expect(ids.length).toBe(manifest.rows);
    const column = (name: string): number[] => [...readColumn(path, readManifest(path), name)];
    const replayed = dataset === "elasticity" ? await courseColumns(at_ms, times) : await learnerColumns(at_ms, times);
    expect(ids).toEqual(replayed.ids);
    for (const [name, values] of Object.entries(replayed.columns)) expect(column(name), name).toEqual(values);
  });
}

async function tidemark(...args: string[]): Promise<{ code: number; output: string }> {
  const env = { ...process.env, TIDEMARK_DATA_DIR: join(directory, "data"), TIDEMARK_NATS_URL: server.url, TIDEMARK_ARCHIVE_DIR: "none" };
  return promisify(execFile)(process.execPath, [MAIN, ...args], { env }).then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({ code: error.code, output: error.stdout + error.stderr }),
  );
}

test("the command writes tables with the description's names beside ours, and refuses what it cannot", { timeout: 90_000 }, async () => {
  const csv = join(directory, "elasticity.csv");
  expect(await tidemark("export", "--dataset", "elasticity", "--every-days", "14", "--horizon-days", "14", "--out", csv)).toMatchObject({ code: 0 });
  const [head = "", ...lines] = (await readFile(csv, "utf8")).trimEnd().split(/\r?\n/);
  const names = head.split(",");
  for (const name of ["course_id", "category", "at", "token_price", "log_token_price", "log_enrollments", "price_vs_category_avg", "competitive_index", "quality_score", "days_since_launch", "total_enrollments", "teacher_quality_score", "label_enrollments"]) expect(names).toContain(name);
  const cell = (line: string, name: string): number => Number(line.split(",")[names.indexOf(name)]);
  expect(lines.length).toBeGreaterThan(100);
  expect(new Set(names).size).toBe(names.length);
  const row = new Float64Array(elasticityFeatureNames.length);
  for (const line of lines) {
    fillElasticityRow(courseFeatureNames.map((name) => cell(line, name)), cell(line, "label_mean_log_price"), row, 0);
    expect(elasticityFeatureNames.map((name) => cell(line, name))).toEqual([...row]);
    expect(cell(line, "exposure")).toBe(Math.max(cell(line, "label_exposures"), cell(line, "label_enrollments")));
    expect(cell(line, "log_enrollments")).toBeCloseTo(Math.log1p(cell(line, "label_enrollments")), 9);
    expect(cell(line, "log_token_price")).toBeCloseTo(Math.log1p(cell(line, "token_price")), 9);
  }
  const parquet = join(directory, "propensity.parquet");
  expect(await tidemark("export", "--dataset", "propensity", "--format", "parquet", "--partitions", "3", "--out", parquet)).toMatchObject({ code: 0 });
  const bytes = await readFile(parquet);
  const rows = await parquetReadObjects({ file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer });
  expect(rows.length).toBeGreaterThan(300);
  for (const name of ["learner_id", "at", "recency_score", "engagement_score", "financial_score", "success_score", "total_courses_enrolled", "completion_rate", "token_balance", "days_since_last_enrollment", "days_since_last_activity", "learning_streak_days", "forum_participation_score", "assignment_submission_rate", "avg_course_rating_given", "enrolled_next", "churned", "upsold"]) expect(Object.keys(rows[0]!)).toContain(name);
  for (const [flag, label, days] of [["enrolled_next", "label_first_enrollment_after_ms", 30], ["completed_next", "label_completed_after_ms", 60], ["upsold", "label_upsold_after_ms", 60]] as const) {
    expect(new Set(rows.map((row) => row[flag])), flag).toEqual(new Set([0, 1]));
    for (const row of rows) expect(row[flag] === 1).toBe(Number(row[label]) > 0 && Number(row[label]) <= days * DAY_MS);
  }
  expect(new Set(rows.map((row) => row["churned"]))).toEqual(new Set([0, 1]));
  for (const row of rows) expect(row["churned"] === 1).toBe(["label_exposures", "label_enrollments", "label_activities", "label_tokens_purchased"].every((name) => row[name] === 0));
  const columns = join(directory, "columns");
  expect(await tidemark("export", "--dataset", "propensity", "--format", "columns", "--out", columns)).toMatchObject({ code: 0 });
  expect(readManifest(columns).rows).toBe(rows.length);
  const damaged = join(columns, "label_enrollments.f64");
  const content = readFileSync(damaged);
  content[20]! ^= 1;
  writeFileSync(damaged, content);
  expect(() => readColumn(columns, readManifest(columns), "label_enrollments")).toThrow(expect.objectContaining({ code: "dataset_damaged" }));

  expect((await tidemark("export", "--dataset", "weather", "--out", join(directory, "x"))).output).toContain("elasticity, propensity");
  expect((await tidemark("export", "--dataset", "propensity", "--table", "learners", "--out", join(directory, "x"))).output).toContain("one of --table, --all and --dataset");
  // Before anything is read.
  expect((await tidemark("export", "--dataset", "propensity", "--out", csv)).output.trim()).toBe(`${csv} exists: name another file, or say --force to replace it`);
  expect((await tidemark("export", "--dataset", "propensity", "--out", join(directory, "nowhere", "x.csv"))).output).toMatch(/^there is no directory/);
  expect((await tidemark("export", "--dataset", "propensity", "--horizon-days", "900", "--out", join(directory, "x"))).output).toContain("too short");
  expect(existsSync(join(directory, "x"))).toBe(false);
  expect(readdirSync(directory).filter((name) => name.startsWith(".") || name.includes("partial"))).toEqual([]);
});

test("who was erased is in no dataset, and nobody else's row is another one for it", { timeout: 60_000 }, async () => {
  const state = (await broker.streamInfo(STREAM_EVENTS))!;
  // At the last moment known, so that the cut-offs are the same.
  const { time } = JSON.parse(Buffer.from((await broker.getMessage(STREAM_EVENTS, { sequence: state.last_sequence }))!.data).toString()) as { time: string };
  const build = async (name: string): Promise<{ ids: string[]; row: (i: number) => number[] }> => {
    const path = join(directory, name);
    const manifest = await buildDatasetFiles({ dataset: "propensity", source: broker, nats_url: server.url, archive_dir: null, pool, every_ms: 14 * DAY_MS, gap_ms: 0, horizon_ms: 14 * DAY_MS, partitions: 3, directory: path });
    const columns = manifest.columns.filter(({ type }) => type === "f64").map((column) => readColumn(path, manifest, column.name));
    const periods = new Int32Array(readFileSync(join(path, "period.i32")).buffer.slice(0));
    return { ids: readFileSync(join(path, "learner_id.text"), "utf8").trimEnd().split("\n"), row: (i) => [periods[i]!, ...columns.map((values) => values[i]!)] };
  };
  const before = await build("before-erasure");
  const gone = [before.ids[0]!, before.ids[7]!, before.ids.at(-1)!];
  for (const learner_id of gone) await broker.publish(`backfill.learner.${learner_id}`, Buffer.from(JSON.stringify({ id: `gone-${learner_id}`, type: "learner.erased", time, learner_id })));
  const after = await build("after-erasure");
  const kept = before.ids.flatMap((id, i) => (gone.includes(id) ? [] : [i]));
  expect(kept.length).toBeLessThan(before.ids.length - 3);
  expect(after.ids).toEqual(kept.map((i) => before.ids[i]));
  expect(after.ids.map((_, i) => after.row(i))).toEqual(kept.map((i) => before.row(i)));
});

test("is the same from the archive, when the stream has let go of it and who was erased is forgotten there", { timeout: 60_000 }, async () => {
  const archive = new EventArchive(join(directory, "archive"));
  const source = new EventHistory(broker, archive);
  const build = async (dataset: DatasetName, name: string): Promise<Record<string, string>> => {
    await buildDatasetFiles({ dataset, source, nats_url: server.url, archive_dir: archive.directory, pool, every_ms: 14 * DAY_MS, gap_ms: 0, horizon_ms: 14 * DAY_MS, partitions: 2, directory: join(directory, name) });
    return digests(join(directory, name));
  };
  const before = [await build("elasticity", "courses-stream"), await build("propensity", "learners-stream")];
  const stop = new AbortController();
  const archiver = new EventArchiver({ broker, archive, logger: silentLogger, clock: systemClock, segment_bytes: 200_000 });
  const archiving = archiver.run(stop.signal);
  // Past the erasures of the test before; the newest messages are in no segment yet.
  await broker.publish("backfill.market.data", Buffer.alloc(300_000, 32));
  const { last_sequence } = (await broker.streamInfo(STREAM_EVENTS))!;
  await vi.waitFor(() => expect(archiver.status.sequence).toBe(last_sequence), 20_000);
  stop.abort();
  await archiving;
  expect(await forgetErased({ broker, archive, clock: systemClock, logger: silentLogger, erasure_delay_ms: 0 })).toMatchObject({ forgotten: 3 });
  await dropArchived({ broker, archive, retention: { bytes_max: 0, age_max_ms: 0 }, clock: systemClock, logger: silentLogger });
  expect((await broker.streamInfo(STREAM_EVENTS))?.first_sequence).toBeGreaterThan(last_sequence / 2);
  const after = [await build("elasticity", "courses-archive"), await build("propensity", "learners-archive")];
  const columns = (all: Record<string, string>[]): unknown => all.map((digested) => ({ ...digested, "manifest.json": undefined }));
  expect(columns(after)).toEqual(columns(before));
});
