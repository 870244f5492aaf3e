import { requiredUnits } from "../src/pricing/experiments/power.ts";
import type { DrawnClusters, DrawnLearners } from "../src/pricing/experiments/simulated-experiment.ts";
import { runChild } from "./child.ts";
import type { BenchOptions, BenchResult, Metric } from "./report.ts";

/** Runs [from, to) of one condition. */
export type ExperimentJob = { readonly name: string; readonly from: number; readonly to: number } & (
  | { readonly kind: "learners"; readonly definition: Readonly<Record<string, unknown>>; readonly drawn: Omit<DrawnLearners, "seed"> }
  | { readonly kind: "clusters"; readonly drawn: Omit<DrawnClusters, "seed"> }
  | { readonly kind: "cuped"; readonly rho: number }
);
type Condition = ExperimentJob extends infer Job ? (Job extends ExperimentJob ? Omit<Job, "name" | "from" | "to"> : never) : never;

/** Counts over runs; `reduction`, `effect` and `sd` are sums. */
export interface ExperimentRuns {
  runs: number;
  rejected: number;
  naive_rejected: number;
  better: number;
  blocked: number;
  breached: number;
  covered_once: number;
  covered_always: number;
  reduction: number;
  effect: number;
  sd: number;
}

const CHILD_MS = 600_000;
const PROCESSES = 2;
const RUNS = { full: 1_000, quick: 40 } as const;
/** Of a rate that is 5 % at most: what chance gives a sound method at most, nineteen times in twenty. */
const REJECTED_MAX = 0.05;
const COVERAGE_MIN = 0.93;
const POWER = 0.8;

const usual: Omit<DrawnLearners, "seed"> = { per_day: 150, days: 56, conversion: 0.08, price_tokens: 120, price_log_sd: 0.6, lift: 1, covariate_weight: 0.7 };
const two = { outcome_days: 7, minimum_effect: 3 };
const four_arms = { ...two, control_arm: "list", arms: ["list", "a", "b", "c"].map((name) => ({ name, weight: 1, price: { kind: name === "list" ? "list" : "active" } })) };
const guarded = { ...two, guardrails: [{ metric: "conversion", worse_by_max: 0.01 }, { metric: "refund_rate", worse_by_max: 0.05 }] };

const nothing: Readonly<Record<string, Condition>> = {
  revenue: { kind: "learners", definition: guarded, drawn: usual },
  conversion: { kind: "learners", definition: { ...two, metric: "conversion", minimum_effect: 0.02 }, drawn: usual },
  // One in fifty buys, and of them some pay ten times as much as others.
  rare_and_skewed: { kind: "learners", definition: { ...two, cuped: false }, drawn: { ...usual, conversion: 0.02, price_log_sd: 1.2 } },
  four_arms: { kind: "learners", definition: four_arms, drawn: usual },
};
const LIFT = 1.35;
const CORRELATIONS = [0.3, 0.6, 0.9];

async function runs(name: string, condition: Condition, count: number): Promise<ExperimentRuns> {
  const cuts = Array.from({ length: PROCESSES + 1 }, (_, i) => Math.round((count * i) / PROCESSES));
  const parts = await Promise.all(cuts.slice(1).map((to, i) => runChild<ExperimentRuns>("experiments", [JSON.stringify({ name, from: cuts[i], to, ...condition })], CHILD_MS)));
  const sum = parts[0]!;
  for (const part of parts.slice(1)) for (const key of Object.keys(sum) as (keyof ExperimentRuns)[]) sum[key] += part[key];
  return sum;
}

/** A share with its Monte Carlo standard error. */
const share = (hits: number, of: number): { value: number; error: number } => ({ value: hits / of, error: Math.sqrt((Math.max(1, hits) * Math.max(1, of - hits)) / of) / of });

/** Experiments as they are shipped, on drawn learners and courses: error rates under daily looks, coverage, and whether what is promised is kept. */
export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const count = quick ? RUNS.quick : RUNS.full;
  const metrics: Record<string, Metric> = { runs: count };
  const failures: string[] = [];
  const check: string[] = [];
  for (const [name, condition] of Object.entries(nothing)) {
    const result = await runs(`aa ${name}`, condition, count);
    const rejected = share(result.rejected, result.runs);
    metrics[`aa_rejected_${name}`] = { ...rejected, ...(name === "four_arms" ? {} : { one_look_test: result.naive_rejected / result.runs }) };
    metrics[`sample_ratio_blocked_${name}`] = result.blocked / result.runs;
    if (name === "revenue") metrics["guardrail_stopped_by_chance"] = { ...share(result.breached, result.runs) };
    if (rejected.value > REJECTED_MAX + 1.645 * Math.sqrt((REJECTED_MAX * (1 - REJECTED_MAX)) / result.runs)) failures.push(`A/A tests of ${name} reject ${rejected.value}`);
    check.push(JSON.stringify(result));
  }
  const probe = await runs("probe", { kind: "learners", definition: two, drawn: { ...usual, per_day: 4_000, lift: LIFT } }, 2);
  const [effect, outcome_sd] = [probe.effect / probe.runs, probe.sd / probe.runs];
  const units = requiredUnits({ outcome_sd, covariate_correlation: 0, arm_share: 0.5, control_share: 0.5, design_effect: 1, alpha: 0.05, power: POWER, tau2: two.minimum_effect ** 2 }, effect);
  const found = await runs("power", { kind: "learners", definition: two, drawn: { ...usual, per_day: Math.ceil(units / usual.days), lift: LIFT } }, Math.min(count, 400));
  const power = share(found.better, found.runs);
  metrics["power"] = { promised: POWER, found: power.value, error: power.error, units, effect };
  if (power.value + 2 * power.error < POWER) failures.push(`of ${POWER} promised power ${power.value} is there`);
  const reductions: { rho_squared: number; taken_off: number }[] = [];
  for (const rho of CORRELATIONS) {
    const { reduction, runs: of } = await runs(`cuped ${rho}`, { kind: "cuped", rho }, Math.min(count, 200));
    reductions.push({ rho_squared: rho * rho, taken_off: reduction / of });
    if (Math.abs(reduction / of - rho * rho) > 0.01) failures.push(`CUPED with ρ = ${rho} takes ${reduction / of} of the variance off`);
  }
  metrics["cuped"] = reductions;
  const calm = await runs("aa switchback", { kind: "clusters", drawn: { clusters: 80, periods: 10, effect: 0 } }, Math.min(count, 400));
  metrics["aa_rejected_switchback"] = share(calm.rejected, calm.runs);
  if (calm.rejected / calm.runs > REJECTED_MAX + 1.645 * Math.sqrt((REJECTED_MAX * (1 - REJECTED_MAX)) / calm.runs)) failures.push(`A/A tests of switchbacks reject ${calm.rejected / calm.runs}`);
  const courses = await runs("switchback", { kind: "clusters", drawn: { clusters: 80, periods: 10, effect: 5 } }, Math.min(count, 400));
  metrics["switchback"] = { covered_at_95: courses.covered_once / courses.runs, covered_always_valid: courses.covered_always / courses.runs, error: share(courses.covered_once, courses.runs).error };
  if (courses.covered_once / courses.runs < COVERAGE_MIN - 2 * share(courses.covered_once, courses.runs).error) failures.push(`switchback intervals cover ${courses.covered_once / courses.runs}`);
  check.push(JSON.stringify([found, calm, courses, reductions]));
  return {
    metrics,
    check: check.join("\n"),
    notes: [
      `${usual.per_day} learners a day for ${usual.days} days, looked at after each; revenue is 0 or log-normal, and rests on what the covariate tells`,
      "`one_look_test` is what looking every day does to a test that is made for one look",
      "learners are drawn, not simulated platforms: nothing here says how large effects of prices are",
    ],
    ...(failures.length === 0 ? {} : { failure: failures.join("; ") }),
  };
}
