import { beforeEach, expect, test } from "vitest";
import type { Event } from "../contracts/events.ts";
import { DAY_MS, formatTime } from "../lib/time.ts";
import { EntityReader, entityFeatureNames } from "./entity-reader.ts";
import { FeatureWriter } from "./feature-writer.ts";
import { MemoryStore } from "./memory-store.ts";
import type { EntityName } from "./store.ts";

/** Cases worked out by hand, at the edges of what features say: an oracle may share a misunderstanding with the code. */
const START_MS = Date.UTC(2026, 0, 1);
const at = (day: number): number => START_MS + day * DAY_MS;

let store = new MemoryStore();
let writer = new FeatureWriter(store);
let sequence = 0;

beforeEach(() => {
  store = new MemoryStore();
  writer = new FeatureWriter(store);
  sequence = 0;
});

function fold(day: number, ...bodies: Partial<Event>[]): void {
  for (const body of bodies) {
    sequence++;
    // What is left out is put back here; the types of the rest are the caller's.
    const event = { id: `e${sequence}`, time: formatTime(at(day)), ...body } as Event;
    writer.apply({ sequence, broker_time_ms: at(1_000), event_time_ms: at(day), known_at_ms: at(1_000), event });
  }
}

function read(entity: EntityName, id: string, day: number): Record<string, number> {
  writer.commit({ stream_created: "s", sequence, message_hash: "" });
  const values = new EntityReader(store).read(entity, id, at(day))?.values;
  return Object.fromEntries(entityFeatureNames[entity].map((name, i) => [name, values?.[i] ?? Number.NaN]));
}

const course = (course_id: string, category: string, base_price: number, teacher_id = "T1"): Partial<Event> => ({
  type: "course.upserted",
  course_id,
  teacher_id,
  category,
  difficulty_level: "expert",
  quality_tier: "basic",
  base_price,
  launched_at: formatTime(at(0)),
});
const reprice = (course_id: string, price: number): Partial<Event> => ({ type: "course.repriced", course_id, price });
const view = (course_id: string, learner_id: string, price: number): Partial<Event> => ({ type: "exposure.viewed", course_id, learner_id, price });
const enroll = (course_id: string, learner_id: string, price: number): Partial<Event> => ({ type: "enrollment.created", enrollment_id: `E${sequence}-${course_id}-${learner_id}-${price}`, course_id, learner_id, price });
const tokens = (what: "purchased" | "earned" | "spent" | "refunded" | "expired", amount: number, learner_id = "L1"): Partial<Event> => ({ type: `token.${what}`, learner_id, amount });
const study = (minutes: number, learner_id = "L1"): Partial<Event> => ({ type: "activity.session", learner_id, minutes });
const rate = (course_id: string, rating: number): Partial<Event> => ({ type: "activity.rating", learner_id: "L9", course_id, rating });

test("a discount is a price below the list price as the catalogue has it when the enrollment is folded", () => {
  fold(0, course("C1", "data", 100), enroll("C1", "L1", 100));
  expect(read("learner", "L1", 1)["discount_uptake"]).toBe(0);
  fold(1, enroll("C1", "L1", 99));
  expect(read("learner", "L1", 1)["discount_uptake"]).toBe(1 / 2);
  fold(3, reprice("C1", 80), enroll("C1", "L1", 90));
  expect(read("learner", "L1", 3)["discount_uptake"]).toBe(1 / 3);
  // Of an earlier time, it is not the list price any more; and nobody knows the price of a course that was never described.
  fold(2, reprice("C1", 500), enroll("C1", "L1", 80), enroll("C9", "L1", 1));
  expect(read("learner", "L1", 3)).toMatchObject({ discount_uptake: 1 / 4, enrolled: 5, lowest_price_paid_tokens: 1 });
});

test("affordability is the share of a price that the balance covers, and follows balance and price at once", () => {
  fold(0, tokens("purchased", 50));
  expect(read("learner", "L1", 0)["affordability"]).toBe(0);
  fold(0, course("C1", "data", 40), view("C1", "L1", 100), view("C1", "L1", 200), enroll("C1", "L1", 40));
  expect(read("learner", "L1", 0)["affordability"]).toBeCloseTo(1 / 3, 12);
  expect(read("learner_course", "L1/C1", 0)["affordability"]).toBe(1);
  fold(1, reprice("C1", 200));
  expect(read("learner_course", "L1/C1", 1)["affordability"]).toBe(1 / 4);
  fold(1, tokens("spent", 90));
  expect(read("learner", "L1", 1)).toMatchObject({ balance_tokens: -40, affordability: 0, financial_score: 0 });
  expect(read("learner_course", "L1/C1", 1)["affordability"]).toBe(0);
});

test("who was shown nothing but free courses can afford them", () => {
  fold(0, view("C1", "L1", 0));
  expect(read("learner", "L1", 0)).toMatchObject({ exposures: 1, price_viewed_mean_tokens: 0, affordability: 1 });
});

test("tokens come and go: a refund gives them back and takes no enrollment away", () => {
  fold(0, tokens("purchased", 100), tokens("earned", 7), tokens("spent", 60), enroll("C1", "L1", 60));
  fold(1, { type: "enrollment.refunded", enrollment_id: "E", course_id: "C1", learner_id: "L1" }, tokens("refunded", 60), tokens("expired", 10));
  expect(read("learner", "L1", 1)).toMatchObject({ balance_tokens: 97, spent_tokens: 60, earned_tokens: 7, purchased_tokens: 100, enrolled: 1, refunded: 1, price_paid_mean_tokens: 60 });
  expect(read("platform", "2026-01-01", 1)).toMatchObject({ tokens_outstanding_change: 47, tokens_outstanding: 47, revenue_tokens: 60, refunds: 0 });
  expect(read("platform", "2026-01-02", 1)).toMatchObject({ tokens_outstanding_change: 50, tokens_outstanding: 97, revenue_tokens: 0, refunds: 1 });
});

test("the minutes' trend compares the last 14 days with the 14 before, both by whole UTC days", () => {
  fold(0, study(30));
  expect(read("learner", "L1", 0)).toMatchObject({ session_minutes_trend: 1, engagement_decline: 0 });
  fold(20, study(10));
  expect(read("learner", "L1", 20)).toMatchObject({ session_minutes_14d: 10, session_minutes_previous_14d: 30, session_minutes_trend: -0.5 });
  expect(read("learner", "L1", 20)["engagement_decline"]).toBeCloseTo(2 / 3, 12);
  // The day that the window begins in counts whole.
  expect(read("learner", "L1", 34.9)).toMatchObject({ session_minutes_14d: 10, session_minutes_previous_14d: 0 });
  expect(read("learner", "L1", 35)).toMatchObject({ session_minutes_14d: 0, session_minutes_previous_14d: 10, session_minutes_trend: -1, engagement_decline: 1 });
  expect(read("learner", "L1", 90)).toMatchObject({ session_minutes_trend: 0, engagement_decline: 0 });
});

test("a streak beyond 30 days adds no more to engagement", () => {
  for (let day = 0; day < 40; day++) fold(day, study(1));
  expect(read("learner", "L1", 39)).toMatchObject({ streak_days: 40, longest_streak_days: 40, engagement_score: 0.4 });
  expect(read("learner", "L1", 40.9)["streak_days"]).toBe(40);
  expect(read("learner", "L1", 41)).toMatchObject({ streak_days: 0, longest_streak_days: 40, engagement_score: 0 });
});

test("the average of the category leaves the course itself out, through repricings, moves and upserts that come late", () => {
  fold(0, course("C1", "data", 100));
  expect(read("course", "C1", 0)).toMatchObject({ category_price_loo_tokens: 0, price_over_category: 0 });
  fold(0, course("C2", "data", 50), course("C3", "data", 70));
  expect(read("course", "C1", 0)).toMatchObject({ category_price_loo_tokens: 60, price_over_category: 100 / 60 });
  fold(5, reprice("C1", 30), course("C3", "art", 70));
  expect(read("course", "C2", 5)).toMatchObject({ category_price_loo_tokens: 30, price_over_category: 50 / 30 });
  expect(read("course", "C3", 5)).toMatchObject({ category_price_loo_tokens: 0, category_courses: 1 });
  // Described before it moved, known after: nothing changes. Described again with another base price: the price that was set stays.
  fold(3, course("C3", "data", 700));
  fold(6, course("C1", "data", 999));
  expect(read("course", "C2", 6)).toMatchObject({ category_price_loo_tokens: 30, category_courses: 2 });
  expect(read("category", "art", 6)).toMatchObject({ courses: 1, list_price_sum_tokens: 70, average_price_tokens: 70 });
  expect(read("category", "data", 6)).toMatchObject({ courses: 2, list_price_sum_tokens: 80, average_price_tokens: 40 });
});

test("list prices are told by when they were set, however late that is known", () => {
  fold(0, course("C1", "data", 100));
  expect(read("price_history", "C1", 0)["repricings"]).toBeNaN();
  fold(3, reprice("C1", 80));
  expect(read("price_history", "C1", 4)).toEqual({ repricings: 1, last_price_tokens: 80, previous_price_tokens: 0, repriced_at_ms: at(3), days_since_repriced: 1 });
  fold(1, reprice("C1", 120));
  expect(read("price_history", "C1", 4)).toEqual({ repricings: 2, last_price_tokens: 80, previous_price_tokens: 120, repriced_at_ms: at(3), days_since_repriced: 1 });
  // Of the same time, the one that comes later; and a base price that is described again is none that was set.
  fold(3, reprice("C1", 70), course("C1", "data", 50));
  expect(read("price_history", "C1", 3)).toEqual({ repricings: 3, last_price_tokens: 70, previous_price_tokens: 80, repriced_at_ms: at(3), days_since_repriced: 0 });
  expect(read("course", "C1", 3)["price_tokens"]).toBe(70);
});

test("a competitor's price for the course counts before one for its category", () => {
  fold(0, course("C1", "data", 100), course("C2", "data", 50), { type: "market.competitor_price", category: "data", price: 80 });
  expect(read("course", "C1", 0)).toMatchObject({ competitor_price_tokens: 80, price_over_competitor: 1.25 });
  fold(1, { type: "market.competitor_price", category: "data", course_id: "C1", price: 200 });
  fold(0.5, { type: "market.competitor_price", category: "data", course_id: "C1", price: 1 });
  expect(read("course", "C1", 1)).toMatchObject({ competitor_price_tokens: 200, price_over_competitor: 0.5 });
  expect(read("course", "C2", 1)).toMatchObject({ competitor_price_tokens: 80, price_over_competitor: 0.625 });
  expect(read("category", "data", 1)).toMatchObject({ competitor_price_tokens: 80, competitive_index: 75 / 80 });
});

test("a teacher's quality comes from outcomes, of the courses that are theirs, and shrinks towards what is usual", () => {
  fold(0, course("C1", "data", 100, "T1"));
  expect(read("teacher", "T1", 0)["quality_from_outcomes"]).toBeCloseTo(0.4 * 0.5 + 0.4 * (2.5 / 4) + 0.2 * 0.95, 12);
  for (let i = 0; i < 10; i++) fold(i, enroll("C1", "L1", 10));
  for (let i = 0; i < 5; i++) fold(20, { type: "enrollment.completed", enrollment_id: `E${i}`, course_id: "C1", learner_id: "L1" }, rate("C1", 5));
  fold(21, { type: "enrollment.refunded", enrollment_id: "E9", course_id: "C1", learner_id: "L1" });
  // (5 + 5)/20 completed, (25 + 17.5)/10 = 4.25 stars, (1 + 0.5)/20 refunded.
  const quality = 0.4 * 0.5 + 0.4 * (3.25 / 4) + 0.2 * 0.925;
  expect(read("teacher", "T1", 21)["quality_from_outcomes"]).toBeCloseTo(quality, 12);
  expect(read("course", "C1", 21)["quality_score"]).toBeCloseTo(quality, 12);
  expect(read("course", "C1", 21)["teacher_quality_from_outcomes"]).toBeCloseTo(quality, 12);
  // The next teacher begins anew; the course takes its own along.
  fold(22, course("C1", "data", 100, "T2"), enroll("C1", "L2", 10), rate("C1", 1));
  expect(read("teacher", "T1", 22)).toMatchObject({ courses: 0, enrollments: 10, ratings: 5, revenue_tokens: 100 });
  expect(read("teacher", "T2", 22)).toMatchObject({ courses: 1, enrollments: 1, ratings: 1, rating_mean: 1, revenue_tokens: 10 });
  expect(read("course", "C1", 22)).toMatchObject({ ratings: 6, total_enrollments: 11 });
});

test("churned is who was active 60 to 89 days back and not since", () => {
  fold(0, study(1, "gone"), study(1, "back"), study(1, "late"));
  fold(1, study(1, "near"));
  fold(30, study(1, "new"));
  fold(59, tokens("purchased", 1, "back"));
  fold(60, view("C1", "other", 1));
  fold(10, study(1, "late"));
  expect(read("platform", "2026-03-02", 60)).toMatchObject({ actives: 1, actives_60d: 5, actives_90d: 6, churned: 1, churn_rate: 1 / 3, conversion: 0, exposures: 1 });
});

test("an erased learner begins anew, and what others hold of them stays", () => {
  fold(0, course("C1", "data", 10), tokens("purchased", 100), enroll("C1", "L1", 10), rate("C1", 4), { type: "learner.erased", learner_id: "L1" });
  expect(read("learner", "L1", 0)["balance_tokens"]).toBeNaN();
  expect(read("learner_course", "L1/C1", 0)["enrollments"]).toBeNaN();
  fold(1, tokens("earned", 3), study(5));
  expect(read("learner", "L1", 1)).toMatchObject({ balance_tokens: 3, enrolled: 0, days_since_last_enrollment: 3_650, session_minutes_7d: 5 });
  expect(read("course", "C1", 1)).toMatchObject({ total_enrollments: 1, rating_mean: 4 });
  expect(read("platform", "2026-01-02", 1)).toMatchObject({ tokens_outstanding: 103, actives_7d: 2 });
});
