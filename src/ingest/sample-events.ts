import type { Event } from "../contracts/events.ts";
import { eventSubject } from "../contracts/subjects.ts";
import { Prng } from "../lib/prng.ts";
import { DAY_MS, formatTime, SECOND_MS } from "../lib/time.ts";

export interface SampleEvent {
  readonly id: string;
  readonly subject: string;
  readonly data: Uint8Array;
}

const CATEGORIES = ["data", "design", "music"];
const LEARNERS = 500;
const DIFFICULTIES = ["beginner", "intermediate", "advanced", "expert"] as const;
const TIERS = ["basic", "standard", "premium", "elite"] as const;

/** Seeded, valid live events for tests: a catalogue first, then mostly exposures with some of everything else. */
export function sampleEvents(seed: string, count: number, end_ms: number): SampleEvent[] {
  const random = new Prng(seed);
  const encoder = new TextEncoder();
  const courses = Math.max(1, Math.min(60, count >> 2));
  return Array.from({ length: count }, (_, index) => {
    const time_ms = end_ms - (count - index) * SECOND_MS;
    const envelope = { id: `${seed}-${index}`, time: formatTime(time_ms) };
    const event = index < courses ? course(envelope, index, random, time_ms) : activity(envelope, courses, random);
    return { id: event.id, subject: eventSubject(event), data: encoder.encode(JSON.stringify(event)) };
  });
}

function course(envelope: { id: string; time: string }, index: number, random: Prng, time_ms: number): Event {
  return {
    ...envelope,
    type: "course.upserted",
    course_id: `c${index}`,
    teacher_id: `t${index % 7}`,
    category: CATEGORIES[index % CATEGORIES.length] ?? "data",
    difficulty_level: DIFFICULTIES[random.integer(4)] ?? "beginner",
    quality_tier: TIERS[random.integer(4)] ?? "basic",
    base_price: 50 + random.integer(400),
    launched_at: formatTime(time_ms - random.integer(300) * DAY_MS),
    title: `Course ${index} – introducción`,
  };
}

function activity(envelope: { id: string; time: string }, courses: number, random: Prng): Event {
  const course_id = `c${random.integer(courses)}`;
  const learner_id = `l${random.integer(LEARNERS)}`;
  const price = 40 + random.integer(450);
  const draw = random.integer(100);
  if (draw < 70) return { ...envelope, type: "exposure.viewed", course_id, learner_id, price };
  if (draw < 78) return { ...envelope, type: "enrollment.created", enrollment_id: `e-${envelope.id}`, course_id, learner_id, price };
  if (draw < 80) return { ...envelope, type: "enrollment.completed", enrollment_id: `e-${envelope.id}`, course_id, learner_id };
  if (draw < 81) return { ...envelope, type: "enrollment.refunded", enrollment_id: `e-${envelope.id}`, course_id, learner_id };
  if (draw < 84) return { ...envelope, type: "token.purchased", learner_id, amount: price * 3 };
  if (draw < 90) return { ...envelope, type: "token.spent", learner_id, amount: price, course_id };
  if (draw < 94) return { ...envelope, type: "activity.session", learner_id, course_id, minutes: random.uniform() * 90 };
  if (draw < 96) return { ...envelope, type: "activity.rating", learner_id, course_id, rating: 1 + random.integer(5) };
  if (draw < 98) return { ...envelope, type: "course.repriced", course_id, price, jitter: { base: price + 0.3, sigma: 0.1, probability: 0.02 } };
  return { ...envelope, type: "market.competitor_price", category: CATEGORIES[random.integer(CATEGORIES.length)] ?? "data", price };
}
