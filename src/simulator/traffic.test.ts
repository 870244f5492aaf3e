import { describe, expect, test } from "vitest";
import { eventSchemas, type Event } from "../contracts/events.ts";
import { must } from "../lib/assert.ts";
import { parseTime } from "../lib/time.ts";
import { smallPlatform } from "./test-platform.ts";
import { sampleTraffic } from "./traffic.ts";
import { createWorld } from "./world.ts";

const world = createWorld(smallPlatform({ learners: 2_000, courses: 300 }));
const start_ms = world.config.end_ms + 1_000;

function take(seed: number, count: number): Event[] {
  const traffic = sampleTraffic(world, { seed, start_ms, rate_per_s: 500 });
  return Array.from({ length: count }, () => must(traffic.next().value, "endless"));
}

describe("sampled traffic", () => {
  const events = take(1, 20_000);

  test("is the simulator's mix at the given rate, in time order from the given start", () => {
    const views = events.filter((event) => event.type === "exposure.viewed").length;
    expect(views / events.length).toBeGreaterThan(0.62);
    expect(views / events.length).toBeLessThan(0.68);
    const times = events.map((event) => parseTime(event.time));
    expect(times[0]).toBe(start_ms);
    expect(times.every((time, i) => i === 0 || time >= times[i - 1]!)).toBe(true);
    const rate_per_s = events.length / ((times[times.length - 1]! - start_ms) / 1000);
    expect(rate_per_s).toBeGreaterThan(460);
    expect(rate_per_s).toBeLessThan(540);
    const conversion = events.filter((event) => event.type === "enrollment.created").length / views;
    expect(conversion).toBeGreaterThan(0.05);
    expect(conversion).toBeLessThan(0.12);
  });

  test("holds valid events with unique ids", () => {
    expect(new Set(events.map((event) => event.id)).size).toBe(events.length);
    expect(events.filter((event) => !eventSchemas[event.type].safeParse(event).success)).toEqual([]);
    const enrollments = events.filter((event) => event.type === "enrollment.created").map((event) => event.enrollment_id);
    expect(new Set(enrollments).size).toBe(enrollments.length);
  });

  test("is the same for the same seed, and shares no id with another", () => {
    expect(take(1, 3_000)).toEqual(events.slice(0, 3_000));
    const ids = new Set(events.map((event) => event.id));
    expect(take(2, 3_000).some((event) => ids.has(event.id))).toBe(false);
  });

  test("never spends what a learner does not have, starting from the end of the history", () => {
    const balance = world.end.balance.slice();
    const lowest = events.reduce((low, event) => {
      if (!("amount" in event)) return low;
      const learner = Number(event.learner_id.slice(1));
      balance[learner]! += event.type === "token.spent" ? -event.amount : event.amount;
      return Math.min(low, balance[learner]!);
    }, 0);
    expect(lowest).toBe(0);
  });
});
