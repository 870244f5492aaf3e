import { expect, test } from "vitest";
import type { Event } from "../src/contracts/events.ts";
import { FeatureWriter } from "../src/features/feature-writer.ts";
import { MemoryStore } from "../src/features/memory-store.ts";
import { parseTime } from "../src/lib/time.ts";
import { sampleTraffic } from "../src/simulator/traffic.ts";
import { smallPlatform } from "../src/simulator/test-platform.ts";
import { createWorld } from "../src/simulator/world.ts";
import { AcknowledgedEvents } from "./acknowledged.ts";

const { end_ms } = smallPlatform();
const traffic = sampleTraffic(createWorld(smallPlatform()), { seed: 1, start_ms: end_ms, rate_per_s: 100 });
const events = Array.from({ length: 4_000 }, () => traffic.next().value);
const acknowledged = new AcknowledgedEvents();
for (const event of events) acknowledged.add(event);

/** Each folded as often as it is given. */
function difference(folded: readonly Event[]): { lost: number; duplicated: number } {
  const store = new MemoryStore();
  const writer = new FeatureWriter(store);
  folded.forEach((event, i) => {
    const event_time_ms = parseTime(event.time);
    writer.fold({ sequence: i + 1, broker_time_ms: event_time_ms, event_time_ms, known_at_ms: event_time_ms, event });
  });
  writer.commit({ stream_created: "s", sequence: folded.length, message_hash: "" });
  return acknowledged.difference(store, end_ms);
}

test("of what a fold makes of all events nothing is missing and nothing too much", () => {
  expect(acknowledged.total).toBe(4_000);
  expect(difference(events)).toEqual({ lost: 0, duplicated: 0 });
});

test("an event that is lost shows, and one that is folded twice, of every kind, also both at once", () => {
  const kinds = [...new Set(events.map(({ type }) => type))].filter((type) => type !== "course.repriced");
  expect(kinds.length).toBeGreaterThan(8);
  for (const kind of kinds) {
    const of = events.filter(({ type }) => type === kind);
    const lost = of[0]!;
    const learner = (event: Event): string | undefined => ("learner_id" in event ? event.learner_id : undefined);
    const twice = of.find((event) => learner(event) !== learner(lost))!;
    const seen = difference([...events.filter((event) => event !== lost), twice]);
    expect([kind, seen.lost > 0, seen.duplicated > 0]).toEqual([kind, true, true]);
  }
});
