import { DAY_MS } from "../lib/time.ts";
import { total } from "./aggregator.ts";
import { clockConversion, hourLift, weekdayLift } from "./clock-conversion.ts";
import { conversion } from "./conversion.ts";
import { type FeatureDefinition, type StateDefinition, once } from "./definition.ts";
import { ENROLLED, EXPOSED } from "./demand-cells.ts";
import { last, lastValue, sum } from "./scalar-aggregators.ts";
import { dayTiles } from "./tiled-window.ts";

const common = { entity: "category" } as const;
const forEver = { ...common, lateness_ms: Number.POSITIVE_INFINITY };
const byDay = { ...common, aggregator: dayTiles, lateness_ms: dayTiles.tile_ms * (dayTiles.tiles - 1) };

/** Rolled up from the courses' own list prices by the writer, as they change: no event feeds them directly. */
export const categoryListPrices: StateDefinition = { ...forEver, name: "list_prices", aggregator: sum, folds: {}, rolled_up_from: ["course.upserted", "course.repriced"] };
export const categoryCourses: StateDefinition = { ...forEver, name: "courses", aggregator: sum, folds: {}, rolled_up_from: ["course.upserted"] };

const competitorPrice: StateDefinition = {
  ...forEver,
  name: "competitor_price",
  aggregator: last,
  folds: { "market.competitor_price": { value: (e) => (e.course_id === undefined ? e.price : Number.NaN) } },
};
const exposures: StateDefinition = { ...byDay, name: "exposures_by_day", folds: { "exposure.viewed": once } };
const enrollments: StateDefinition = { ...byDay, name: "enrollments_by_day", folds: { "enrollment.created": once } };
const revenue: StateDefinition = { ...byDay, name: "revenue_by_day", folds: { "enrollment.created": { value: (e) => e.price } } };

const byClock: StateDefinition = {
  ...forEver,
  name: "conversion_by_clock",
  aggregator: clockConversion,
  folds: { "exposure.viewed": { ...once, channel: EXPOSED }, "enrollment.created": { ...once, channel: ENROLLED } },
};

export const categoryStates: readonly StateDefinition[] = [categoryListPrices, categoryCourses, competitorPrice, exposures, enrollments, revenue, byClock];

const shared = { entity: "category", default: 0, personal: false, internal: false } as const;

function counted(name: string, state: StateDefinition, days: number): FeatureDefinition {
  return { ...shared, name, unit: "count", description: `${name.split("_")[0]} of the last ${days} days`, source: { kind: "stored", state, reading: dayTiles.within, window_ms: days * DAY_MS } };
}

function earned(days: number): FeatureDefinition {
  const description = `prices of the enrollments of the last ${days} days, refunds not taken off`;
  return { ...shared, name: `revenue_${days}d_tokens`, unit: "tokens", description, source: { kind: "stored", state: revenue, reading: dayTiles.within, window_ms: days * DAY_MS } };
}

const over = (a: number, b: number): number => (b > 0 ? a / b : 0);

function converted(days: number): FeatureDefinition {
  const from = [`enrollments_${days}d`, `exposures_${days}d`];
  return { ...shared, name: `conversion_${days}d`, unit: "ratio", description: `enrollments per exposure of the last ${days} days, at most 1`, source: { kind: "derived", from, formula: conversion } };
}

export const categoryFeatures: readonly FeatureDefinition[] = [
  { ...shared, name: "list_price_sum_tokens", unit: "tokens", description: "sum of its courses' list prices", source: { kind: "stored", state: categoryListPrices, reading: total, window_ms: 0 } },
  { ...shared, name: "courses", unit: "count", description: "courses in the category", source: { kind: "stored", state: categoryCourses, reading: total, window_ms: 0 } },
  { ...shared, name: "competitor_price_tokens", unit: "tokens", description: "last competitor price for the category as a whole; 0 = unknown", source: { kind: "stored", state: competitorPrice, reading: lastValue, window_ms: 0 } },
  counted("exposures_7d", exposures, 7),
  counted("exposures_30d", exposures, 30),
  counted("exposures_90d", exposures, 90),
  counted("enrollments_7d", enrollments, 7),
  counted("enrollments_30d", enrollments, 30),
  counted("enrollments_90d", enrollments, 90),
  converted(30),
  converted(90),
  earned(7),
  earned(30),
  earned(90),
  { ...shared, name: "average_price_tokens", unit: "tokens", description: "mean list price of its courses; 0 without any", source: { kind: "derived", from: ["list_price_sum_tokens", "courses"], formula: over } },
  { ...shared, name: "competitive_index", unit: "ratio", description: "mean list price over the competitor's; 0 = unknown", source: { kind: "derived", from: ["average_price_tokens", "competitor_price_tokens"], formula: over } },
  { ...shared, name: "enrollments_previous_30d", unit: "count", description: "enrollments of the 30 days before the last 30", source: { kind: "stored", state: enrollments, reading: dayTiles.before, window_ms: 30 * DAY_MS } },
  {
    ...shared,
    name: "enrollments_trend",
    unit: "ratio",
    description: "(a - b)/(a + b) of the enrollments of the last 30 days, a, and of the 30 before, b: -1 stopped, 1 started; 0 without any",
    source: { kind: "derived", from: ["enrollments_30d", "enrollments_previous_30d"], formula: (recent, previous) => (recent + previous > 0 ? (recent - previous) / (recent + previous) : 0) },
  },
  { ...shared, name: "hour_lift", unit: "score", description: "log-odds of enrolling at this hour of the UTC day, less those of all hours; decayed, half-life 60 days, and shrunk by 20 enrollments", source: { kind: "stored", state: byClock, reading: hourLift, window_ms: 0 } },
  { ...shared, name: "weekday_lift", unit: "score", description: "the same of this UTC weekday", source: { kind: "stored", state: byClock, reading: weekdayLift, window_ms: 0 } },
];
