import type { Event } from "../contracts/events.ts";
import { eventSubject } from "../contracts/subjects.ts";
import type { Broker } from "../ingest/nats.ts";
import { Prng } from "../lib/prng.ts";
import { DAY_MS, formatTime, HOUR_MS } from "../lib/time.ts";

export const START_MS = Date.UTC(2026, 0, 1);
/** True elasticity of the test platform. */
export const ELASTICITY = -1.6;
const WEEKS = 24;
const COURSES = 40;

/** A platform of views and sales whose courses convert differently and whose weekly prices carry random jitter. */
export function* testHistory(): Generator<Event> {
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

/** The test platform's history, and one dead letter. */
export async function publishTestHistory(broker: Broker): Promise<void> {
  const bulk = broker.bulkPublisher({ window: 500 });
  for (const event of testHistory()) await bulk.publish(eventSubject(event, "backfill"), new TextEncoder().encode(JSON.stringify(event)), event.id);
  await broker.publish("backfill.course.c1", new TextEncoder().encode("not json"));
  await bulk.flush();
}
