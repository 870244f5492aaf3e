import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { type BinaryDimension, binaryDimensions } from "../../contracts/propensity.ts";
import type { StreamEvent } from "../../contracts/events.ts";
import { eventSubject } from "../../contracts/subjects.ts";
import { learnerFeatureNames } from "../../features/learner-replay.ts";
import { ownerOf } from "../../features/partition.ts";
import { knownAt, naiveOutcomes } from "../../features/testing/naive-outcomes.ts";
import { naiveTrials } from "../../features/testing/naive-trials.ts";
import { MemoryStream } from "../../ingest/testing/memory-stream.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import type { StageContext } from "../pipeline/stage.ts";
import { blocksOf, propensityCutOffs } from "./cut-offs.ts";
import { dataStage } from "./data-stage.ts";
import { buildPropensityDataset, type PropensityDataset, replayPropensityDataset } from "./dataset.ts";
import { CHURN_STEPS, propensityDefinitions, windowMs } from "./definitions.ts";
import { learnerStories, rangeOf, START_MS } from "./testing.ts";

const DAYS = 280;
const numbered = (some: readonly StreamEvent[]): StreamEvent[] => some.map((stream, i) => Object.assign({ ...stream }, { sequence: i + 1 }));
const erasures = (events: readonly StreamEvent[], ...erased: readonly (readonly [learner_id: string, day: number])[]): StreamEvent[] => {
  const all = [...events];
  for (const [learner_id, day] of erased) {
    const time_ms = START_MS + day * DAY_MS;
    all.push({ sequence: 0, broker_time_ms: time_ms, event_time_ms: time_ms, known_at_ms: time_ms, event: { id: `gone-${learner_id}`, type: "learner.erased", time: formatTime(time_ms), learner_id } });
  }
  return numbered(all.sort((a, b) => a.known_at_ms - b.known_at_ms));
};

let events: StreamEvent[];
let dataset: PropensityDataset;
beforeAll(() => {
  events = erasures(learnerStories({ learners: 45, days: DAYS, seed: "dataset" }), ["L0003", 100], ["L0010", 279]);
  dataset = buildPropensityDataset(events, rangeOf(events, DAYS));
});

describe("cut-offs and blocks", () => {
  test("of a year are ten, and every window but of the last is whole", () => {
    const to_ms = START_MS + 364 * DAY_MS;
    const at_ms = propensityCutOffs(START_MS, to_ms);
    expect(at_ms.map((at) => (to_ms - at) / DAY_MS)).toEqual([310, 279, 248, 217, 186, 155, 124, 93, 62, 31]);
    expect(blocksOf(at_ms, to_ms, windowMs(propensityDefinitions.enrollment))).toEqual({ train: { from: 0, to: 6 }, validation: { from: 6, to: 8 }, test: { from: 8, to: 10 } });
    for (const dimension of ["churn", "completion", "upsell"] as const) {
      expect(blocksOf(at_ms, to_ms, windowMs(propensityDefinitions[dimension]))).toEqual({ train: { from: 0, to: 5 }, validation: { from: 6, to: 7 }, test: { from: 8, to: 9 } });
    }
    expect(blocksOf(at_ms, to_ms, 91 * DAY_MS)?.train).toEqual({ from: 0, to: 2 });
  });

  test("no window reaches into the next block or past the end of the data, however long history and windows are", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000 }), fc.integer({ min: 1, max: 200 }), (days, window_days) => {
        const to_ms = START_MS + days * DAY_MS;
        const at_ms = propensityCutOffs(START_MS, to_ms);
        const window_ms = window_days * DAY_MS;
        for (const at of at_ms) expect(at - START_MS).toBeGreaterThanOrEqual(31 * DAY_MS);
        const blocks = blocksOf(at_ms, to_ms, window_ms);
        fc.pre(blocks !== undefined);
        const { train, validation, test: judged } = blocks!;
        for (const { from, to } of [train, validation, judged]) expect(to).toBeGreaterThan(from);
        expect(at_ms[train.to - 1]! + window_ms).toBeLessThanOrEqual(at_ms[validation.from]!);
        expect(at_ms[validation.to - 1]! + window_ms).toBeLessThanOrEqual(at_ms[judged.from]!);
        expect(at_ms[judged.to - 1]! + window_ms).toBeLessThanOrEqual(to_ms);
        // None more would fit.
        expect((at_ms[judged.to] ?? to_ms) + window_ms).toBeGreaterThan(to_ms);
      }),
    );
  });

  test("a history that is too short for enrollment says so", () => {
    const short = learnerStories({ learners: 20, days: 120, seed: "short" });
    expect(() => buildPropensityDataset(short, rangeOf(short, 120))).toThrow(expect.objectContaining({ code: "too_little_data", message: expect.stringContaining("124") }));
    const silent = numbered(learnerStories({ learners: 20, days: 200, seed: "silent" }).filter(({ event }) => event.type !== "enrollment.created"));
    expect(() => buildPropensityDataset(silent, rangeOf(silent, 200))).toThrow(expect.objectContaining({ code: "too_little_data" }));
  });
});

/** Whether somebody who was known at a cut-off was erased later. */
function erasedSince(learner_id: string, at_ms: number): boolean {
  return events.some(({ event, known_at_ms }) => event.type === "learner.erased" && event.learner_id === learner_id && known_at_ms >= at_ms);
}

/** Labels of a learner at a cut-off by their definitions, from the raw events; undefined where the question is not asked or the answer not observed. */
function naiveLabel(dimension: BinaryDimension, learner_id: string, at_ms: number, to_ms: number): { y: number; steps?: number } | undefined {
  const { gap_days, horizon_days } = propensityDefinitions[dimension];
  const window = { at_ms, gap_ms: gap_days * DAY_MS, horizon_ms: horizon_days * DAY_MS };
  const outcomes = naiveOutcomes(events, learner_id, window);
  if (dimension === "churn") {
    for (let step = 1; step <= CHURN_STEPS; step++) {
      const end_ms = at_ms + (gap_days + 10 * step) * DAY_MS;
      if (end_ms > to_ms) return step === 1 ? undefined : { y: 0, steps: step - 1 };
      const { first_activity_after_ms: after_ms } = naiveOutcomes(events, learner_id, { ...window, horizon_ms: 10 * step * DAY_MS });
      if (after_ms! > 0) return { y: 1, steps: step };
    }
    return { y: 0, steps: CHURN_STEPS };
  }
  if (at_ms + window.gap_ms + window.horizon_ms > to_ms) return undefined;
  if (dimension === "enrollment") return { y: outcomes["enrollments"]! > 0 ? 1 : 0 };
  if (dimension === "completion") return outcomes["in_progress"] === 1 ? { y: outcomes["completed_after_ms"]! > 0 ? 1 : 0 } : undefined;
  const own = knownAt(events, at_ms).flatMap(({ event }) => ("learner_id" in event && event.learner_id === learner_id ? [event.type] : []));
  // What was before an erasure is forgotten.
  return own.slice(own.lastIndexOf("learner.erased") + 1).includes("enrollment.created") ? { y: outcomes["upsold_after_ms"]! > 0 ? 1 : 0 } : undefined;
}

describe("the propensity dataset", () => {
  test.each(binaryDimensions)("labels of %s are what the raw events say, censored at the end of the data", (dimension) => {
    const { row, y, steps } = dataset.labels[dimension];
    const found = new Map([...row].map((own, i) => [own, { y: y[i]!, ...(steps !== undefined && { steps: steps[i]! }) }]));
    let censored = 0;
    for (const [own, learner_id] of dataset.learner.entries()) {
      const expected = naiveLabel(dimension, learner_id, dataset.at_ms[dataset.period[own]!]!, dataset.range.to_ms);
      expect(found.get(own)).toEqual(expected);
      if (expected?.steps !== undefined && expected.y === 0 && expected.steps < CHURN_STEPS) censored++;
    }
    expect([...row]).toEqual([...row].toSorted((a, b) => a - b));
    const happened = y.reduce((sum, own) => sum + own, 0);
    expect(happened).toBeGreaterThan(10);
    expect(y.length - happened).toBeGreaterThan(10);
    expect(censored > 0).toBe(dimension === "churn");
  });

  test("has a row for everybody who was known at a cut-off and not erased by the end", () => {
    const rows = dataset.at_ms.flatMap((at, period) => {
      const known = new Map(knownAt(events, at).flatMap(({ event }) => ("learner_id" in event ? [[event.learner_id, event.type]] : [])));
      return [...known.keys()].filter((id) => known.get(id) !== "learner.erased" && !erasedSince(id, at)).toSorted().map((id) => `${period} ${id}`);
    });
    expect(dataset.learner.map((id, row) => `${dataset.period[row]} ${id}`)).toEqual(rows);
    expect(dataset.features.values.length).toBe(rows.length * learnerFeatureNames.length);
    expect(dataset.counts.changed_cut_offs).toBe(0);
  });

  test("has every view of a random price by somebody who has a row, at their latest cut-off", () => {
    const { row, jitter, enrolled, affordable, expected } = dataset.trials;
    const naive = naiveTrials(events, dataset.at_ms, dataset.range.to_ms).filter(({ learner_id, period }) => !erasedSince(learner_id, dataset.at_ms[period]!));
    const ordered = naive.toSorted((a, b) => a.period - b.period);
    expect([...row].map((own) => [dataset.period[own], dataset.learner[own]])).toEqual(ordered.map(({ period, learner_id }) => [period, learner_id]));
    expect([...enrolled]).toEqual(ordered.map((trial) => trial.enrolled));
    expect([...affordable]).toEqual(ordered.map((trial) => trial.affordable));
    for (const [i, trial] of ordered.entries()) {
      expect(jitter[i]).toBeCloseTo(trial.jitter, 12);
      expect(expected[i]).toBeCloseTo(trial.expected, 9);
    }
    expect(ordered.length).toBeGreaterThan(500);
  });

  test("holds no byte of features that depends on what became known after their cut-off", () => {
    const at = dataset.at_ms[3]!;
    const end = events.at(-1)!;
    const rowsUpTo = ({ features, period, learner }: PropensityDataset): unknown => {
      const rows = period.findIndex((own) => own > 3);
      return [learner.slice(0, rows), features.values.slice(0, rows * features.columns)];
    };
    const edited = (edit: (stream: StreamEvent, i: number) => StreamEvent[]): StreamEvent[] => {
      const others = events.flatMap((stream, i) => (stream.known_at_ms < at || stream === end ? [stream] : edit(stream, i)));
      return numbered(others);
    };
    const edits = {
      deleted: edited((stream, i) => (i % 3 === 0 ? [] : [stream])),
      moved: edited((stream, i) => [i % 2 === 0 ? { ...stream, event_time_ms: stream.event_time_ms - 40 * DAY_MS } : stream]),
      added: edited((stream, i) => [stream, { ...stream, event: { ...stream.event, id: `again-${i}`, ...(stream.event.type === "enrollment.created" && { enrollment_id: `again-${i}` }) } }]),
    };
    for (const [name, changed] of Object.entries(edits)) {
      const other = buildPropensityDataset(changed, rangeOf(changed, DAYS));
      expect(rowsUpTo(other), name).toEqual(rowsUpTo(dataset));
      // And something did change.
      expect(other.features.values.length === dataset.features.values.length && other.features.values.every((value, i) => value === dataset.features.values[i])).toBe(false);
    }
  });

  test("follows a share of the learners of a longer stream, with the rows that they have in the whole", () => {
    const share = buildPropensityDataset(events, rangeOf(events, DAYS), { events_max: events.length / 2.5 });
    const own = dataset.learner.flatMap((id, row) => (ownerOf(id, 3) === 0 ? [row] : []));
    expect(share.learner).toEqual(own.map((row) => dataset.learner[row]));
    const columns = learnerFeatureNames.length;
    expect(share.features.values).toEqual(Float64Array.from(own.flatMap((row) => [...dataset.features.values.subarray(row * columns, (row + 1) * columns)])));
    const trials = [...dataset.trials.row.keys()].filter((i) => own.includes(dataset.trials.row[i]!));
    expect([...share.trials.expected]).toEqual(trials.map((i) => dataset.trials.expected[i]));
    expect([...share.trials.enrolled]).toEqual(trials.map((i) => dataset.trials.enrolled[i]));
  });

  test("takes about as many learners of a cut-off as it may, the same at every cut-off as far as they go, with the rows that they have in the whole", () => {
    const sampled = buildPropensityDataset(events, rangeOf(events, DAYS), { learners_max: 20 });
    const named = ({ learner, period }: PropensityDataset): string[] => learner.map((id, row) => `${period[row]} ${id}`);
    const [whole, own] = [named(dataset), named(sampled)];
    const at = own.map((name) => whole.indexOf(name));
    expect(Math.min(...at)).toBeGreaterThanOrEqual(0);
    for (const period of dataset.at_ms.keys()) {
      const count = own.filter((name) => name.startsWith(`${period} `)).length;
      expect(count).toBeGreaterThan(8);
      expect(count).toBeLessThan(33);
    }
    const last = new Set(sampled.learner.filter((_, row) => sampled.period[row] === dataset.at_ms.length - 1));
    for (const [row, id] of sampled.learner.entries()) expect(last.has(id) || sampled.period[row]! < dataset.at_ms.length - 1).toBe(true);
    const columns = learnerFeatureNames.length;
    for (const [i, row] of at.entries()) expect(sampled.features.values.subarray(i * columns, (i + 1) * columns)).toEqual(dataset.features.values.subarray(row * columns, (row + 1) * columns));
    const kept = [...dataset.trials.row.keys()].filter((i) => at.includes(dataset.trials.row[i]!));
    expect([...sampled.trials.row].map((row) => at[row])).toEqual(kept.map((i) => dataset.trials.row[i]));
    expect([...sampled.trials.jitter]).toEqual(kept.map((i) => dataset.trials.jitter[i]));
  });

  test("follows all views of fewer learners where there are more than may be", () => {
    const views_max = Math.floor(events.filter(({ event }) => event.type === "exposure.viewed").length / 2);
    const fewer = buildPropensityDataset(events, rangeOf(events, DAYS), { views_max });
    expect(fewer.labels).toEqual(dataset.labels);
    expect(fewer.trials.row.length).toBeLessThanOrEqual(views_max);
    const followed = new Set(Array.from(fewer.trials.row, (row) => dataset.learner[row]));
    expect(followed.size).toBeGreaterThan(3);
    const kept = [...dataset.trials.row.keys()].filter((i) => followed.has(dataset.learner[dataset.trials.row[i]!]));
    expect(kept.length).toBeLessThan(dataset.trials.row.length);
    for (const name of ["row", "jitter", "enrolled", "affordable", "expected"] as const) expect([...fewer.trials[name]]).toEqual(kept.map((i) => dataset.trials[name][i]));
  });

  test("is the same from the stream, and comes back from disk as it was", async () => {
    const stream = new MemoryStream("memory");
    for (const { event, known_at_ms, sequence } of events) {
      const data = new TextEncoder().encode(JSON.stringify({ ...event, known_at: formatTime(known_at_ms) }));
      stream.append({ subject: eventSubject(event, "backfill"), sequence, time_ms: START_MS + 1_000 * DAY_MS, data });
    }
    const range = rangeOf(events, DAYS);
    const read = await replayPropensityDataset(stream, range, () => undefined);
    expect(read).toEqual(dataset);
    const directory = mkdtempSync(join(tmpdir(), "tidemark-propensity-"));
    try {
      dataStage.save(dataset, directory);
      const context = { range } as StageContext;
      expect(dataStage.load(directory, {}, context)).toEqual(dataset);
      writeFileSync(join(directory, "enrolled.f64"), "not what it was");
      expect(() => dataStage.load(directory, {}, context)).toThrow(expect.objectContaining({ code: "dataset_damaged" }));
    } finally {
      rmSync(directory, { recursive: true });
    }
    await expect(replayPropensityDataset(stream, { ...range, stream_created: "another" }, () => undefined)).rejects.toMatchObject({ code: "stream_changed" });
  });
});
