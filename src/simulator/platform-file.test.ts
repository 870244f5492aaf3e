import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HOUR_MS } from "../lib/time.ts";
import { readPlatform, rememberPlatform, writePlatform } from "./platform-file.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-platform-"));
});
afterEach(() => rm(directory, { recursive: true }));

const now_ms = Date.UTC(2026, 5, 1, 12, 34, 56);

test("a new directory takes the options and ends the history at the last full hour", async () => {
  expect(await readPlatform(directory)).toBeUndefined();
  const { config } = await rememberPlatform(directory, { learners: 100, courses: undefined }, now_ms);
  expect(config).toMatchObject({ learners: 100, courses: 2_000, seed: 1, end_ms: Math.floor(now_ms / HOUR_MS) * HOUR_MS });
});

test("later starts get the same platform, whatever the time, and may repeat an option but not change it", async () => {
  const first = await rememberPlatform(directory, { learners: 100 }, now_ms);
  expect(await rememberPlatform(directory, {}, now_ms + 99 * HOUR_MS)).toEqual(first);
  expect(await rememberPlatform(directory, { learners: 100, seed: undefined }, now_ms)).toEqual(first);
  await expect(rememberPlatform(directory, { learners: 101 }, now_ms)).rejects.toMatchObject({ code: "platform_differs", message: expect.stringContaining("learners 100, not 101") });
});

test("calibration and stream are kept", async () => {
  const file = await rememberPlatform(directory, {}, now_ms);
  const more = { ...file, calibration: { level: -2.75, sessions_per_rate_day: 0.0625 }, published_to: "2026-01-01T00:00:00Z" };
  await writePlatform(directory, more);
  expect(await rememberPlatform(directory, {}, now_ms)).toEqual(more);
});

test("a damaged file is named, not overwritten", async () => {
  const name = join(directory, "platform.json");
  for (const text of ["{", "{}", '{"config":{"end_ms":"soon"}}']) {
    await writeFile(name, text);
    await expect(rememberPlatform(directory, {}, now_ms)).rejects.toMatchObject({ code: "corrupt_platform_file" });
    expect(await readFile(name, "utf8")).toBe(text);
  }
});
