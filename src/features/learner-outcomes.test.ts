import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Event, EventOf, StreamEvent } from "../contracts/events.ts";
import { DAY_MS, formatTime } from "../lib/time.ts";
import { learnerOutcomeNames } from "./learner-outcomes.ts";
import { LearnerReplay } from "./learner-replay.ts";
import { naiveOutcomes, knownAt, type Window } from "./testing/naive-outcomes.ts";
import { naiveTrials } from "./testing/naive-trials.ts";
import { randomStream, STREAM_END_MS, STREAM_SPAN_MS } from "./testing/random-events.ts";

const START_MS = STREAM_END_MS - STREAM_SPAN_MS;
const day = (n: number): number => START_MS + n * DAY_MS;
const WIDTH = learnerOutcomeNames.length;
const cutOffs = fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 4 }).map((days) => days.sort((a, b) => a - b).map(day));

function isEnd(event: Event): event is EventOf<"enrollment.completed" | "enrollment.dropped" | "enrollment.refunded"> {
  return event.type === "enrollment.completed" || event.type === "enrollment.dropped" || event.type === "enrollment.refunded";
}

/** Ends that belong to enrollments, of their learners as a rule, some known before their beginning; and now and then an event of days ahead. */
const stories = fc.tuple(fc.noBias(randomStream(160)), fc.array(fc.nat(1_000), { minLength: 160, maxLength: 160 })).map(([events, draws]): StreamEvent[] => {
  const begun = events.flatMap(({ event }) => (event.type === "enrollment.created" ? [event] : []));
  return events.map((stream, i): StreamEvent => {
    const draw = draws[i]!;
    const { event } = stream;
    const own = begun[draw % Math.max(1, begun.length)];
    const event_time_ms = draw % 10 === 0 ? stream.event_time_ms + (draw % 40) * DAY_MS : stream.event_time_ms;
    if (!isEnd(event) || own === undefined) return { ...stream, event_time_ms };
    const learner_id = draw % 7 === 0 ? event.learner_id : own.learner_id;
    return { ...stream, event_time_ms, event: { ...event, enrollment_id: own.enrollment_id, learner_id } };
  });
});

interface Labelled {
  readonly ids: readonly string[];
  readonly labels: readonly Record<string, number>[];
  readonly erased: ReadonlySet<number>;
}

function labelled(events: readonly StreamEvent[], at_ms: readonly number[], gap_ms: number, horizon_ms: number): Labelled[] {
  const blocks: (readonly string[])[] = [];
  const replay = new LearnerReplay({ at_ms, gap_ms, horizon_ms, onBlock: ({ ids }) => blocks.push(ids) });
  for (const event of events) replay.apply(event);
  return blocks.map((ids, period) => {
    const values = replay.outcomes(period);
    return { ids, erased: replay.erased(period), labels: ids.map((_, row) => Object.fromEntries(learnerOutcomeNames.map((name, i) => [name, values[row * WIDTH + i]!]))) };
  });
}

describe("labels of learners", () => {
  test("are those that the raw events give, however late, early or out of order they became known", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(stories, cutOffs, fc.constantFrom(0, 1, 3), fc.constantFrom(1, 7, 30, 60), (events, at_ms, gap, horizon) => {
        const window = { gap_ms: gap * DAY_MS, horizon_ms: horizon * DAY_MS };
        for (const [period, { ids, labels, erased }] of labelled(events, at_ms, window.gap_ms, window.horizon_ms).entries()) {
          for (const [row, id] of ids.entries()) {
            // Nobody sees the row of who was erased since.
            if (erased.has(row)) continue;
            const expected = naiveOutcomes(events, id, { ...window, at_ms: at_ms[period]! } satisfies Window);
            expect(labels[row]).toEqual(expected);
            for (const [name, value] of Object.entries(expected)) if (value > 0) seen.add(name);
          }
        }
      }),
      { numRuns: 300, seed: 5 },
    );
    // The streams were such that every label happened.
    expect([...seen].toSorted()).toEqual([...learnerOutcomeNames].toSorted());
  });

  const made = (...told: readonly (readonly [days: number, event: Partial<Event>, known?: number])[]): StreamEvent[] =>
    told.map(([days, event, known = days], i) => ({ sequence: i + 1, broker_time_ms: day(known), event_time_ms: day(days), known_at_ms: day(known), event: { id: `e${i}`, time: formatTime(day(days)), ...event } as Event }));
  const course = (course_id: string, quality_tier: EventOf<"course.upserted">["quality_tier"]): Partial<Event> =>
    ({ type: "course.upserted", course_id, teacher_id: "T", category: "data", difficulty_level: "beginner", quality_tier, base_price: 50, launched_at: formatTime(START_MS) });
  const enrolled = (enrollment_id: string, course_id: string, price: number): Partial<Event> => ({ type: "enrollment.created", enrollment_id, course_id, learner_id: "L", price });
  const ended = (type: "enrollment.completed" | "enrollment.dropped", enrollment_id: string): Partial<Event> => ({ type, enrollment_id, course_id: "C1", learner_id: "L" });
  const only = (events: readonly StreamEvent[]): Record<string, number> => labelled(events, [day(10)], DAY_MS, 30 * DAY_MS)[0]!.labels[0]!;
  const later: readonly [number, Partial<Event>] = [100, { type: "learner.upserted", learner_id: "Z", registered_at: formatTime(START_MS) }];

  test("an upsell is dearer than all before or of a higher tier than all before; a first enrollment is none, and an unknown tier is not a lower one", () => {
    const catalogue = [[0, course("C1", "standard")], [0, course("C2", "elite")], [0, course("C0", "basic")]] as const;
    expect(only(made(...catalogue, [1, enrolled("E1", "C1", 100)], [20, enrolled("E2", "C0", 101)], later))).toMatchObject({ upsold_after_ms: 9 * DAY_MS });
    expect(only(made(...catalogue, [1, enrolled("E1", "C1", 100)], [20, enrolled("E2", "C2", 1)], later))).toMatchObject({ upsold_after_ms: 9 * DAY_MS });
    expect(only(made(...catalogue, [1, enrolled("E1", "C1", 100)], [20, enrolled("E2", "C0", 100)], later))).toMatchObject({ upsold_after_ms: 0, first_enrollment_after_ms: 9 * DAY_MS });
    expect(only(made(...catalogue, [1, { type: "exposure.viewed", course_id: "C1", learner_id: "L", price: 9 }], [20, enrolled("E2", "C2", 100)], later))).toMatchObject({ upsold_after_ms: 0 });
    expect(only(made([1, enrolled("E1", "C9", 100)], [2, course("C2", "elite")], [20, enrolled("E2", "C2", 90)], later))).toMatchObject({ upsold_after_ms: 0 });
    // Not known at the cut-off: the dearer one of day 5 is not what the later one is compared with.
    expect(only(made(...catalogue, [1, enrolled("E1", "C1", 100)], [20, enrolled("E2", "C1", 150)], [5, enrolled("E3", "C1", 200), 50], later))).toMatchObject({ upsold_after_ms: 9 * DAY_MS });
  });

  test("a completion is asked of the latest enrollment in progress, unless it ended before the window", () => {
    const begun = [[2, enrolled("E1", "C1", 10)], [5, enrolled("E2", "C1", 10)]] as const;
    expect(only(made(...begun, [15, ended("enrollment.completed", "E2")], later))).toMatchObject({ in_progress: 1, completed_after_ms: 4 * DAY_MS });
    expect(only(made(...begun, [15, ended("enrollment.completed", "E1")], later))).toMatchObject({ in_progress: 1, completed_after_ms: 0, completions: 1 });
    // Ended by the cut-off: the one before is asked about.
    expect(only(made(...begun, [9, ended("enrollment.dropped", "E2")], [15, ended("enrollment.completed", "E1")], later))).toMatchObject({ in_progress: 1, completed_after_ms: 4 * DAY_MS });
    // In the gap, and before the cut-off but known after it.
    expect(only(made(...begun, [10.5, ended("enrollment.completed", "E2")], later))).toMatchObject({ in_progress: 0, completed_after_ms: 0 });
    expect(only(made(...begun, [15, ended("enrollment.completed", "E2")], [9, ended("enrollment.dropped", "E2"), 20], later))).toMatchObject({ in_progress: 0, completed_after_ms: 0 });
    expect(only(made(...begun, [90, ended("enrollment.completed", "E2")], later))).toMatchObject({ in_progress: 1, completed_after_ms: 0 });
    // Older than 90 days.
    const old = made([2, enrolled("E1", "C1", 10)], [150, ended("enrollment.completed", "E1")]);
    expect(labelled(old, [day(91), day(93)], 0, 60 * DAY_MS).map(({ labels }) => labels[0]!["in_progress"])).toEqual([1, 0]);
  });
});

describe("trials of prices on learners", () => {
  const prices = [100, 110, 121];
  /** Two or three prices, so that what is seen is what is listed, and enough enrollments at once after a view. */
  const markets = fc.tuple(fc.noBias(randomStream(140)), fc.array(fc.nat(1_000), { minLength: 140, maxLength: 140 })).map(([events, draws]): StreamEvent[] => {
    let seen: EventOf<"exposure.viewed"> | undefined;
    return events.map((stream, i): StreamEvent => {
      const draw = draws[i]!;
      const price = prices[draw % 3]!;
      const { event } = stream;
      // Most are known at once: what is late is left out of trials.
      const event_time_ms = draw % 5 === 0 ? stream.event_time_ms : stream.broker_time_ms - (draw % 4) * 60_000;
      const told = { ...stream, event_time_ms };
      if (event.type === "exposure.viewed") {
        seen = { ...event, price, course_id: draw % 2 === 0 ? "C00001" : "C00002" };
        return { ...told, event: seen };
      }
      if (event.type === "enrollment.created") return { ...told, event: draw % 4 > 0 && seen !== undefined ? { ...event, price: seen.price, course_id: seen.course_id, learner_id: seen.learner_id } : { ...event, price } };
      if (event.type === "market.competitor_price" || event.type === "course.repriced" || event.type === "teacher.upserted") {
        const { id, time } = event;
        return { ...told, event: { id, time, type: "course.repriced", course_id: draw % 2 === 0 ? "C00001" : "C00002", price, ...(draw % 6 === 0 ? {} : { jitter: { base: 108, sigma: 0.1, probability: 0.01 } }) } };
      }
      if (event.type.startsWith("token.") && "amount" in event) return { ...told, event: { ...event, amount: draw } };
      return told;
    });
  });

  test("are those that the raw events give", () => {
    const seen = { trials: 0, enrolled: 0, affordable: 0 };
    fc.assert(
      fc.property(markets, cutOffs, (events, at_ms) => {
        const blocks: (readonly string[])[] = [];
        const replay = new LearnerReplay({ at_ms, gap_ms: 0, horizon_ms: DAY_MS, trials: { views_max: Number.POSITIVE_INFINITY }, onBlock: ({ ids }) => blocks.push(ids) });
        for (const event of events) replay.apply(event);
        const to_ms = Math.max(0, ...events.map(({ known_at_ms }) => known_at_ms));
        const { period, row, jitter, enrolled, affordable, expected } = replay.trials(to_ms);
        const found = [...period].map((own, i) => ({ period: own, learner_id: blocks[own]![row[i]!]!, enrolled: enrolled[i]!, affordable: affordable[i]! }));
        const naive = naiveTrials(events, at_ms, to_ms);
        expect(found).toEqual(naive.map(({ jitter: _j, expected: _e, ...rest }) => rest));
        for (const [i, trial] of naive.entries()) {
          expect(jitter[i]).toBeCloseTo(trial.jitter, 12);
          expect(expected[i]).toBeCloseTo(trial.expected, 9);
          seen.trials++;
          seen.enrolled += trial.enrolled;
          seen.affordable += trial.affordable;
        }
      }),
      { numRuns: 300, seed: 7 },
    );
    // Both answers of each came up.
    expect(Math.min(seen.enrolled, seen.trials - seen.enrolled, seen.affordable, seen.trials - seen.affordable)).toBeGreaterThan(20);
  });
});

test("who is known at a cut-off has a row, and nobody else", () => {
  fc.assert(
    fc.property(stories, cutOffs, (events, at_ms) => {
      for (const [period, { ids }] of labelled(events, at_ms, 0, DAY_MS).entries()) {
        const last = new Map<string, string>();
        for (const { event } of knownAt(events, at_ms[period]!)) if ("learner_id" in event) last.set(event.learner_id, event.type);
        expect(ids).toEqual([...last].flatMap(([id, type]) => (type === "learner.erased" ? [] : [id])).toSorted());
      }
    }),
    { numRuns: 60, seed: 9 },
  );
});
