import type { SettingName } from "../settings.ts";

export const stream = ["--stream <name>", "of this stream (default: EVENTS)"] as const;
export const json = ["--json", "as JSON"] as const;
export const family = ["--family <family>", "which models: elasticity (default) or propensity"] as const;
export const reason = ["--reason <text>", "why, in words: CONTROL keeps it"] as const;
export const pinned = ["--pin", "and keep it until it is replaced or released by hand"] as const;

/** Where the engine is that is asked, and with which key. */
export const engine: readonly SettingName[] = ["engine_url", "key_file", "host", "port", "data_dir"];
/** Size and seed of the synthetic platform. */
export const platform: readonly SettingName[] = ["learners", "courses", "teachers", "enrollments", "weeks", "seed"];
