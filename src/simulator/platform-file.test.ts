import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HOUR_MS } from "../lib/time.ts";
import { type PlatformFile, platformOf, readPlatform, writePlatform } from "./platform-file.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-platform-"));
});
afterEach(() => rm(directory, { recursive: true }));

const now_ms = Date.UTC(2026, 5, 1, 12, 34, 56);

/** As the simulate role does once the calibration succeeded. */
async function remember(file: PlatformFile): Promise<PlatformFile> {
  await writePlatform(directory, file);
  return file;
}

test("a new directory takes the options and ends the history at the last full hour", async () => {
  expect(await readPlatform(directory)).toBeUndefined();
  const { config } = await platformOf(directory, { learners: 100, courses: undefined }, now_ms);
  expect(config).toMatchObject({ learners: 100, courses: 2_000, seed: 1, end_ms: Math.floor(now_ms / HOUR_MS) * HOUR_MS });
  // Asking alone decides nothing.
  expect(await readPlatform(directory)).toBeUndefined();
  expect((await platformOf(directory, { learners: 200 }, now_ms)).config.learners).toBe(200);
});

test("later starts get the same platform, whatever the time, and may repeat an option but not change it", async () => {
  const first = await remember(await platformOf(directory, { learners: 100 }, now_ms));
  expect(await platformOf(directory, {}, now_ms + 99 * HOUR_MS)).toEqual(first);
  expect(await platformOf(directory, { learners: 100, seed: undefined }, now_ms)).toEqual(first);
  await expect(platformOf(directory, { learners: 101 }, now_ms)).rejects.toMatchObject({ code: "platform_differs", message: expect.stringContaining("learners 100, not 101") });
});

test("calibration and stream are kept", async () => {
  const file = await platformOf(directory, {}, now_ms);
  const more = { ...file, calibration: { level: -2.75, sessions_per_rate_day: 0.0625 }, published_to: "2026-01-01T00:00:00Z" };
  await writePlatform(directory, more);
  expect(await platformOf(directory, {}, now_ms)).toEqual(more);
});

test("a damaged file is named, not overwritten", async () => {
  const name = join(directory, "platform.json");
  for (const text of ["{", "{}", '{"config":{"end_ms":"soon"}}']) {
    await writeFile(name, text);
    await expect(platformOf(directory, {}, now_ms)).rejects.toMatchObject({ code: "corrupt_platform_file" });
    expect(await readFile(name, "utf8")).toBe(text);
  }
});
