import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import papaparse from "papaparse";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { OptimizeAnswer } from "../contracts/api.ts";
import { systemClock } from "../lib/clock.ts";
import { HttpServer } from "../serving/http-server.ts";
import { TestEngine } from "../serving/testing.ts";
import { commands } from "./commands.ts";
import { testGroup } from "./optimized-prices.ts";
import { runProgram } from "./program.ts";

const engine = new TestEngine();
let server: HttpServer;
let url: string;
let directory: string;

beforeAll(async () => {
  engine.foldCatalogue();
  for (let i = 0; i < 600; i++) engine.enroll(`many-${i}`, 50 + (i % 40));
  server = new HttpServer(engine.app, systemClock);
  url = `http://127.0.0.1:${await server.listen("127.0.0.1", 0)}`;
  directory = await mkdtemp(join(tmpdir(), "tidemark-optimize-"));
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
});

afterAll(async () => {
  vi.restoreAllMocks();
  await server.drain();
  await rm(directory, { recursive: true });
});

const run = (...args: string[]): Promise<number> => runProgram(commands, "0", ["optimize", "--engine-url", url, ...args], {});

async function rowsIn(out: string): Promise<Record<string, string>[]> {
  return papaparse.parse<Record<string, string>>(await readFile(out, "utf8"), { header: true, skipEmptyLines: true }).data;
}

describe("tidemark optimize", () => {
  test("writes the price of every course, with what it changes and a group that a rerun gives again", async () => {
    const out = join(directory, "all.csv");
    expect(await run("--all", "--out", out)).toBe(0);
    const rows = await rowsIn(out);
    expect(rows).toHaveLength(603);
    expect(new Set(rows.map(({ course_id }) => course_id)).size).toBe(603);
    for (const course_id of ["c1", "many-599"]) {
      const row = rows.find((one) => one["course_id"] === course_id);
      const answer = JSON.parse(engine.prices.optimize({ course_id })) as OptimizeAnswer;
      const { current_price, optimal_price, expected, recommendation, quote_id } = answer;
      expect(row).toEqual({
        course_id,
        current_price: String(current_price),
        optimized_price: String(optimal_price),
        price_change: String(optimal_price - current_price),
        expected_increase_pct: String(expected.increase_pct),
        confidence: String(recommendation.confidence),
        risk: recommendation.risk,
        test_group: testGroup(course_id, { share: 0.5, seed: "optimize" }),
        quote_id,
      });
    }
    const again = join(directory, "again.csv");
    expect(await run("--all", "--out", again)).toBe(0);
    expect((await rowsIn(again)).map((row) => row["test_group"])).toEqual(rows.map((row) => row["test_group"]));
  });

  test("draws groups of the asked share, by the seed and the course alone", () => {
    const ids = Array.from({ length: 4_000 }, (_, i) => `C${i}`);
    const treated = (share: number, seed: string): string[] => ids.filter((id) => testGroup(id, { share, seed }) === "treatment");
    expect(treated(0, "a")).toEqual([]);
    expect(treated(1, "a")).toEqual(ids);
    expect(treated(0.3, "a").length / ids.length).toBeCloseTo(0.3, 1);
    const both = treated(0.5, "a").filter((id) => testGroup(id, { share: 0.5, seed: "b" }) === "treatment");
    expect(both.length / ids.length).toBeCloseTo(0.25, 1);
  });

  test("prices the courses that are named", async () => {
    const out = join(directory, "two.csv");
    expect(await run("c3", "nobody", "c1", "--out", out, "--objective", "enrollments", "--test-share", "1")).toBe(0);
    expect((await rowsIn(out)).map(({ course_id, test_group }) => [course_id, test_group])).toEqual([
      ["c3", "treatment"],
      ["c1", "treatment"],
    ]);
  });

  test.each([
    ["neither courses nor --all", ["--out", "x.csv"]],
    ["both", ["c1", "--all", "--out", "x.csv"]],
    ["no file", ["--all"]],
    ["a share that is none", ["--all", "--out", "x.csv", "--test-share", "2"]],
    ["no id", ["a b", "--out", "x.csv"]],
    ["an objective that is none", ["--all", "--out", "x.csv", "--objective", "glory"]],
  ])("refuses %s", async (_what, args) => {
    expect(await run(...args)).toBe(2);
  });

  test("leaves no file where nothing answers", async () => {
    const before = await readdir(directory);
    expect(await runProgram(commands, "0", ["optimize", "--engine-url", "http://127.0.0.1:1", "--all", "--out", join(directory, "none.csv")], {})).not.toBe(0);
    expect(await readdir(directory)).toEqual(before);
  });
});
