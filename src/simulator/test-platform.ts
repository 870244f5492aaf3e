import { platformConfig, type PlatformConfig } from "./config.ts";

/** A platform small enough for tests: 2,500 enrollments. */
export function smallPlatform(options: Partial<PlatformConfig> = {}): PlatformConfig {
  return platformConfig({ learners: 500, courses: 100, teachers: 20, enrollments: 2_500, weeks: 26, seed: 7, end_ms: Date.UTC(2026, 0, 1), ...options });
}
