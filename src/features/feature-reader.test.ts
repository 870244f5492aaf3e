import { beforeEach, describe, expect, test } from "vitest";
import type { Event, EventOf } from "../contracts/events.ts";
import { DAY_MS, formatTime } from "../lib/time.ts";
import { courseFeatureIndex, courseFeatureNames } from "./course-view.ts";
import { type CourseView, FeatureReader } from "./feature-reader.ts";
import { FeatureWriter } from "./feature-writer.ts";
import { featureDefinitions } from "./feature-set.ts";
import { MemoryStore } from "./memory-store.ts";

const NOW_MS = Date.UTC(2026, 5, 1);
const feature = (view: CourseView | undefined, name: string): number | undefined => view?.features[courseFeatureIndex(name)];

let store = new MemoryStore();
let writer = new FeatureWriter(store);
let sequence = 0;

function add(event: Omit<Event, "id" | "time">, time_ms = NOW_MS - DAY_MS): void {
  sequence++;
  // What is left out is put back here; the types of the rest are the caller's.
  const full = { id: `e${sequence}`, time: formatTime(time_ms), ...event } as Event;
  writer.apply({ sequence, broker_time_ms: time_ms, event_time_ms: time_ms, known_at_ms: time_ms, event: full });
  writer.commit({ stream_created: "s", sequence, message_hash: "" });
}

const upserted = (course_id: string, category: string, base_price: number): Omit<EventOf<"course.upserted">, "id" | "time"> => ({
  type: "course.upserted",
  course_id,
  teacher_id: "T1",
  category,
  difficulty_level: "advanced",
  quality_tier: "elite",
  base_price,
  launched_at: formatTime(NOW_MS - 10 * DAY_MS),
});
const viewed = (course_id: string, price: number): Omit<EventOf<"exposure.viewed">, "id" | "time"> => ({ type: "exposure.viewed", course_id, learner_id: "L1", price });

beforeEach(() => {
  store = new MemoryStore();
  writer = new FeatureWriter(store);
  sequence = 0;
});

describe("a reader that has read before", () => {
  test("says what a new one says, whatever was read and folded in between", () => {
    add(upserted("C1", "data", 100));
    add(upserted("C2", "data", 50));
    const reader = new FeatureReader(store);
    const questions: ((of: FeatureReader) => unknown)[] = ["C1", "C2", "C9"].flatMap((course_id) => [
      (of: FeatureReader) => of.course(course_id, NOW_MS),
      (of: FeatureReader) => of.listPrice(course_id),
      (of: FeatureReader) => of.courseFingerprint(course_id),
    ]);
    questions.push((of) => of.coldStart(of.category("data")!, { base_price: 70 }, NOW_MS));
    const changes = [() => undefined, () => add(viewed("C1", 100)), () => add({ type: "course.repriced", course_id: "C1", price: 90 + sequence } as Omit<EventOf<"course.repriced">, "id" | "time">)];
    for (const first of questions) {
      for (const second of questions) {
        for (const change of changes) {
          first(reader);
          change();
          expect(second(reader)).toEqual(second(new FeatureReader(store)));
        }
      }
    }
  });
});

describe("a course view", () => {
  test("reads the current category unless it is given a snapshot of it", () => {
    add(upserted("C1", "data", 100));
    add(upserted("C2", "data", 50));
    const reader = new FeatureReader(store);
    const before = reader.category("data")!;
    add(upserted("C3", "data", 250));
    add(upserted("M1", "music", 7));
    expect(feature(reader.course("C1", NOW_MS), "category_price_loo_tokens")).toBe(150);
    expect(feature(reader.course("C1", NOW_MS, (category) => (category === "data" ? before : undefined)), "category_price_loo_tokens")).toBe(50);
    expect(feature(reader.course("C1", NOW_MS), "category_price_loo_tokens")).toBe(150);
    expect(feature(reader.course("M1", NOW_MS, () => undefined), "category_price_loo_tokens")).toBe(0);
    expect(reader.course("M1", NOW_MS)?.category).toBe("music");
  });

  test("follows the category's windows as time passes", () => {
    add(upserted("C1", "data", 100));
    add(viewed("C1", 100));
    const reader = new FeatureReader(store);
    expect(feature(reader.course("C1", NOW_MS), "category_exposures_30d")).toBe(1);
    expect(feature(reader.course("C1", NOW_MS + 40 * DAY_MS), "category_exposures_30d")).toBe(0);
    expect(feature(reader.course("C1", NOW_MS), "category_exposures_30d")).toBe(1);
  });

  test("belongs to its caller: a later read does not change it", () => {
    add(upserted("C1", "data", 100));
    add(viewed("C1", 100));
    add(upserted("C2", "data", 50));
    const reader = new FeatureReader(store);
    const view = reader.course("C1", NOW_MS)!;
    const copy = structuredClone({ features: view.features, cells: view.cells });
    reader.course("C2", NOW_MS + DAY_MS);
    reader.category("data");
    expect({ features: view.features, cells: view.cells }).toEqual(copy);
  });

  test("of a course that was only ever seen has the price that was seen and no category", () => {
    add(viewed("C1", 70));
    add(viewed("C0", 0));
    const reader = new FeatureReader(store);
    const view = reader.course("C1", NOW_MS);
    expect(view?.category).toBe("");
    expect(feature(view, "price_tokens")).toBe(70);
    expect(reader.course("C0", NOW_MS)).toBeUndefined();
    expect(reader.course("C9", NOW_MS)).toBeUndefined();
  });

  test("takes a competitor's price for the course before one for the category", () => {
    add(upserted("C1", "data", 100));
    add(upserted("C2", "data", 100));
    add({ type: "market.competitor_price", category: "data", price: 90 } as Omit<Event, "id" | "time">);
    add({ type: "market.competitor_price", category: "data", price: 80, course_id: "C1" } as Omit<Event, "id" | "time">);
    const reader = new FeatureReader(store);
    expect(feature(reader.course("C1", NOW_MS), "competitor_price_tokens")).toBe(80);
    expect(feature(reader.course("C2", NOW_MS), "competitor_price_tokens")).toBe(90);
  });
});

test("a cold start looks as if the course had just joined its category", () => {
  add(upserted("C1", "data", 100));
  add(upserted("C2", "data", 50));
  const reader = new FeatureReader(store);
  const cold = reader.coldStart(reader.category("data")!, { base_price: 60, difficulty_level: "advanced", quality_tier: "elite" }, NOW_MS);
  add({ ...upserted("C3", "data", 60), launched_at: formatTime(NOW_MS) } as Omit<Event, "id" | "time">);
  expect([...cold.features]).toEqual([...reader.course("C3", NOW_MS)!.features]);
  expect(cold).toMatchObject({ course_id: "", category: "data", sequence: 0, now_ms: NOW_MS });
  expect(cold.cells).toHaveLength(0);
});

test("every feature is defined once, described, and personal exactly for learners", () => {
  for (const [entity, definitions] of Object.entries(featureDefinitions)) {
    expect(new Set(definitions.map((definition) => definition.name)).size).toBe(definitions.length);
    for (const definition of definitions) {
      expect(definition.entity).toBe(entity);
      expect(definition.personal).toBe(entity.startsWith("learner"));
      expect(definition.description.length).toBeGreaterThan(5);
    }
  }
});

test("the course vector has the order that models were trained on", () => {
  expect(courseFeatureNames.join(" ")).toBe(
    "price_tokens reference_price_tokens base_price_tokens category_price_loo_tokens competitor_price_tokens days_since_launch difficulty_level quality_tier " +
      "exposures_1h exposures_24h exposures_7d exposures_30d exposures_90d enrollments_1h enrollments_24h enrollments_7d enrollments_30d enrollments_90d " +
      "refunds_90d completions_90d rating_mean ratings conversion_30d conversion_90d enrollments_per_day " +
      "category_exposures_30d category_enrollments_30d category_conversion_30d category_conversion_90d category_courses " +
      "completion_rate refund_rate drop_rate revenue_7d_tokens revenue_30d_tokens revenue_90d_tokens quality_score price_over_category price_over_competitor " +
      "days_since_repriced category_hour_lift category_weekday_lift",
  );
  expect(() => courseFeatureIndex("no_such_feature")).toThrow(/no_such_feature/);
});

describe("the fingerprint of a course", () => {
  const about = { course_id: "C1", learner_id: "L1" };
  const decisive: readonly Omit<Event, "id" | "time">[] = [
    { type: "enrollment.created", enrollment_id: "E2", price: 100, ...about } as Omit<Event, "id" | "time">,
    { type: "enrollment.completed", enrollment_id: "E1", ...about } as Omit<Event, "id" | "time">,
    { type: "enrollment.dropped", enrollment_id: "E1", ...about } as Omit<Event, "id" | "time">,
    { type: "enrollment.refunded", enrollment_id: "E1", ...about } as Omit<Event, "id" | "time">,
    { type: "activity.rating", rating: 4, ...about } as Omit<Event, "id" | "time">,
    { type: "course.repriced", course_id: "C1", price: 101 } as Omit<Event, "id" | "time">,
    { type: "market.competitor_price", category: "data", course_id: "C1", price: 90 } as Omit<Event, "id" | "time">,
    upserted("C1", "music", 100),
    upserted("C1", "data", 99),
  ];

  test("is the same whatever views come, at whatever price and time, and another after anything else", () => {
    add(upserted("C1", "data", 100));
    add({ type: "enrollment.created", enrollment_id: "E1", price: 100, ...about } as Omit<Event, "id" | "time">);
    const reader = new FeatureReader(store);
    const seen = new Set([reader.courseFingerprint("C1")]);
    for (const [i, event] of decisive.entries()) {
      for (const [price, days] of [[100, 1], [0, 1], [250, 40], [i, 0]] as const) add(viewed("C1", price), NOW_MS - days * DAY_MS);
      expect(seen.has(reader.courseFingerprint("C1")), "after views").toBe(true);
      add(event);
      expect(seen.has(reader.courseFingerprint("C1")), event.type).toBe(false);
      seen.add(reader.courseFingerprint("C1"));
    }
    expect(reader.courseFingerprint("C9")).toBeUndefined();
  });
});
