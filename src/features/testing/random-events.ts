import * as fc from "fast-check";
import type { Event, StreamEvent } from "../../contracts/events.ts";
import { DAY_MS, HOUR_MS, formatTime } from "../../lib/time.ts";

const START_MS = Date.UTC(2026, 0, 1);
export const STREAM_SPAN_MS = 200 * DAY_MS;
/** After every random event. */
export const STREAM_END_MS = START_MS + STREAM_SPAN_MS;

const course_id = fc.constantFrom("C00001", "C00002", "C00003", "C00004");
/** Some said, some not, some that no feature has. */
const attributes = fc.option(
  fc.record({ device: fc.constantFrom("desktop", "tablet", "watch"), goal: fc.constantFrom("career", "hobby"), employer_paid: fc.boolean(), colour: fc.constant("green") }, { requiredKeys: [] }),
  { nil: undefined },
);
const learner_id = fc.constantFrom("L1", "L2", "L3");
const category = fc.constantFrom("data", "design", "music");
const price = fc.oneof(fc.integer({ min: 1, max: 500 }), fc.constantFrom(0, 1, 100, 100, 110, 1_000_000_000));
const paid = fc.oneof(fc.integer({ min: 1, max: 500 }), fc.constantFrom(1, 100));
const amount = fc.integer({ min: 0, max: 1_000_000_000 });
const time = fc.integer({ min: 0, max: STREAM_SPAN_MS }).map((offset) => formatTime(START_MS + offset));
/** Of the price 100 likely enough, of others hardly. */
const jitter = fc.record({ base: fc.constantFrom(88, 95.5, 100, 112), sigma: fc.constantFrom(0.02, 0.1), probability: fc.constant(0.05) });
const optionalCourse = fc.option(course_id, { nil: undefined });

type Body = Event extends infer E ? (E extends Event ? Omit<E, "id" | "time"> : never) : never;

const viewed: fc.Arbitrary<Body> = fc.record({ type: fc.constant("exposure.viewed" as const), course_id, learner_id, price });
const enrolled: fc.Arbitrary<Body> = fc.record({ type: fc.constant("enrollment.created" as const), enrollment_id: fc.constant("E1"), course_id, learner_id, price });

const body: fc.Arbitrary<Body> = fc.oneof(
  { weight: 6, arbitrary: viewed },
  { weight: 3, arbitrary: enrolled },
  fc.record({
    type: fc.constant("course.upserted" as const),
    course_id,
    teacher_id: fc.constantFrom("T1", "T2"),
    category,
    difficulty_level: fc.constantFrom("beginner" as const, "advanced" as const),
    quality_tier: fc.constantFrom("basic" as const, "elite" as const),
    base_price: paid,
    launched_at: time,
    title: fc.constantFrom("One", "Two"),
  }),
  { weight: 2, arbitrary: fc.record({ type: fc.constant("course.repriced" as const), course_id, price: paid, jitter }, { requiredKeys: ["type", "course_id", "price"] }) },
  fc.record({ type: fc.constantFrom("enrollment.completed" as const, "enrollment.refunded" as const, "enrollment.dropped" as const), enrollment_id: fc.constant("E1"), course_id, learner_id }),
  fc.record({ type: fc.constantFrom("token.purchased" as const, "token.earned" as const, "token.spent" as const, "token.refunded" as const, "token.expired" as const), learner_id, amount, course_id: optionalCourse }),
  { weight: 3, arbitrary: fc.record({ type: fc.constant("activity.session" as const), learner_id, course_id: optionalCourse, minutes: fc.option(fc.oneof(fc.integer({ min: 0, max: 1_440 }), fc.constantFrom(0.1, 12.5)), { nil: undefined }) }) },
  fc.record({ type: fc.constant("activity.assignment" as const), learner_id, course_id: optionalCourse, submitted: fc.option(fc.boolean(), { nil: undefined }), score: fc.option(fc.constantFrom(0, 0.25, 1), { nil: undefined }) }),
  fc.record({ type: fc.constant("activity.forum" as const), learner_id, course_id: optionalCourse }),
  fc.record({ type: fc.constant("activity.rating" as const), learner_id, course_id: optionalCourse, rating: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ type: fc.constant("market.competitor_price" as const), category, price: paid, course_id: optionalCourse }),
  fc.record({ type: fc.constant("learner.upserted" as const), learner_id, registered_at: time, attributes }),
  fc.record({ type: fc.constant("learner.erased" as const), learner_id }),
  fc.record({ type: fc.constant("teacher.upserted" as const), teacher_id: fc.constantFrom("T1", "T2"), quality_score: fc.option(fc.constantFrom(0, 0.3, 1), { nil: undefined }), min_price: fc.option(amount, { nil: undefined }), max_price: fc.option(amount, { nil: undefined }) }),
);

/** Mostly in order of time, with hours, weeks or months of lateness mixed in, and equal times. */
const lateness_ms = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  fc.integer({ min: 0, max: 2 * HOUR_MS }),
  fc.integer({ min: 0, max: 40 * HOUR_MS }),
  fc.integer({ min: 0, max: 120 * DAY_MS }),
);
const step_ms = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: HOUR_MS }), fc.integer({ min: 0, max: 3 * DAY_MS }));

/** A stream of events as ingest would pass them on: sequences ascend with holes, times do not ascend. */
export function randomStream(length_max: number): fc.Arbitrary<StreamEvent[]> {
  return fc.array(fc.record({ body, lateness_ms, step_ms, skipped: fc.integer({ min: 0, max: 3 }) }), { maxLength: length_max, size: "max" }).map((items) => {
    let broker_time_ms = START_MS;
    let sequence = 0;
    return items.map((item) => {
      broker_time_ms = Math.min(STREAM_END_MS, broker_time_ms + item.step_ms);
      sequence += 1 + item.skipped;
      const event_time_ms = broker_time_ms - item.lateness_ms;
      const event: Event = { id: `e${sequence}`, time: formatTime(event_time_ms), ...item.body };
      if (event.type === "enrollment.created") event.enrollment_id = `E${sequence}`;
      return { sequence, broker_time_ms, event_time_ms, known_at_ms: broker_time_ms, event };
    });
  });
}
