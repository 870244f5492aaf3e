import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Event } from "../contracts/events.ts";
import { learnerNames } from "../contracts/worker-protocol.ts";
import { BUCKET_MODELS, eventSubject, modelSubject, STREAM_CONTROL } from "../contracts/subjects.ts";
import { promoteModel } from "../ingest/control.ts";
import { startEmbeddedBroker, type EmbeddedBroker } from "../ingest/embedded-broker.ts";
import { Broker } from "../ingest/nats.ts";
import { ManualClock, systemClock } from "../lib/clock.ts";
import { silentLogger, type Logger } from "../lib/log.ts";
import { Prng } from "../lib/prng.ts";
import { DAY_MS, formatTime, HOUR_MS } from "../lib/time.ts";
import { compileArtifact, resultDigest } from "../models/compiled.ts";
import { promotedModel } from "./champion.ts";
import { buildDataset } from "./dataset.ts";
import { createTrainingPool, type TrainingPool } from "./pool.ts";
import { trainElasticity, type TrainResult } from "./train-elasticity.ts";
import { runTrainRole } from "./train-role.ts";

const START_MS = Date.UTC(2026, 0, 1);
const WEEKS = 24;
const COURSES = 40;
const ELASTICITY = -1.6;

/** A platform of views and sales whose courses convert differently and whose weekly prices carry random jitter. */
function* history(): Generator<Event> {
  const random = new Prng("training history");
  const courses = Array.from({ length: COURSES }, (_, i) => ({ id: `c${i}`, category: `k${i % 3}`, base: 60 + 5 * i, level: -2 + 0.6 * random.normal(), price: 0 }));
  let next = 0;
  const stamp = (at_ms: number): { id: string; time: string } => ({ id: `e${next++}`, time: formatTime(at_ms) });
  for (const { id, category, base } of courses) {
    yield { type: "course.upserted", ...stamp(START_MS), course_id: id, teacher_id: "t1", category, difficulty_level: "beginner", quality_tier: "standard", base_price: base, launched_at: formatTime(START_MS) };
  }
  for (let week = 0; week < WEEKS; week++) {
    for (const course of courses) {
      course.price = Math.max(1, Math.round(course.base * Math.exp(0.15 * random.normal())));
      yield { type: "course.repriced", ...stamp(START_MS + week * 7 * DAY_MS), course_id: course.id, price: course.price, jitter: { base: course.base, sigma: 0.15, probability: 0.05 } };
    }
    for (let view = 0; view < 400; view++) {
      const course = courses[random.integer(COURSES)]!;
      const at_ms = START_MS + week * 7 * DAY_MS + HOUR_MS + view * 20 * 60_000;
      const learner_id = `l${random.integer(500)}`;
      yield { type: "exposure.viewed", ...stamp(at_ms), course_id: course.id, learner_id, price: course.price };
      if (random.uniform() > Math.exp(course.level + ELASTICITY * Math.log(course.price / course.base))) continue;
      yield { type: "enrollment.created", ...stamp(at_ms + 1000), enrollment_id: `n${next}`, course_id: course.id, learner_id, price: course.price };
    }
  }
}

const folder = mkdtempSync(join(tmpdir(), "tidemark-training-"));
let server: EmbeddedBroker;
let broker: Broker;
let pool: TrainingPool;

beforeAll(async () => {
  server = await startEmbeddedBroker({ data_dir: folder, logger: silentLogger });
  broker = await Broker.connect({ url: server.url, name: "training-test" });
  await broker.ensureStreams();
  pool = await createTrainingPool({ threads: 2, deadline_ms: 60_000, backend: "wasm" });
});

afterAll(async () => {
  await pool?.close();
  await broker?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function train(seed: number, at_ms: number, onProgress?: (phase: string, done: number, total: number) => void): Promise<TrainResult> {
  return trainElasticity({ broker, pool, seed, clock: new ManualClock(at_ms), logger: silentLogger, code_version: "test", ...(onProgress && { onProgress }) });
}

test("an empty stream is too little data, and the role goes on until it is told to stop", async () => {
  await expect(train(1, START_MS)).rejects.toMatchObject({ code: "too_little_data" });
  const stop = new AbortController();
  const failures: object[] = [];
  const logger: Logger = { ...silentLogger, error: (fields) => void (failures.push(fields) === 2 && stop.abort()) };
  await runTrainRole({ broker, logger, clock: { now_ms: () => START_MS, sleep: () => Promise.resolve() }, interval_ms: 1000, seed: 1, signal: stop.signal });
  expect(failures).toMatchObject([{ code: "too_little_data" }, { code: "too_little_data" }]);
});

test("trains on the stream, promotes, and the artifact that serving loads falls with price", { timeout: 60_000 }, async () => {
  const bulk = broker.bulkPublisher({ window: 500 });
  for (const event of history()) await bulk.publish(eventSubject(event, "backfill"), new TextEncoder().encode(JSON.stringify(event)), event.id);
  await broker.publish("backfill.course.c1", new TextEncoder().encode("not json"));
  await bulk.flush();

  const progress: [string, number, number][] = [];
  const first = await train(7, START_MS + 400 * DAY_MS, (...step) => progress.push(step));
  expect(first.reason).toContain("skill");
  expect(first.promoted).toBe(true);
  expect(progress.map(([phase]) => phase)).toContain("replay");
  expect(progress.at(-1)).toEqual(["fit", 8, 8]);
  for (const [, done, total] of progress) expect(done).toBeLessThanOrEqual(total);

  const promoted = await promotedModel(broker);
  expect(promoted).toMatchObject({ family: "elasticity", digest: first.digest, artifact: first.name, version: first.artifact.version });
  const bytes = await broker.getObject(BUCKET_MODELS, first.name);
  const model = compileArtifact(bytes!, promoted!.digest);
  expect(model.artifact.candidates.map(({ name }) => name)).toEqual(learnerNames);
  expect(model.artifact.lineage).toMatchObject({ seed: 7, stream: "EVENTS", first_sequence: 1, code_version: "test", data_from: formatTime(START_MS) });

  const { rows } = await buildDataset(broker, () => undefined);
  let falls = 0;
  for (const { view } of rows.slice(-40)) {
    let before = model.conversionRate(view, Math.log(20));
    for (let log_price = Math.log(20); log_price < Math.log(800); log_price += 0.02) {
      const rate = model.conversionRate(view, log_price);
      expect(rate).toBeLessThanOrEqual(before);
      if (rate < before) falls++;
      before = rate;
    }
  }
  expect(falls).toBeGreaterThan(0);
  const { global } = model.artifact.elasticity;
  expect(global.identified).toBe(true);
  expect(Math.abs(global.value - ELASTICITY)).toBeLessThan(3 * global.se);
  expect(global.se).toBeLessThan(0.7);
});

test("the same events and seed give the same result, which does not beat itself; another seed differs", { timeout: 60_000 }, async () => {
  const champion = (await promotedModel(broker))!;
  const before = await broker.getMessage(STREAM_CONTROL, { last_by_subject: modelSubject("elasticity") });
  const again = await train(7, START_MS + 500 * DAY_MS);
  const stored = compileArtifact((await broker.getObject(BUCKET_MODELS, champion.artifact))!, champion.digest);
  // The artifact records when it was made: other bytes, the same result.
  expect(again.digest).not.toBe(champion.digest);
  expect(again.result_digest).toBe(resultDigest(stored.artifact));
  expect(again.promoted).toBe(false);
  expect(again.reason).toContain(`champion ${champion.version}`);
  expect((await broker.getMessage(STREAM_CONTROL, { last_by_subject: modelSubject("elasticity") }))?.sequence).toBe(before?.sequence);
  expect(await broker.getObject(BUCKET_MODELS, again.name)).toBeUndefined();
  expect((await train(8, START_MS + 500 * DAY_MS)).result_digest).not.toBe(again.result_digest);
});

test("a champion whose bytes are gone or corrupt is replaced, and the role leaves a good one alone", { timeout: 60_000 }, async () => {
  const champion = (await promotedModel(broker))!;
  await broker.putObject(BUCKET_MODELS, champion.artifact, new TextEncoder().encode("{}"));
  // Another run promotes after this one has looked at the champion: what it was compared with is not in force any more.
  const before = await broker.getMessage(STREAM_CONTROL, { last_by_subject: modelSubject("elasticity") });
  const overtaken: Logger = { ...silentLogger, warn: () => void promoteModel(broker, { ...champion, version: "other" }, before?.sequence) };
  const late = trainElasticity({ broker, pool, seed: 7, clock: new ManualClock(START_MS + 600 * DAY_MS), logger: overtaken, code_version: "test" });
  await expect(late).rejects.toMatchObject({ code: "wrong_last_sequence" });
  expect((await promotedModel(broker))?.version).toBe("other");

  const next = await train(7, START_MS + 700 * DAY_MS);
  expect(next.promoted).toBe(true);
  expect((await promotedModel(broker))?.digest).toBe(next.digest);

  const stop = new AbortController();
  let naps = 0;
  const clock = { now_ms: () => START_MS, sleep: () => Promise.resolve(void (++naps === 2 && stop.abort())) };
  await runTrainRole({ broker, logger: silentLogger, clock, interval_ms: 1_000_000_000, seed: 7, signal: stop.signal });
  expect((await promotedModel(broker))?.digest).toBe(next.digest);
});

test("a run that is cancelled while it replays ends", async () => {
  const stop = new AbortController();
  const run = trainElasticity({ broker, pool, seed: 7, clock: systemClock, logger: silentLogger, code_version: "test", signal: stop.signal, onProgress: () => stop.abort() });
  await expect(run).rejects.toMatchObject({ name: "AbortError" });
});
