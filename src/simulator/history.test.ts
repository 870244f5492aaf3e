import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { eventSchemas, type Event } from "../contracts/events.ts";
import { must } from "../lib/assert.ts";
import { HOUR_MS, parseTime } from "../lib/time.ts";
import { generateHistory } from "./history.ts";
import { smallPlatform } from "./test-platform.ts";
import { createWorld, type World } from "./world.ts";

function digest(world: World, events_max: number): string {
  const hash = createHash("sha256");
  let count = 0;
  for (const event of generateHistory(world)) {
    hash.update(JSON.stringify(event));
    if (++count === events_max) break;
  }
  return hash.digest("hex");
}

const knownAt = (event: Event): number => parseTime(event.known_at ?? event.time);

const world = createWorld(smallPlatform());
const events = [...generateHistory(world)];

describe("the history", () => {
  test("is a function of its config", () => {
    const again = createWorld(smallPlatform());
    expect(digest(again, 20_000)).toBe(digest(world, 20_000));
    expect(digest(createWorld(smallPlatform(), world.calibration), 20_000)).toBe(digest(world, 20_000));
    expect(digest(createWorld(smallPlatform({ seed: 8 })), 20_000)).not.toBe(digest(world, 20_000));
  });

  test("has the size and conversion that were asked for", () => {
    const count = (type: Event["type"]): number => events.filter((event) => event.type === type).length;
    const enrollments = count("enrollment.created");
    expect(Math.abs(enrollments / 2_500 - 1)).toBeLessThan(0.03);
    expect(Math.abs(enrollments / count("exposure.viewed") / world.config.conversion - 1)).toBeLessThan(0.05);
    expect(events.length).toBe(world.totals.events);
    expect(count("learner.upserted")).toBe(500);
    expect(count("course.upserted")).toBe(100);
    expect(count("token.spent")).toBe(enrollments);
  });

  test("holds valid events with unique ids in the order in which they became known, all before its end", () => {
    const invalid = events.filter((event) => {
      const parsed = eventSchemas[event.type].safeParse(event);
      // Equal lengths: no field that the schema would drop.
      return !parsed.success || JSON.stringify(parsed.data).length !== JSON.stringify(event).length;
    });
    expect(invalid).toEqual([]);
    const disordered = events.filter((event, i) => {
      const known_ms = knownAt(event);
      const before_ms = i === 0 ? world.start_ms : knownAt(must(events[i - 1], "event"));
      return known_ms < before_ms || parseTime(event.time) > known_ms || known_ms > world.config.end_ms;
    });
    expect(disordered).toEqual([]);
    expect(new Set(events.map((event) => event.id)).size).toBe(events.length);
  });

  test("never spends tokens that a learner does not have, and keeps the books that live traffic starts from", () => {
    const balances = new Map<string, number>();
    const lowest = events.reduce((low, event) => {
      if (!("amount" in event)) return low;
      const sign = event.type === "token.spent" || event.type === "token.expired" ? -1 : 1;
      const balance = (balances.get(event.learner_id) ?? 0) + sign * event.amount;
      balances.set(event.learner_id, balance);
      return Math.min(low, balance);
    }, 0);
    expect(lowest).toBe(0);
    expect([...balances].filter(([id, balance]) => world.end.balance[Number(id.slice(1))] !== balance)).toEqual([]);
  });

  test("sells at the list price in force, to learners and of courses that exist, once each", () => {
    const price = new Map<string, number>();
    const learners = new Set<string>();
    const enrolled = new Set<string>();
    const wrong: Event[] = [];
    const check = (right: boolean, event: Event): unknown => right || wrong.push(event);
    // Nothing late, or an enrollment would come before the view of the same moment.
    for (const event of generateHistory(createWorld(smallPlatform({ late_share: 0 }), world.calibration))) {
      if (event.type === "course.upserted") price.set(event.course_id, event.base_price);
      if (event.type === "course.repriced") price.set(event.course_id, event.price);
      if (event.type === "learner.upserted") learners.add(event.learner_id);
      if (event.type === "exposure.viewed" || event.type === "enrollment.created") {
        check(event.price === price.get(event.course_id) && learners.has(event.learner_id), event);
        check(!enrolled.has(`${event.learner_id} ${event.course_id}`), event);
      }
      if (event.type === "enrollment.created") enrolled.add(`${event.learner_id} ${event.course_id}`).add(event.enrollment_id);
      if (event.type === "enrollment.completed" || event.type === "enrollment.dropped" || event.type === "enrollment.refunded") check(enrolled.has(event.enrollment_id), event);
    }
    expect(wrong).toEqual([]);
    expect(price.has("C00001")).toBe(true);
    expect(enrolled.size).toBe(2 * world.end.enrollments);
  });

  test("delivers the configured share of device events late, and nothing of the ledger", () => {
    const late = events.filter((event) => event.known_at !== undefined);
    const device = events.filter((event) => event.type === "exposure.viewed" || event.type.startsWith("activity."));
    expect(late.every((event) => device.includes(event))).toBe(true);
    expect(late.length / device.length).toBeGreaterThan(0.015);
    expect(late.length / device.length).toBeLessThan(0.025);
    expect(Math.max(...late.map((event) => knownAt(event) - parseTime(event.time)))).toBeLessThanOrEqual(12 * HOUR_MS);
  });

  test("repeats device events with their id when asked to, and keeps the order", () => {
    const repeating = [...generateHistory(createWorld(smallPlatform({ duplicate_share: 0.1, weeks: 8, enrollments: 800 })))];
    const first = new Map<string, Event>();
    let repeats = 0;
    let last_ms = 0;
    for (const event of repeating) {
      const known_ms = knownAt(event);
      expect(known_ms).toBeGreaterThanOrEqual(last_ms);
      last_ms = known_ms;
      const earlier = first.get(event.id);
      if (earlier === undefined) {
        first.set(event.id, event);
        continue;
      }
      repeats++;
      expect({ ...event, known_at: undefined }).toEqual({ ...earlier, known_at: undefined });
    }
    expect(repeats / repeating.length).toBeGreaterThan(0.05);
  });

  test("logs every repricing with the jitter that made it", () => {
    const repriced = events.filter((event) => event.type === "course.repriced");
    let square = 0;
    for (const event of repriced) {
      const jitter = must(event.jitter, "jitter");
      expect(jitter.sigma).toBe(0.1);
      expect(jitter.probability).toBeGreaterThan(0);
      square += Math.log(event.price / jitter.base) ** 2;
    }
    expect(Math.sqrt(square / repriced.length)).toBeGreaterThan(0.09);
    expect(Math.sqrt(square / repriced.length)).toBeLessThan(0.11);
  });

  test("loses learners over the year, more of those who paid above reference", () => {
    const { churned } = world.end;
    const share = churned.reduce((sum, gone) => sum + gone, 0) / churned.length;
    expect(share).toBeGreaterThan(0.05);
    expect(share).toBeLessThan(0.4);
    const paid = world.end.paid.slice();
    world.end.paid[0] = 0.5;
    const dear = world.end.churnHazard(world, 0, 0);
    world.end.paid[0] = -0.5;
    expect(dear).toBeGreaterThan(world.end.churnHazard(world, 0, 0));
    world.end.paid.set(paid);
  });
});

test("a platform that cannot be is refused with what to change", () => {
  expect(() => createWorld(smallPlatform({ learners: 5, courses: 5, enrollments: 1_000, weeks: 4 }))).toThrow(/cannot make 1000 enrollments/);
});
