import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PriceMessage } from "../../contracts/control.ts";
import { eventSchemas } from "../../contracts/events.ts";
import { formatTime, HOUR_MS } from "../../lib/time.ts";
import { emptyLedger, lastChangeMs, nextLedger, type PriceEntry, priceLedger } from "./price-ledger.ts";
import { brokenRule, isInBand } from "./price-rules.ts";
import { repricedEvent, repricingId } from "./repricing.ts";

const NOON = Date.UTC(2026, 2, 1, 12);
const at = (hour: number): string => formatTime(NOON + hour * HOUR_MS);
const common = (hour: number, price: number) => ({ time: at(hour), author: "ada", reason: "why", course_id: "C1", price });
const proposed = (hour: number, price: number): PriceMessage => ({ type: "price.proposed", ...common(hour, price) });
const accepted = (hour: number, price: number): PriceMessage => ({ type: "price.accepted", ...common(hour, price), automatic: false });
const rejected = (hour: number, price: number): PriceMessage => ({ type: "price.rejected", ...common(hour, price) });
const scheduled = (hour: number, price: number, due: number): PriceMessage => ({ type: "price.scheduled", ...common(hour, price), at: at(due) });
const history = (...messages: readonly PriceMessage[]): PriceEntry[] => messages.map((message, i) => ({ sequence: 5 + i, message }));

describe("the ledger of a course's price", () => {
  test("a proposal waits until it is accepted, rejected or replaced", () => {
    expect(priceLedger([])).toBe(emptyLedger);
    expect(priceLedger(history(proposed(0, 50)))).toMatchObject({ sequence: 5, proposal: { sequence: 5, message: { price: 50 } }, accepted_ms: null });
    expect(priceLedger(history(proposed(0, 50), proposed(1, 60))).proposal).toMatchObject({ sequence: 6, message: { price: 60 } });
    expect(priceLedger(history(proposed(0, 50), rejected(1, 60))).proposal).toMatchObject({ message: { price: 50 } });
    expect(priceLedger(history(proposed(0, 50), rejected(1, 50)))).toMatchObject({ proposal: null, rejected: { price: 50, time_ms: NOON + HOUR_MS } });
    expect(priceLedger(history(proposed(0, 50), accepted(1, 55)))).toMatchObject({ proposal: null, accepted_ms: NOON + HOUR_MS });
  });

  test("schedules stand side by side, by their times, and a rejection withdraws those of its price", () => {
    const ledger = priceLedger(history(scheduled(0, 50, 9), scheduled(0, 60, 3), scheduled(1, 50, 3)));
    expect(ledger.scheduled.map(({ sequence, price }) => [sequence, price])).toEqual([[6, 60], [7, 50], [5, 50]]);
    expect(nextLedger(ledger, { sequence: 9, message: rejected(2, 50) }).scheduled.map(({ price }) => price)).toEqual([60]);
    expect(nextLedger(ledger, { sequence: 9, message: accepted(2, 55) }).scheduled.length).toBe(3);
  });

  test("the last change is what came last of acceptances, schedules that are due, and repricings by others", () => {
    const ledger = priceLedger(history(accepted(0, 50), scheduled(1, 60, 3)));
    const hour = (now: number, repriced?: number): number | undefined => {
      const last = lastChangeMs(ledger, repriced === undefined ? undefined : NOON + repriced * HOUR_MS, NOON + now * HOUR_MS);
      return last === undefined ? undefined : (last - NOON) / HOUR_MS;
    };
    expect([hour(2), hour(3), hour(2, 1), hour(4, 1)]).toEqual([0, 3, 1, 3]);
    expect(lastChangeMs(emptyLedger, undefined, NOON)).toBeUndefined();
  });
});

describe("what a list price may become", () => {
  const limits = { allowed: { min: 91, max: 110 }, band: undefined, cool_down_ms: 24 * HOUR_MS };
  const moment = { current: 100, last_change_ms: undefined, now_ms: NOON };

  test("another price, inside step, floor and ceiling, after the cool-down", () => {
    expect(brokenRule(110, limits, moment)).toBeUndefined();
    expect(brokenRule(100, limits, moment)?.rule).toBe("same_price");
    expect(brokenRule(111, limits, moment)).toEqual({ rule: "step", detail: "from 100 tokens the policy allows 91 to 110 now: its step, floor and ceiling" });
    expect(brokenRule(90, limits, moment)?.rule).toBe("step");
    expect(brokenRule(95, limits, { ...moment, last_change_ms: NOON - 24 * HOUR_MS })).toBeUndefined();
    expect(brokenRule(95, limits, { ...moment, last_change_ms: NOON - 24 * HOUR_MS + 1 })?.rule).toBe("cool_down");
    expect(brokenRule(95, limits, { ...moment, last_change_ms: NOON + HOUR_MS })?.detail).toContain("0 h ago");
  });

  test("a teacher's band holds at both ends, and where one is missing there is none", () => {
    expect([89, 90, 110, 111].map((price) => isInBand(price, { min_price: 90, max_price: 110 }))).toEqual([false, true, true, false]);
    expect(isInBand(1, { min_price: null, max_price: 110 }) && isInBand(1e9, { min_price: 90, max_price: null }) && isInBand(5, undefined)).toBe(true);
  });
});

describe("the event of a decided price", () => {
  test("is one for each message of one stream, and EVENTS takes it", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(fc.constantFrom("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.1Z"), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })), { selector: String, maxLength: 20 }), (pairs) => {
        const ids = pairs.map(([created, sequence]) => repricingId(created, sequence));
        expect(new Set(ids).size).toBe(pairs.length);
        for (const id of ids) expect(eventSchemas["course.repriced"].parse(repricedEvent(id, { course_id: "C1", price: 7 }, NOON))).toMatchObject({ id, price: 7 });
      }),
    );
  });

  test("carries its jitter along, unless EVENTS would refuse it", () => {
    const jitter = { base: 50.5, sigma: 0.1, probability: 0.04 };
    expect(repricedEvent("p", { course_id: "C1", price: 7, jitter }, NOON)).toEqual({ id: "p", type: "course.repriced", time: at(0), course_id: "C1", price: 7, jitter });
    expect(repricedEvent("p", { course_id: "C1", price: 7, jitter: { ...jitter, sigma: 3 } }, NOON)).not.toHaveProperty("jitter");
  });
});
