import { describe, expect, test } from "vitest";
import type { Event } from "../contracts/events.ts";
import { DAY_MS, formatTime } from "../lib/time.ts";
import { FeatureReader } from "./feature-reader.ts";
import { FeatureWriter } from "./feature-writer.ts";
import { MemoryStore } from "./memory-store.ts";
import { offerCells, VIEWS_A_DAY_ON_OFFER } from "./offer-time.ts";

const START_MS = Date.UTC(2026, 0, 1);
const at = (day: number): number => START_MS + day * DAY_MS;
/** Days from one to another as they weigh 60 days' half-life later, by summing small pieces. */
function weighed(from: number, to: number, now: number): number {
  const pieces = 20_000;
  let sum = 0;
  for (let i = 0; i < pieces; i++) sum += 2 ** ((from + ((i + 0.5) * (to - from)) / pieces - now) / 60);
  return (sum * (to - from)) / pieces;
}

const offer = { prices: [] as { time_ms: number; price: number }[], base_price: 100, days_since_launch: 50, reference_price: 100, cells: new Float64Array(0), now_ms: at(50) };

describe("time on offer", () => {
  test("of each price that was set, decayed like the enrollments beside it", () => {
    const prices = [{ time_ms: at(20), price: 130 }, { time_ms: at(40), price: 80 }];
    const cells = Float64Array.of(Math.log(0.8), 0, 2, 0, 0, 7, Math.log(1.3), 0, 3);
    const found = [...offerCells({ ...offer, prices, cells })];
    const expected = [[Math.log(0.8), weighed(40, 50, 50), 2], [0, weighed(0, 20, 50), 7], [Math.log(1.3), weighed(20, 40, 50), 3]].flatMap(([x, days, q]) => [x!, VIEWS_A_DAY_ON_OFFER * days!, q!]);
    expect(found).toHaveLength(expected.length);
    for (const [i, value] of expected.entries()) expect(found[i]! / (value || 1)).toBeCloseTo(value === 0 ? 0 : 1, 5);
  });

  test("days without a sale count, too, and a price that was paid and never set counts as one day", () => {
    expect([...offerCells(offer)]).toEqual([0, expect.closeTo(VIEWS_A_DAY_ON_OFFER * weighed(0, 50, 50), 1), 0]);
    const personal = offerCells({ ...offer, cells: Float64Array.of(Math.log(0.5), 0, 4) });
    expect([...personal.subarray(0, 3)]).toEqual([Math.log(0.5), VIEWS_A_DAY_ON_OFFER, 4]);
  });

  test("what is not known is made up for: a launch, a base price, one that was set before the launch or after now", () => {
    const days = (changes: Partial<typeof offer>): number => {
      const cells = offerCells({ ...offer, ...changes });
      let sum = 0;
      for (let i = 1; i < cells.length; i += 3) sum += cells[i]! / VIEWS_A_DAY_ON_OFFER;
      return sum;
    };
    expect(days({ days_since_launch: 0 })).toBeCloseTo(weighed(-40, 50, 50), 3);
    expect(days({ base_price: 0, prices: [{ time_ms: at(30), price: 90 }] })).toBeCloseTo(weighed(0, 50, 50), 3);
    expect(days({ prices: [{ time_ms: at(-10), price: 90 }] })).toBeGreaterThan(0);
    expect(days({ prices: [{ time_ms: at(60), price: 90 }] })).toBeCloseTo(weighed(0, 50, 50), 3);
    for (const one of offerCells({ ...offer, days_since_launch: 1e9, prices: [{ time_ms: 0, price: 1 }] })) expect(Number.isFinite(one)).toBe(true);
  });
});

test("a course's cells are views where its category sends any, and time on offer where it sells without", () => {
  const view = (events: readonly (Partial<Event> & { day: number })[]) => {
    const store = new MemoryStore();
    const writer = new FeatureWriter(store);
    for (const [i, { day, ...body }] of events.entries()) {
      const event = { id: `e${i}`, time: formatTime(at(day)), ...body } as Event;
      writer.apply({ sequence: i + 1, broker_time_ms: at(100), event_time_ms: at(day), known_at_ms: at(100), event });
    }
    writer.commit({ stream_created: "s", sequence: events.length, message_hash: "" });
    return new FeatureReader(store).course("C1", at(40))!;
  };
  const course = (course_id: string) => ({ day: 0, type: "course.upserted" as const, course_id, teacher_id: "T1", category: "art", difficulty_level: "basic" as never, quality_tier: "basic" as const, base_price: 100, launched_at: formatTime(at(0)) });
  const sale = (day: number, price: number) => ({ day, type: "enrollment.created" as const, enrollment_id: `E${day}-${price}`, course_id: "C1", learner_id: "L1", price });
  const events = [course("C1"), course("C2"), sale(20, 100), { day: 30, type: "course.repriced" as const, course_id: "C1", price: 120 }, sale(35, 120)];
  const unseen = view(events);
  expect(unseen.exposure).toBe("days_on_offer");
  expect(unseen.cells[1]).toBeCloseTo(VIEWS_A_DAY_ON_OFFER * weighed(0, 30, 40), 0);
  expect(unseen.cells[4]).toBeCloseTo(VIEWS_A_DAY_ON_OFFER * weighed(30, 40, 40), 0);
  expect(unseen.cells[5]).toBeCloseTo(2 ** (-5 / 60), 6);
  const seen = view([...events, { day: 39, type: "exposure.viewed", course_id: "C2", learner_id: "L2", price: 100 }]);
  expect(seen.exposure).toBe("views");
  expect([seen.cells[1], seen.cells[4]]).toEqual([0, 0]);
});
