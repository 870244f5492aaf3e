import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const main = join(import.meta.dirname, "../dist/bench/main.js");

/** The quickest that needs a cluster, and the one that no other test comes near; `npm run bench -- failover` runs all. */
test.each(["follower-killed", "deliveries-spoilt"])("drill %s: nothing is lost, nothing counts twice, prices are answered", { timeout: 240_000 }, async (drill) => {
  const { stdout } = await promisify(execFile)(process.execPath, [main, "failover", "--drill", drill], { timeout: 230_000 });
  const { metrics } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as { metrics: { acknowledged: number; lost: number; duplicated: number; drills: readonly { prices_asked: number; prices_answered: number }[] } };
  expect(metrics).toMatchObject({ lost: 0, duplicated: 0 });
  expect(metrics.acknowledged).toBeGreaterThan(100);
  const [{ prices_asked, prices_answered }] = metrics.drills as [{ prices_asked: number; prices_answered: number }];
  expect(prices_asked).toBeGreaterThan(5);
  expect(prices_answered).toBe(prices_asked);
});
