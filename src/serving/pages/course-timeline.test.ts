import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PriceChangesAnswer } from "../../contracts/price-change.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import { courseTimeline, timelineChart, type TimelineSources } from "./course-timeline.ts";

const NOW_MS = Date.parse("2026-03-01T12:00:00Z");
const day = (days: number): string => formatTime(NOW_MS - days * DAY_MS);
const change = (days: number, price: number, more: Partial<PriceChangesAnswer["changes"][number]> = {}): PriceChangesAnswer["changes"][number] => ({ sequence: 1, type: "price.accepted", price, author: "ann", reason: "why", time: day(days), event_id: "e", automatic: false, ...more });

const sources: TimelineSources = {
  detail: { course_id: "c1", category: "music", list_price: 90, price_history: [{ time: day(40), price: 100 }, { time: day(30), price: 95 }, { time: day(10), price: 90 }] },
  changes: [change(10, 90, { recommended: 90 }), change(20, 120, { recommended: 80, type: "price.proposed", event_id: null }), change(5, 70, { recommended: 88 }), change(4, 88, { automatic: true, author: "tidemark" })],
  promotions: [
    { name: "spring", from: day(15), to: day(8), factor: 0.9, categories: ["music"], courses: [] },
    { name: "other", from: day(15), to: day(8), factor: 0.9, categories: ["design"], courses: [] },
    { name: "past", from: day(90), to: day(80), factor: 0.9, categories: [], courses: [] },
  ],
  competitors: [{ type: "market.competitor_price", time: day(60), price: 110 }, { type: "market.competitor_price", time: day(12), price: 85, course_id: "c1" }],
  models: [{ version: "v2", digest: "", sequence: 2, time: day(25), author: null, reason: "better", pinned: false, run_id: null }],
};

describe("what happened around a price", () => {
  test("says of each price and decision what it was, in order", () => {
    const entries = courseTimeline(sources);
    expect(entries.map(({ at_ms }) => at_ms)).toEqual(entries.map(({ at_ms }) => at_ms).toSorted((a, b) => a - b));
    expect(entries.map(({ kind, price, what }) => [kind, price, what])).toEqual([
      ["promotion", undefined, "promotion past: price × 0.9"],
      ["competitor", 110, "a competitor's price for the category"],
      ["repriced", 100, "list price, set by the platform"],
      ["repriced", 95, "list price, set by the platform"],
      ["model", undefined, "model v2 went into service"],
      ["proposed", 120, "proposed"],
      ["promotion", undefined, "promotion spring: price × 0.9"],
      ["competitor", 85, "a competitor's price for this course"],
      ["repriced", 90, "list price, as decided"],
      ["accepted", 90, "accepted as recommended"],
      ["overridden", 70, "set by hand; 88 was recommended"],
      ["automatic", 88, "applied by the policy"],
    ]);
  });

  test("is drawn as prices that hold until the next, decisions as dots at theirs, the rest as lines and spans", () => {
    const { x, series, marks, spans } = timelineChart(courseTimeline(sources), sources.detail, NOW_MS);
    const at = (label: string, days: number): number | null | undefined => series.find((one) => one.label === label)?.values[x.values.indexOf(Date.parse(day(days)) / 1_000)];
    expect(series.map(({ label }) => label)).toEqual(["List price", "Competitor's price", "Accepted as recommended", "Set by hand otherwise", "Applied by the policy"]);
    expect([40, 30, 20, 10, 5].map((days) => at("List price", days))).toEqual([100, 95, 95, 90, 90]);
    // Known before the first price that is kept, and still then.
    expect([40, 20, 12, 5].map((days) => at("Competitor's price", days))).toEqual([110, 110, 85, 85]);
    expect([10, 5].map((days) => at("Set by hand otherwise", days))).toEqual([null, 70]);
    expect(marks?.map((mark) => mark.at * 1_000)).toEqual([Date.parse(day(25))]);
    expect(spans).toHaveLength(1);
    expect(series[0]?.values.at(-1)).toBe(90);
  });

  test("of any prices and times has ascending, distinct times and a value of every series for each", () => {
    const days = fc.integer({ min: -2, max: 400 });
    const entry = fc.record({ days, price: fc.integer({ min: 1, max: 500 }) });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 12 }), fc.array(entry, { maxLength: 12 }), fc.array(entry, { maxLength: 6 }), (prices, decisions, competitors) => {
        const detail = { ...sources.detail, price_history: prices.toSorted((a, b) => b.days - a.days).map((own) => ({ time: day(own.days), price: own.price })) };
        const changes = decisions.map((own) => change(own.days, own.price));
        const { x, series, spans = [] } = timelineChart(courseTimeline({ ...sources, detail, changes, competitors: competitors.map((own) => ({ type: "market.competitor_price", time: day(own.days), price: own.price })) }), detail, NOW_MS);
        expect(x.values).toEqual([...new Set(x.values)].toSorted((a, b) => a - b));
        for (const { values } of series) expect(values).toHaveLength(x.values.length);
        for (const { from, to } of spans) expect(to).toBeGreaterThan(from);
        expect(series[0]?.values.at(-1)).not.toBeNull();
      }),
    );
  });
});
