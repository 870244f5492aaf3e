import { hash32, Prng } from "../lib/prng.ts";
import { must } from "../lib/assert.ts";
import type { EventOf } from "../contracts/events.ts";
import { normalBetween } from "./normal.ts";
import { seasonAt, WEEK_MS, weekAt } from "./shocks.ts";
import type { WorldParameters } from "./world.ts";

export type Jitter = NonNullable<EventOf<"course.repriced">["jitter"]>;

/** The last repricing of a course at or before a time: its week, or −1 while the launch price stands. */
export function repricedWeek(world: WorldParameters, course: number, at_ms: number): number {
  const { courses, config } = world;
  const offset_ms = courses.reprice_offset_ms[course]!;
  const week = Math.min(config.weeks - 1, Math.floor((at_ms - world.start_ms - offset_ms) / WEEK_MS));
  if (week < 0) return -1;
  return world.start_ms + week * WEEK_MS + offset_ms >= courses.launched_ms[course]! ? week : -1;
}

/** The price before its random part: the launch price, chasing what the setter knows of demand with weight ρ. */
export function systematicPrice(world: WorldParameters, course: number, week: number): number {
  const { courses, shocks, config } = world;
  const at_ms = world.start_ms + week * WEEK_MS + courses.reprice_offset_ms[course]!;
  const column = weekAt(shocks, world.start_ms, at_ms);
  const shock = shocks.category[courses.category[course]! * shocks.weeks + column]! + shocks.hidden[course * shocks.weeks + column]!;
  const price = courses.base_price_tokens[course]! * Math.exp(config.chase * (shock + seasonAt(at_ms)));
  // Logged with two decimals, and exactly what the jitter multiplies.
  return Math.max(1, Math.round(price * 100) / 100);
}

/** The list price of a week: log p = log base + v, v ~ N(0, σ²) from a seeded hash of (course, week), rounded. */
export function listPrice(world: WorldParameters, course: number, week: number): number {
  if (week < 0) return must(world.courses.base_price_tokens[course], "no such course");
  const sigma = world.config.jitter_sigma;
  const v = sigma === 0 ? 0 : sigma * new Prng(hash32(`${world.config.seed}:jitter:${course}:${week}`)).normal();
  return Math.max(1, Math.round(systematicPrice(world, course, week) * Math.exp(v)));
}

/** What is logged with a repricing, with the exact probability of the integer price; undefined without jitter. */
export function jitterOf(world: WorldParameters, course: number, week: number, price: number): Jitter | undefined {
  const sigma = world.config.jitter_sigma;
  if (sigma === 0) return undefined;
  const base = systematicPrice(world, course, week);
  // Everything below 1.5 rounds or is raised to 1.
  const low = price === 1 ? Number.NEGATIVE_INFINITY : Math.log((price - 0.5) / base) / sigma;
  const high = Math.log((price + 0.5) / base) / sigma;
  return { base, sigma, probability: Math.max(0, Math.min(1, normalBetween(low, high))) };
}
