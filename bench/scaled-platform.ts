import { type PlatformConfig, defaultPlatform } from "../src/simulator/config.ts";
import { PlatformState } from "../src/simulator/platform-state.ts";
import { type World, createWorld, drawWorld } from "../src/simulator/world.ts";

/** For quick runs: the same platform with less behind it. */
export const shortHistory: PlatformConfig = { ...defaultPlatform, enrollments: 8_000, weeks: 16 };

export function scaledBy(config: PlatformConfig, scale: number): PlatformConfig {
  return { ...config, learners: config.learners * scale, courses: config.courses * scale, teachers: config.teachers * scale, enrollments: config.enrollments * scale };
}

/**
 * The enlarged platform, to draw live traffic from: everybody's rates, tastes and the courses' popularity by the simulator's own
 * laws, with the calibration of the platform's own size and nothing owned yet.
 */
export function scaledWorld(config: PlatformConfig, scale: number): World {
  const parameters = drawWorld(scaledBy(config, scale));
  return { ...parameters, calibration: createWorld(config).calibration, end: new PlatformState(parameters), totals: { events: 0, exposures: 0, enrollments: 0 } };
}
