import type { EventOf, EventType, StreamEvent } from "../../contracts/events.ts";
import { DAY_MS, HOUR_MS, parseTime } from "../../lib/time.ts";
import { naiveCells as naiveCellsOf, naiveClock } from "./naive-aggregators.ts";

/**
 * Features recomputed from raw events, slowly and plainly, with nothing shared with the fold but the contract: the
 * oracle that the fold must agree with.
 */
export type Of<Type extends EventType> = StreamEvent & { readonly event: EventOf<Type> };

export function ofType<Type extends EventType>(events: readonly StreamEvent[], type: Type): Of<Type>[] {
  return events.filter((stream): stream is Of<Type> => stream.event.type === type);
}

/** The latest by event time; of equal times the later in the stream. */
export function latest<S extends StreamEvent>(events: readonly S[]): S | undefined {
  return events.reduce<S | undefined>((best, stream) => (best === undefined || stream.event_time_ms >= best.event_time_ms ? stream : best), undefined);
}

/** How many of a state's events a tile-aligned window holds, given that older tiles than the ring's are gone. */
function windowCount(times_ms: readonly number[], tile_ms: number, tiles: number, window_ms: number, now_ms: number): number {
  let newest = Number.NEGATIVE_INFINITY;
  const accepted: number[] = [];
  for (const time_ms of times_ms) {
    const tile = Math.floor(time_ms / tile_ms);
    if (tile > newest - tiles) accepted.push(tile);
    newest = Math.max(newest, tile);
  }
  return accepted.filter((tile) => tile > newest - tiles && tile >= Math.floor((now_ms - window_ms) / tile_ms)).length;
}

/** Sum of a state's values over such a window, of tiles of a day or more. */
export function windowSum(values: readonly (readonly [time_ms: number, value: number])[], tiles: number, window_d: number, now_ms: number, tile_d = 1): number {
  let newest = Number.NEGATIVE_INFINITY;
  const accepted: (readonly [tile: number, value: number])[] = [];
  for (const [time_ms, value] of values) {
    const tile = Math.floor(time_ms / DAY_MS / tile_d);
    if (tile > newest - tiles) accepted.push([tile, value]);
    newest = Math.max(newest, tile);
  }
  return accepted.filter(([tile]) => tile > newest - tiles && tile >= Math.floor((now_ms / DAY_MS - window_d) / tile_d)).reduce((sum, [, value]) => sum + value, 0);
}

/** Quality from outcomes, from plain counts. */
export function naiveQuality(enrollments: number, completions: number, refunds: number, ratings: readonly number[]): number {
  const completion = Math.min(1, (completions + 5) / (enrollments + 10));
  const refund = Math.min(1, (refunds + 0.5) / (enrollments + 10));
  const stars = (ratings.reduce((a, b) => a + b, 0) + 17.5) / (ratings.length + 5);
  return 0.4 * completion + 0.1 * (stars - 1) + 0.2 * (1 - refund);
}

const hours = (times_ms: readonly number[], window_h: number, now_ms: number): number => windowCount(times_ms, HOUR_MS, 25, window_h * HOUR_MS, now_ms);
export const days = (times_ms: readonly number[], window_d: number, now_ms: number): number => windowCount(times_ms, DAY_MS, 91, window_d * DAY_MS, now_ms);
export const ratio = (part: number, whole: number): number => (whole > 0 ? Math.min(1, part / whole) : 0);
export const times = (events: readonly StreamEvent[]): number[] => events.map((stream) => stream.event_time_ms);

function ofCourse(events: readonly StreamEvent[], course_id: string): StreamEvent[] {
  return events.filter(({ event }) => "course_id" in event && event.course_id === course_id);
}

/** Prices in the order in which they became known. */
function knownPrices(own: readonly StreamEvent[]): number[] {
  return own.flatMap(({ event }) => {
    if (event.type === "course.upserted") return [event.base_price];
    if (event.type === "course.repriced" || event.type === "exposure.viewed" || event.type === "enrollment.created") return event.price > 0 ? [event.price] : [];
    return [];
  });
}

export function naiveCategoryOf(events: readonly StreamEvent[], course_id: string): string | undefined {
  return latest(ofType(ofCourse(events, course_id), "course.upserted"))?.event.category;
}

export function naiveListPrice(events: readonly StreamEvent[], course_id: string): number {
  const own = ofCourse(events, course_id);
  return latest(ofType(own, "course.repriced"))?.event.price ?? latest(ofType(own, "course.upserted"))?.event.base_price ?? knownPrices(own)[0] ?? 0;
}

/** Events of a category's courses, each by the category that the course was known to be in when the event came. */
function courseEventsOfCategory<Type extends "exposure.viewed" | "enrollment.created">(events: readonly StreamEvent[], category: string, type: Type): Of<Type>[] {
  return ofType(events, type).filter(({ event, sequence }) => naiveCategoryOf(events.filter((other) => other.sequence < sequence), event.course_id) === category);
}

export function naiveCategory(events: readonly StreamEvent[], category: string, now_ms: number): Record<string, number> {
  const ids = [...new Set(ofType(events, "course.upserted").map((stream) => stream.event.course_id))];
  const members = ids.filter((id) => naiveCategoryOf(events, id) === category);
  const exposures = times(courseEventsOfCategory(events, category, "exposure.viewed"));
  const enrolled = courseEventsOfCategory(events, category, "enrollment.created");
  const enrollments = times(enrolled);
  const paid = enrolled.map(({ event, event_time_ms }) => [event_time_ms, event.price] as const);
  const prices = members.map((id) => naiveListPrice(events, id));
  const average = prices.length === 0 ? 0 : prices.reduce((sum, price) => sum + price, 0) / prices.length;
  const recent = days(enrollments, 30, now_ms);
  const previous = days(enrollments, 60, now_ms) - recent;
  const clocked = [exposures.map((time_ms) => ({ value: 1, time_ms, channel: 1 })), enrollments.map((time_ms) => ({ value: 1, time_ms, channel: 2 }))].flat();
  const [hour = 0, weekday = 0] = naiveClock(60 * DAY_MS)(clocked, now_ms, 0);
  const competitor = latest(ofType(events, "market.competitor_price").filter(({ event }) => event.course_id === undefined && event.category === category));
  return {
    list_price_sum_tokens: prices.reduce((sum, price) => sum + price, 0),
    courses: members.length,
    competitor_price_tokens: competitor?.event.price ?? 0,
    exposures_7d: days(exposures, 7, now_ms),
    exposures_30d: days(exposures, 30, now_ms),
    exposures_90d: days(exposures, 90, now_ms),
    enrollments_7d: days(enrollments, 7, now_ms),
    enrollments_30d: days(enrollments, 30, now_ms),
    enrollments_90d: days(enrollments, 90, now_ms),
    conversion_30d: ratio(days(enrollments, 30, now_ms), days(exposures, 30, now_ms)),
    conversion_90d: ratio(days(enrollments, 90, now_ms), days(exposures, 90, now_ms)),
    revenue_7d_tokens: windowSum(paid, 91, 7, now_ms),
    revenue_30d_tokens: windowSum(paid, 91, 30, now_ms),
    revenue_90d_tokens: windowSum(paid, 91, 90, now_ms),
    average_price_tokens: average,
    competitive_index: competitor === undefined ? 0 : average / competitor.event.price,
    enrollments_previous_30d: previous,
    enrollments_trend: recent + previous > 0 ? (recent - previous) / (recent + previous) : 0,
    hour_lift: hour,
    weekday_lift: weekday,
  };
}

export function naiveCourse(events: readonly StreamEvent[], course_id: string, now_ms: number): Record<string, number> {
  const own = ofCourse(events, course_id);
  const upserted = latest(ofType(own, "course.upserted"))?.event;
  const exposures = times(ofType(own, "exposure.viewed"));
  const enrollments = times(ofType(own, "enrollment.created"));
  const ratings = ofType(own, "activity.rating").map(({ event }) => event.rating);
  const price = naiveListPrice(events, course_id);
  const category = upserted === undefined ? undefined : naiveCategory(events, upserted.category, now_ms);
  const repriced = latest(ofType(own, "course.repriced"));
  const launched_at_ms = upserted === undefined ? 0 : parseTime(upserted.launched_at);
  const rate = Math.log(2) / 30;
  const count = (type: EventType): number => ofType(own, type).length;
  const paid = ofType(own, "enrollment.created").map(({ event, event_time_ms }) => [event_time_ms, event.price] as const);
  const others = category !== undefined && category["courses"]! > 1 ? (category["list_price_sum_tokens"]! - price) / (category["courses"]! - 1) : 0;
  const competitor = latest(ofType(own, "market.competitor_price"))?.event.price ?? category?.["competitor_price_tokens"] ?? 0;
  return {
    price_tokens: price,
    reference_price_tokens: knownPrices(own)[0] ?? 0,
    base_price_tokens: upserted?.base_price ?? 0,
    category_price_loo_tokens: others,
    competitor_price_tokens: competitor,
    days_since_launch: upserted === undefined ? 0 : Math.max(0, (now_ms - launched_at_ms) / DAY_MS),
    difficulty_level: upserted?.difficulty_level === "advanced" ? 2 : 0,
    quality_tier: upserted?.quality_tier === "elite" ? 3 : 0,
    exposures_1h: hours(exposures, 1, now_ms),
    exposures_24h: hours(exposures, 24, now_ms),
    exposures_7d: days(exposures, 7, now_ms),
    exposures_30d: days(exposures, 30, now_ms),
    exposures_90d: days(exposures, 90, now_ms),
    enrollments_1h: hours(enrollments, 1, now_ms),
    enrollments_24h: hours(enrollments, 24, now_ms),
    enrollments_7d: days(enrollments, 7, now_ms),
    enrollments_30d: days(enrollments, 30, now_ms),
    enrollments_90d: days(enrollments, 90, now_ms),
    refunds_90d: days(times(ofType(own, "enrollment.refunded")), 90, now_ms),
    completions_90d: days(times(ofType(own, "enrollment.completed")), 90, now_ms),
    rating_mean: ratings.length === 0 ? 0 : ratings.reduce((a, b) => a + b, 0) / ratings.length,
    ratings: ratings.length,
    conversion_30d: ratio(days(enrollments, 30, now_ms), days(exposures, 30, now_ms)),
    conversion_90d: ratio(days(enrollments, 90, now_ms), days(exposures, 90, now_ms)),
    enrollments_per_day: enrollments.reduce((sum, time_ms) => sum + Math.exp((-rate * (now_ms - time_ms)) / DAY_MS), 0) * rate,
    category_exposures_30d: category?.["exposures_30d"] ?? 0,
    category_enrollments_30d: category?.["enrollments_30d"] ?? 0,
    category_conversion_30d: category?.["conversion_30d"] ?? 0,
    category_conversion_90d: category?.["conversion_90d"] ?? 0,
    category_courses: category?.["courses"] ?? 0,
    completion_rate: ratio(count("enrollment.completed"), enrollments.length),
    refund_rate: ratio(count("enrollment.refunded"), enrollments.length),
    drop_rate: ratio(count("enrollment.dropped"), enrollments.length),
    revenue_7d_tokens: windowSum(paid, 91, 7, now_ms),
    revenue_30d_tokens: windowSum(paid, 91, 30, now_ms),
    revenue_90d_tokens: windowSum(paid, 91, 90, now_ms),
    total_enrollments: enrollments.length,
    quality_score: naiveQuality(enrollments.length, count("enrollment.completed"), count("enrollment.refunded"), ratings),
    price_over_category: others > 0 ? price / others : 0,
    price_over_competitor: competitor > 0 ? price / competitor : 0,
    days_since_repriced: repriced === undefined ? 3_650 : Math.min(3_650, Math.max(0, (now_ms - repriced.event_time_ms) / DAY_MS)),
    category_hour_lift: category?.["hour_lift"] ?? 0,
    category_weekday_lift: category?.["weekday_lift"] ?? 0,
  };
}

/** Occupied demand cells as [mean x, exposures, enrollments], lowest first, decayed to now. */
export function naiveCells(events: readonly StreamEvent[], course_id: string, now_ms: number): number[][] {
  const own = ofCourse(events, course_id);
  const reference = knownPrices(own)[0] ?? Number.NaN;
  const cells = new Map<number, { weight: number; x: number; exposures: number; enrollments: number }>();
  for (const { event, event_time_ms } of own) {
    if (event.type !== "exposure.viewed" && event.type !== "enrollment.created") continue;
    if (event.price === 0) continue;
    const x = Math.log(event.price / reference);
    const index = Math.min(15, Math.max(-16, Math.floor(x * 10)));
    const weight = Math.exp((-Math.log(2) * (now_ms - event_time_ms)) / (60 * DAY_MS));
    const cell = cells.get(index) ?? { weight: 0, x: 0, exposures: 0, enrollments: 0 };
    cell.weight += weight;
    cell.x += weight * x;
    if (event.type === "exposure.viewed") cell.exposures += weight;
    else cell.enrollments += weight;
    cells.set(index, cell);
  }
  return [...cells].sort(([a], [b]) => a - b).map(([, cell]) => [cell.x / cell.weight, cell.exposures, cell.enrollments]);
}

/** Cells of the random part of the list price, of the views and enrollments at just that price as the catalogue had it when they came. */
export function naiveJitterCells(events: readonly StreamEvent[], course_id: string, now_ms: number): readonly number[] {
  const own = ofCourse(events, course_id);
  const items = own.flatMap(({ event, sequence, event_time_ms }) => {
    if (event.type !== "exposure.viewed" && event.type !== "enrollment.created") return [];
    const set = latest(ofType(own.filter((other) => other.sequence < sequence), "course.repriced"))?.event;
    if (set?.jitter === undefined || set.price !== event.price) return [];
    const value = Math.log(set.price / set.jitter.base);
    return Math.abs(value) <= 4 * set.jitter.sigma + 1 / set.price ? [{ value, time_ms: event_time_ms, channel: event.type === "exposure.viewed" ? 1 : 2 }] : [];
  });
  return naiveCellsOf((value) => value, 16, 0.04, 60 * DAY_MS)(items, now_ms, 0);
}

/** The prices that were set, by event time, then order of arrival. */
export function naivePrices(events: readonly StreamEvent[], course_id: string): { time_ms: number; price: number }[] {
  const set = ofType(ofCourse(events, course_id), "course.repriced").map(({ event, event_time_ms }) => ({ time_ms: event_time_ms, price: event.price }));
  return set.toSorted((a, b) => a.time_ms - b.time_ms);
}

/** undefined until a price was set. */
export function naivePriceHistory(events: readonly StreamEvent[], course_id: string, now_ms: number): Record<string, number> | undefined {
  const prices = naivePrices(events, course_id);
  const [previous, last] = [prices.at(-2), prices.at(-1)];
  if (last === undefined) return undefined;
  return {
    repricings: prices.length,
    last_price_tokens: last.price,
    previous_price_tokens: previous?.price ?? 0,
    repriced_at_ms: last.time_ms,
    days_since_repriced: Math.min(3_650, Math.max(0, now_ms - last.time_ms) / DAY_MS),
  };
}
