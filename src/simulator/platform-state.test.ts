import { expect, test } from "vitest";
import { platformConfig } from "./config.ts";
import { OWNED_MAX, PlatformState } from "./platform-state.ts";
import { smallPlatform } from "./test-platform.ts";
import { drawWorld } from "./world.ts";

const SET_MAX = 2 ** 24;

test("who owns what never outgrows a Set: neither the largest history nor traffic without end", () => {
  expect(() => platformConfig({ end_ms: 1, enrollments: 10_000_001 })).toThrow(/enrollments/);
  // A history may miss its number by 3 %.
  expect(1.03 * platformConfig({ end_ms: 1, enrollments: 10_000_000 }).enrollments).toBeLessThan(OWNED_MAX);
  expect(OWNED_MAX).toBeLessThan(SET_MAX);

  const world = drawWorld(smallPlatform());
  const state = new PlatformState(world);
  const enroll = (learner: number): boolean => state.consider(world, 0, learner, 0, 1, world.start_ms, 0, 0).enrolled;
  expect(enroll(0)).toBe(true);
  expect(state.owns(world, 0, 0)).toBe(true);
  Object.defineProperty(state.owned, "size", { value: OWNED_MAX });
  expect(enroll(1)).toBe(true);
  expect(state.owns(world, 1, 0)).toBe(false);
});
