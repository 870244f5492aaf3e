import { expect, test } from "vitest";
import { type EventType, type StreamEvent, eventSchemas, eventTypes } from "../contracts/events.ts";
import { hexHash } from "../lib/hash128.ts";
import { Prng } from "../lib/prng.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, formatTime } from "../lib/time.ts";
import { layoutIdentity } from "./feature-set.ts";
import { FeatureWriter } from "./feature-writer.ts";
import { MemoryStore } from "./memory-store.ts";

/**
 * What the fold stores of one fixed stream, and the layout that says so. Stores of one layout must hold the same bytes, whatever version, engine
 * or machine folded them: a store goes on where an older version left it, and replicas of two versions run side by side.
 */
const pinned = { layout: "6-d8cdd18d", bytes: "9bfbf99a471b972e697878396d7d9ce8" };

const START_MS = Date.UTC(2026, 0, 1);

/** Every type and every field, some of them late, some again. */
function fixedStream(): StreamEvent[] {
  const random = new Prng("fold revision");
  const pick = <T>(list: readonly T[]): T => list[random.integer(list.length)]!;
  const maybe = <T>(value: T): T | undefined => (random.integer(3) === 0 ? undefined : value);
  const all: readonly EventType[] = eventTypes.filter((type) => type !== "learner.erased");
  return Array.from({ length: 3_000 }, (_, i) => {
    const broker_time_ms = START_MS + i * HOUR_MS;
    const late_ms = random.integer(10) === 0 ? random.integer(120) * DAY_MS : random.integer(90) * MINUTE_MS;
    const event_time_ms = broker_time_ms - late_ms;
    const type = i % 500 === 499 ? "learner.erased" : pick(all);
    const activity = type.startsWith("activity.") || type.startsWith("market.") || type.startsWith("token.");
    const course_id = `C${random.integer(40)}`;
    // More fields than any type has: its schema leaves the others out.
    const fields = {
      course_id: activity ? maybe(course_id) : course_id,
      learner_id: `L${random.integer(12)}`,
      teacher_id: `T${random.integer(3)}`,
      enrollment_id: `E${i - random.integer(3)}`,
      category: pick(["data", "design", "music"]),
      price: random.integer(3) === 0 ? pick([100, 110]) : 1 + random.integer(300),
      jitter: maybe({ base: 104.5, sigma: 0.1, probability: 0.05 }),
      amount: random.integer(500),
      base_price: 1 + random.integer(300),
      launched_at: formatTime(broker_time_ms - random.integer(300) * DAY_MS),
      registered_at: formatTime(broker_time_ms - random.integer(300) * DAY_MS),
      attributes: maybe({ device: pick(["desktop", "mobile", "watch"]), goal: pick(["career", "hobby"]), employer_paid: random.integer(2) === 1, colour: "green" }),
      difficulty_level: pick(["beginner", "intermediate", "advanced", "expert"]),
      quality_tier: pick(["basic", "standard", "premium", "elite"]),
      title: pick(["One", "Two"]),
      minutes: maybe(random.integer(900) / 10),
      submitted: maybe(random.integer(2) === 1),
      score: maybe(random.integer(5) / 4),
      rating: 1 + random.integer(9) / 2,
      quality_score: maybe(random.integer(11) / 10),
      min_price: maybe(random.integer(50)),
      max_price: maybe(200 + random.integer(50)),
      quote_id: i % 3 === 0 ? `q_${i % 40}` : undefined,
    };
    const event = eventSchemas[type].parse({ id: `e${random.integer(50) === 0 ? i - 1 : i}`, type, time: formatTime(event_time_ms), ...fields });
    return { sequence: i + 1, broker_time_ms, event_time_ms, known_at_ms: broker_time_ms, event };
  });
}

test("the fold stores what its layout says: whoever changes the one raises FOLD_REVISION, then pins both here", () => {
  const store = new MemoryStore();
  const writer = new FeatureWriter(store);
  const stream = fixedStream();
  for (const event of stream) writer.apply(event);
  writer.commit({ stream_created: "s", sequence: stream.length, message_hash: "" });
  const { duplicates, late, unenrolled, uncategorised } = writer.counters;
  for (const count of [duplicates, late, unenrolled, uncategorised]) expect(count).toBeGreaterThan(10);
  const text = [...store.dump()].filter(({ key }) => key !== "layout").map(({ database, key, value }) => `${database} ${key} ${Buffer.from(value).toString("hex")}`);
  expect({ layout: layoutIdentity, bytes: hexHash(new TextEncoder().encode(text.join("\n"))) }).toEqual(pinned);
});
