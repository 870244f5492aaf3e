import type { Event, StreamEvent } from "../../contracts/events.ts";
import { Prng } from "../../lib/prng.ts";
import { DAY_MS, formatTime, HOUR_MS } from "../../lib/time.ts";
import type { StreamRange } from "../stream-range.ts";

export const START_MS = Date.UTC(2026, 0, 1);

/** A range of events at hand that ends after so many days. */
export function rangeOf(events: readonly StreamEvent[], days: number): StreamRange {
  return { stream_created: "memory", first_sequence: 1, last_sequence: events.length, from_ms: START_MS, to_ms: START_MS + days * DAY_MS };
}

export interface LearnersOptions {
  readonly learners: number;
  readonly days: number;
  readonly seed: string;
}

/**
 * Learners who differ in how often they come and buy, at prices of which a part is random: enough of everything that a dataset asks about, and nothing else.
 */
export function learnerStories({ learners, days, seed }: LearnersOptions): StreamEvent[] {
  const random = new Prng(`stories ${seed}`);
  const told: { known_at_ms: number; time_ms: number; event: Omit<Event, "id" | "time"> }[] = [];
  const tell = (day: number, event: Record<string, unknown>, late_ms = 0): void => {
    const time_ms = START_MS + Math.floor(day * DAY_MS);
    told.push({ time_ms, known_at_ms: time_ms + late_ms, event: event as Omit<Event, "id" | "time"> });
  };
  const courses = ["basic", "standard", "premium", "elite"].map((quality_tier, i) => ({ course_id: `C${i}`, quality_tier, base: 60 + 30 * i, prices: [] as number[] }));
  for (const { course_id, quality_tier, base, prices } of courses) {
    tell(0, { type: "course.upserted", course_id, teacher_id: "T", category: "data", difficulty_level: "beginner", quality_tier, base_price: base, launched_at: formatTime(START_MS) });
    for (let week = 0; week * 7 < days; week++) {
      const price = Math.max(1, Math.round(base * Math.exp(0.1 * random.normal())));
      prices.push(price);
      tell(week * 7, { type: "course.repriced", course_id, price, jitter: { base, sigma: 0.1, probability: 0.05 } });
    }
  }
  for (let i = 0; i < learners; i++) {
    const learner_id = `L${String(i).padStart(4, "0")}`;
    const pace = Math.exp(random.normal()) / 12;
    const keen = random.uniform() * 0.3;
    const from = random.uniform() < 0.7 ? 0.1 : random.uniform() * days * 0.8;
    const leaves = random.uniform() < 0.3 ? random.uniform() * days : days;
    tell(from, { type: "learner.upserted", learner_id, registered_at: formatTime(START_MS) });
    tell(from, { type: "token.purchased", learner_id, amount: 100 * random.integer(6) });
    let enrollments = 0;
    for (let day = from + random.exponential(pace); day < Math.min(days, leaves) - 0.01; day += random.exponential(pace)) {
      const { course_id, prices } = courses[random.integer(courses.length)]!;
      const price = prices[Math.floor(day / 7)]!;
      tell(day, { type: "exposure.viewed", course_id, learner_id, price }, random.uniform() < 0.05 ? 5 * HOUR_MS : 0);
      if (random.uniform() > keen) continue;
      const enrollment_id = `${learner_id}-${enrollments++}`;
      tell(day + 1e-4, { type: "enrollment.created", enrollment_id, course_id, learner_id, price });
      tell(day + 1e-4, { type: "token.spent", learner_id, amount: price });
      const end = day + 5 + 40 * random.uniform();
      tell(Math.min(days - 0.01, day + 2), { type: "activity.session", learner_id, course_id, minutes: 30 });
      if (end < days && random.uniform() < 0.7) tell(end, { type: random.uniform() < 0.6 ? "enrollment.completed" : "enrollment.dropped", enrollment_id, course_id, learner_id });
    }
  }
  told.sort((a, b) => a.known_at_ms - b.known_at_ms);
  return told.map(({ time_ms, known_at_ms, event }, i): StreamEvent => ({ sequence: i + 1, broker_time_ms: START_MS + days * DAY_MS, event_time_ms: time_ms, known_at_ms, event: { id: `e${i}`, time: formatTime(time_ms), ...event } as Event }));
}
