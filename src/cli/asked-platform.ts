import type { PlatformOptions } from "../simulator/config.ts";
import type { ReadConfig } from "./config.ts";
import type { SettingName } from "./settings.ts";

const sizes = ["learners", "courses", "teachers", "enrollments", "weeks", "seed"] as const satisfies readonly SettingName[];

/** The sizes that somebody asked for: the others come from the platform that the data directory remembers. */
export function askedPlatform({ config, sources }: ReadConfig): PlatformOptions {
  return Object.fromEntries(sizes.filter((name) => sources[name] !== "default").map((name) => [name, config[name]]));
}
