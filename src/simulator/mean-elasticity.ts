import { listPriceAt, trueConversion, trueElasticity } from "./truth.ts";
import type { World } from "./world.ts";

/** Moments of the history that stand for it. */
const MOMENTS = 5;

/**
 * A course's true elasticity over the history, at the list prices in force and weighted by what was likely to sell: what an estimate from all of its
 * sales estimates, where elasticity drifts and depends on the price. NaN for a course that launched too late.
 */
export function meanElasticity(world: World, course: number): number {
  const span_ms = world.config.end_ms - world.start_ms;
  let sales = 0;
  let weighted = 0;
  for (let i = 0; i < MOMENTS; i++) {
    const at_ms = world.start_ms + ((i + 0.75) / (MOMENTS + 0.25)) * span_ms;
    if (world.courses.launched_ms[course]! > at_ms) continue;
    const price = listPriceAt(world, course, at_ms);
    const expected = trueConversion(world, course, price, at_ms);
    sales += expected;
    weighted += expected * trueElasticity(world, course, price, at_ms);
  }
  return weighted / sales;
}
