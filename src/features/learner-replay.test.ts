import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Event, StreamEvent } from "../contracts/events.ts";
import { DAY_MS, formatTime } from "../lib/time.ts";
import { EntityReader } from "./entity-reader.ts";
import { FeatureWriter } from "./feature-writer.ts";
import { learnerOutcomeNames } from "./learner-outcomes.ts";
import { type LearnerBlock, learnerFeatureNames, LearnerReplay } from "./learner-replay.ts";
import { MemoryStore } from "./memory-store.ts";
import type { Partition } from "./partition.ts";
import { DatasetReplay } from "./replay.ts";
import { STREAM_END_MS, STREAM_SPAN_MS, randomStream } from "./testing/random-events.ts";

const START_MS = STREAM_END_MS - STREAM_SPAN_MS;
const day = (n: number): number => START_MS + n * DAY_MS;

interface Row {
  readonly period: number;
  readonly id: string;
  readonly features: readonly number[];
  readonly labels: Readonly<Record<string, number>>;
}

function replay(events: readonly StreamEvent[], at_ms: readonly number[], horizon_days = 30, partition?: Partition): Row[] {
  const blocks: { period: number; ids: readonly string[]; features: Float64Array }[] = [];
  const dataset = new LearnerReplay({ at_ms, gap_ms: DAY_MS, horizon_ms: horizon_days * DAY_MS, partition, onBlock: (block) => blocks.push(block) });
  for (const event of events) dataset.apply(event);
  const width = learnerFeatureNames.length;
  return blocks.flatMap(({ period, ids, features }) => {
    const outcomes = dataset.outcomes(period);
    return ids.map((id, row) => ({
      period,
      id,
      features: [...features.subarray(row * width, (row + 1) * width)],
      labels: Object.fromEntries(learnerOutcomeNames.map((name, i) => [name, outcomes[row * learnerOutcomeNames.length + i]!])),
    }));
  });
}

/** Streams are some weeks long. */
const cutOffs = fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 4 }).map((days) => days.sort((a, b) => a - b).map(day));

describe("a dataset of learners", () => {
  test("holds, bit for bit, what serving read at the cut-off", () => {
    fc.assert(
      fc.property(fc.noBias(randomStream(100)), cutOffs, (events, at_ms) => {
        const rows = replay(events, at_ms);
        at_ms.forEach((at, period) => {
          const reached = events.findIndex((event) => event.known_at_ms >= at);
          const store = new MemoryStore();
          const writer = new FeatureWriter(store);
          for (const event of events.slice(0, Math.max(0, reached))) writer.apply(event);
          writer.commit({ stream_created: "s", sequence: 1, message_hash: "" });
          const reader = new EntityReader(store);
          const served = [...store.ids("learner")].map((id) => [id, [...reader.read("learner", id, at)!.values]]);
          expect(rows.filter((row) => row.period === period).map(({ id, features }) => [id, features])).toEqual(served);
        });
      }),
      { numRuns: 60 },
    );
  });

  test("does not change in any feature by events known from the cut-off on, moved, added or deleted", () => {
    fc.assert(
      fc.property(fc.noBias(randomStream(80)), fc.noBias(randomStream(60)), fc.nat(), fc.array(fc.nat(60), { maxLength: 20 }), (events, others, middle, touched) => {
        fc.pre(events.length > 0);
        const at = events[middle % events.length]!.known_at_ms;
        const reached = events.findIndex((event) => event.known_at_ms >= at);
        const before = events.slice(0, reached);
        const changed: StreamEvent[] = [];
        for (const [i, event] of events.slice(reached).entries()) {
          // The first one reaches the cut-off.
          if (i > 0 && touched.includes(i)) continue;
          changed.push(Object.assign({ ...event }, touched.includes(i + 1) ? { known_at_ms: event.known_at_ms + DAY_MS } : {}));
          const other = others[i];
          if (other !== undefined) changed.push({ ...other, known_at_ms: Math.max(at, other.known_at_ms), event: { ...other.event, id: `other-${i}` } });
        }
        const features = (all: readonly StreamEvent[]): unknown => replay(all, [at]).map(({ id, features: row }) => [id, row]);
        expect(features([...before, ...changed])).toEqual(features(events));
      }),
      { numRuns: 80 },
    );
  });

  test("says which rows are of who was erased since", () => {
    fc.assert(
      fc.property(fc.noBias(randomStream(150)), cutOffs, (events, at_ms) => {
        const blocks: LearnerBlock[] = [];
        const dataset = new LearnerReplay({ at_ms, gap_ms: 0, horizon_ms: DAY_MS, onBlock: (block) => blocks.push(block) });
        for (const event of events) dataset.apply(event);
        for (const { period, ids } of blocks) {
          const later = events.slice(events.findIndex(({ known_at_ms }) => known_at_ms >= at_ms[period]!));
          const erased = new Set(later.flatMap(({ event }) => (event.type === "learner.erased" ? [event.learner_id] : [])));
          expect([...dataset.erased(period)].toSorted()).toEqual(ids.flatMap((id, row) => (erased.has(id) ? [row] : [])));
        }
      }),
      { numRuns: 80 },
    );
  });

  test("counts labels by event time in (at + gap, at + gap + horizon], of who was known, however late and in however many windows", () => {
    const events: StreamEvent[] = [];
    const add = (days: number, event: Partial<Event>, known = days): void => {
      const sequence = events.length + 1;
      events.push({ sequence, broker_time_ms: day(known), event_time_ms: day(days), known_at_ms: day(known), event: { id: `e${sequence}`, time: formatTime(day(days)), ...event } as Event });
    };
    const view = (days: number, learner_id: string, known = days): void => add(days, { type: "exposure.viewed", course_id: "C1", learner_id, price: 5 }, known);
    view(1, "L1");
    view(9, "L1");
    view(11, "L1");
    view(11.5, "L1");
    add(12, { type: "enrollment.created", enrollment_id: "E1", course_id: "C1", learner_id: "L1", price: 7 });
    add(13, { type: "enrollment.created", enrollment_id: "E2", course_id: "C1", learner_id: "L1", price: 4 });
    add(13, { type: "activity.session", learner_id: "L1", minutes: 30 });
    view(14, "L2");
    view(41, "L1");
    view(41.5, "L1");
    view(12.5, "L1", 60);
    add(61, { type: "enrollment.completed", enrollment_id: "E1", course_id: "C1", learner_id: "L1" });
    const rows = replay(events, [day(10), day(20)]);
    expect(rows.map(({ period, id }) => [period, id])).toEqual([[0, "L1"], [1, "L1"], [1, "L2"]]);
    // From after day 11 to day 41.
    expect(rows[0]!.labels).toEqual({ exposures: 3, enrollments: 2, price_paid_tokens: 11, price_paid_max_tokens: 7, completions: 0, drops: 0, refunds: 0, activities: 1, minutes: 30, tokens_purchased: 0, first_activity_after_ms: DAY_MS / 2, first_enrollment_after_ms: DAY_MS, upsold_after_ms: 0, in_progress: 0, completed_after_ms: 0 });
    // From after day 21 to day 51.
    expect(rows[1]!.labels).toMatchObject({ exposures: 2, enrollments: 0, activities: 0 });
    expect(rows[2]!.labels).toMatchObject({ exposures: 0 });
  });
});

test("the rows of all partitions are those of one replay, of learners and of courses", () => {
  fc.assert(
    fc.property(fc.noBias(randomStream(120)), cutOffs, fc.constantFrom(2, 3, 5), (events, at_ms, count) => {
      const order = (a: Row, b: Row): number => a.period - b.period || (a.id < b.id ? -1 : 1);
      const parts = Array.from({ length: count }, (_, index) => ({ index, count }));
      expect(parts.flatMap((partition) => replay(events, at_ms, 30, partition)).sort(order)).toEqual(replay(events, at_ms));
      const courses = (partition?: Partition): unknown[] => {
        const dataset = new DatasetReplay({ at_ms, gap_ms: 0, horizon_ms: 7 * DAY_MS, partition });
        for (const event of events) dataset.apply(event);
        return dataset.finish().map((row) => JSON.stringify([row.period, row.course_id, row.category, [...row.view], row.exposures, row.enrollments, row.mean_log_price, row.jitter_exposures, row.mean_jitter]));
      };
      expect(parts.flatMap(courses).sort()).toEqual(courses().sort());
    }),
    { numRuns: 80 },
  );
});
