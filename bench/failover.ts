import { errorMessage, TidemarkError } from "../src/lib/errors.ts";
import { drills } from "./drills/drills.ts";
import { randomKills } from "./drills/random-kills.ts";
import type { DrillResult } from "./drills/rig.ts";
import { isUnavailable } from "./drills/unavailable.ts";
import type { BenchOptions, BenchResult } from "./report.ts";

type Drilled = Omit<DrillResult, "prices"> & Partial<Pick<DrillResult, "prices">>;

/**
 * Kills at random moments under load, of ingest and of the broker, and unless quick every drill of drills/ besides: what was acknowledged is folded once, every store is the
 * one that a single fold gives, and every price is answered. `--drill NAME` runs one of those alone.
 */
export async function run({ quick, args }: BenchOptions): Promise<BenchResult> {
  const { drill: only } = args;
  const chosen = quick ? [] : Object.entries(drills).filter(([name]) => only === undefined || name === only);
  if (only !== undefined && chosen.length === 0) throw new TidemarkError("bad_usage", `--drill is ${only}\n  allowed: one of ${Object.keys(drills).join(", ")}`);
  const results: Drilled[] = [];
  if (only === undefined) {
    results.push(await randomKills("ingest", quick ? 5 : 100));
    results.push(await randomKills("broker", quick ? 2 : 20));
  }
  const not_run: string[] = [];
  const failures: string[] = [];
  for (const [name, begin] of chosen) {
    try {
      const result = await begin();
      console.log(`  ${result.drill}: acknowledged ${result.acknowledged}, lost ${result.lost}, duplicated ${result.duplicated}, recovery ${Math.round(result.recovery_ms)} ms, prices ${result.prices.answered} of ${result.prices.asked}`);
      results.push(result);
    } catch (error) {
      // The others say something all the same.
      const kind = isUnavailable(error) ? not_run : failures;
      kind.push(`${name} ${kind === not_run ? "was not run" : "failed"}: ${errorMessage(error)}`);
      console.log(`  ${kind.at(-1)}`);
    }
  }
  if (results.length === 0) {
    const none = { unavailable: [...not_run, ...failures].join("; ") };
    return { metrics: { acknowledged: none, lost: none, duplicated: none, recovery_ms: none, drills: [] }, check: "", notes: not_run, ...(failures.length > 0 ? { failure: failures.join("; ") } : {}) };
  }
  const worst = (of: (result: Drilled) => number): number => Math.max(...results.map(of));
  for (const { drill: name, equal } of results) if (!equal) failures.push(`after ${name} the store is not what one clean fold gives`);
  const metrics = { acknowledged: results.reduce((sum, { acknowledged }) => sum + acknowledged, 0), lost: worst(({ lost }) => lost), duplicated: worst(({ duplicated }) => duplicated), recovery_ms: worst(({ recovery_ms }) => recovery_ms) };
  if (metrics.lost > 0) failures.push(`${metrics.lost} acknowledged events are lost`);
  if (metrics.duplicated > 0) failures.push(`${metrics.duplicated} events are folded more than once`);
  for (const { drill: name, prices } of results) if (prices !== undefined && prices.answered < prices.asked) failures.push(`${name}: ${prices.asked - prices.answered} of ${prices.asked} prices were not answered`);
  const figures = results.map(({ drill: name, faults, acknowledged, lost, duplicated, recovery_ms, prices }) => ({ drill: name, faults, acknowledged, lost, duplicated, recovery_ms, ...(prices === undefined ? {} : { prices_asked: prices.asked, prices_answered: prices.answered, prices_degraded: prices.degraded }) }));
  return {
    metrics: { ...metrics, drills: figures },
    check: results.map(({ drill: name, faults }) => `${name} ${faults}`).join(),
    notes: [
      ...not_run,
      ...results.map(({ drill: name, faults, equal, remark }) => `${name}, ${faults} ×: ${remark}; store equal to a clean fold, key by key and byte by byte: ${equal ? "yes" : "NO"}`),
      "lost, duplicated: events acknowledged to the producer, counted by learner and kind, against the records of learners; producers repeat what was not acknowledged",
      "prices: asked some tens of times a second all the while, of the next host where one does not answer, or once more; degraded: marked as such, a missing model aside",
      "recovery_ms: the longest from a fault to the first durable commit of a new process, or of what was published since the broker is back, unless the drill says otherwise",
    ],
    ...(failures.length > 0 ? { failure: failures.join("; ") } : {}),
  };
}
