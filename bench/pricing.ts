import { must } from "../src/lib/assert.ts";
import { type IntervalCoverage, overlaps } from "../src/pricing/off-policy/testing.ts";
import { pricingScenario } from "../src/simulator/pricing-scenario.ts";
import { runChild } from "./child.ts";
import type { Coverage } from "./pricing-platform.ts";
import type { Shares } from "./pricing-run.ts";
import type { OptimiseTime } from "./pricing-time.ts";
import type { BenchOptions, BenchResult, Metric } from "./report.ts";

export type PricingJob =
  | { readonly kind: "scenario"; readonly seed: number; readonly courses: number; readonly greedy: boolean }
  | { readonly kind: "platform" | "dense"; readonly seed: number; readonly small: boolean }
  | { readonly kind: "fuzz" | "replay"; readonly seed: number; readonly quotes: number }
  | { readonly kind: "off_policy"; readonly overlap: number; readonly logs: number }
  | { readonly kind: "time" };

interface ScenarioAnswer {
  readonly kind: "scenario";
  readonly seed: number;
  readonly static_share: number;
  readonly seed_rules_share: number;
  readonly seed_elasticity_rule_share: number;
  readonly engine_share: number;
  readonly engine_last_quarter_share: number;
  /** The same engine without draws; null where it was not run. */
  readonly greedy: Shares | null;
  readonly changes_a_course: number;
  /** A hash of every price of every course and day. */
  readonly prices: number;
}

export type PricingAnswer =
  | ScenarioAnswer
  | { readonly kind: "platform"; readonly seed: number; readonly share: number; readonly static_share: number; readonly last_quarter: number; readonly coverage: Coverage }
  | { readonly kind: "dense"; readonly seed: number; readonly coverage: Coverage }
  | { readonly kind: "fuzz"; readonly quotes: number; readonly violations: number; readonly moved: number }
  | { readonly kind: "replay"; readonly quotes: number; readonly identical: number }
  | ({ readonly kind: "off_policy" } & IntervalCoverage)
  | ({ readonly kind: "time" } & OptimiseTime);

const CHILD_MS = 600_000;
const PROCESSES = 2;
const Z95 = 1.96;

const ENGINE_SHARE_MIN = 0.95;
const LAST_QUARTER_MIN = 0.98;
const PRICE_US_MAX = 20;

function seeds<Job>(count: number, of: (seed: number) => Job): Job[] {
  return Array.from({ length: count }, (_, i) => of(i + 1));
}

/** Of a scenario: each is priced for itself, so that fewer only make the figures rougher. */
const coursesOf = (quick: boolean): number => (quick ? 100 : pricingScenario.courses);

/** Longest first, so that no process waits for one at the end. */
function jobs(quick: boolean): PricingJob[][] {
  const quotes = quick ? 20_000 : 125_000;
  const courses = coursesOf(quick);
  return [
    ...seeds(quick ? 1 : 4, (seed): PricingJob[] => [{ kind: "dense", seed, small: quick }]),
    ...seeds(quick ? 1 : 5, (seed): PricingJob[] => [{ kind: "platform", seed, small: quick }]),
    ...seeds(quick ? 2 : 20, (seed): PricingJob[] => [{ kind: "scenario", seed, courses, greedy: seed <= (quick ? 1 : 5) }]),
    ...seeds(quick ? 1 : 8, (seed): PricingJob[] => [{ kind: "fuzz", seed, quotes }]),
    [{ kind: "replay", seed: 1, quotes: quick ? 1_000 : 10_000 }],
    ...overlaps.map((_, overlap): PricingJob[] => [{ kind: "off_policy", overlap, logs: quick ? 20 : 150 }]),
  ];
}

async function work(list: readonly PricingJob[][]): Promise<PricingAnswer[]> {
  const results: PricingAnswer[][] = list.map(() => []);
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < list.length) {
      const at = next++;
      results[at] = (await runChild<{ answers: PricingAnswer[] }>("pricing", [JSON.stringify(list[at])], CHILD_MS)).answers;
    }
  };
  await Promise.all(Array.from({ length: PROCESSES }, one));
  return results.flat();
}

interface Figure {
  readonly value: number;
  /** Monte Carlo standard error; seeds are the clusters. NaN with one seed. */
  readonly error: number;
}

function mean(values: readonly number[]): Figure {
  const n = values.length;
  const value = values.reduce((sum, x) => sum + x, 0) / n;
  return { value, error: n > 1 ? Math.sqrt(values.reduce((sum, x) => sum + (x - value) ** 2, 0) / (n * (n - 1))) : Number.NaN };
}

const rounded = (value: number): number => Math.round(value * 1e5) / 1e5;

function ofKind<Kind extends PricingAnswer["kind"]>(answers: readonly PricingAnswer[], kind: Kind): Extract<PricingAnswer, { kind: Kind }>[] {
  return answers.filter((answer): answer is Extract<PricingAnswer, { kind: Kind }> => answer.kind === kind);
}

/** Coverage over all courses of all platforms, each platform a cluster. */
function coverageRow(list: readonly Coverage[]): Record<string, number | null> {
  const { value, error } = mean(list.map(({ coverage }) => coverage));
  return {
    platforms: list.length,
    sales_a_course: must(list[0], "a platform").sales_a_course,
    coverage: rounded(value),
    coverage_error: Number.isNaN(error) ? null : rounded(error),
    bias: rounded(mean(list.map(({ bias }) => bias)).value),
    mae: rounded(mean(list.map(({ mae }) => mae)).value),
  };
}

const OPE_COVERAGE_MIN = 0.93;

/** Of the 95 % intervals of off-policy evaluation, those that hold the truth, over logs of every overlap. */
function opeCoverage(kinds: readonly IntervalCoverage[]): { snips: Figure; doubly_robust: Figure; logs: number; refused: number } {
  const total = (of: (one: IntervalCoverage) => number): number => kinds.reduce((sum, one) => sum + of(one), 0);
  const logs = total(({ judged }) => judged);
  const share = (covered: number): Figure => ({ value: covered / logs, error: Math.sqrt(((covered / logs) * (1 - covered / logs)) / logs) });
  return { snips: share(total(({ snips }) => snips)), doubly_robust: share(total(({ doubly_robust }) => doubly_robust)), logs, refused: total(({ refused }) => refused) };
}

/** SCIENCE's pricing scenario through the shipped fold and pricing code, with what prices must never do beside it. */
export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  // Alone, since it is timed.
  const [time] = ofKind(await work([[{ kind: "time" }]]), "time");
  const answers = await work(jobs(quick));
  const scenarios = ofKind(answers, "scenario");
  const platforms = ofKind(answers, "platform");
  const fuzzed = ofKind(answers, "fuzz");
  const [replayed] = ofKind(answers, "replay");
  const of = (figure: (one: ScenarioAnswer) => number): Figure => mean(scenarios.map(figure));
  // Over whichever of the two rules does better: the description's three together, or its first alone.
  const uplift = of((one) => one.engine_share - Math.max(one.seed_rules_share, one.seed_elasticity_rule_share));
  const greedy = scenarios.flatMap((one) => one.greedy ?? []);
  const figures = {
    static_share: of((one) => one.static_share),
    seed_rules_share: of((one) => one.seed_rules_share),
    seed_elasticity_rule_share: of((one) => one.seed_elasticity_rule_share),
    engine_share: of((one) => one.engine_share),
    engine_last_quarter_share: of((one) => one.engine_last_quarter_share),
    greedy_share: mean(greedy.map(({ share }) => share)),
    greedy_last_quarter_share: mean(greedy.map(({ last_quarter }) => last_quarter)),
    uplift_over_static: of((one) => one.engine_share - one.static_share),
    uplift_over_seed: uplift,
    default_platform_share: mean(platforms.map(({ share }) => share)),
    default_platform_last_quarter_share: mean(platforms.map(({ last_quarter }) => last_quarter)),
    default_platform_static_share: mean(platforms.map(({ static_share }) => static_share)),
  };
  const metrics: Record<string, Metric> = {};
  for (const [name, { value, error }] of Object.entries(figures)) Object.assign(metrics, { [name]: rounded(value), ...(Number.isNaN(error) ? {} : { [`${name}_error`]: rounded(error) }) });
  const uplift_low = uplift.value - Z95 * uplift.error;
  const ope = opeCoverage(ofKind(answers, "off_policy"));
  const broken = fuzzed.reduce((sum, { violations }) => sum + violations, 0);
  Object.assign(metrics, {
    uplift_over_seed_ci95: rounded(uplift_low),
    changes_a_course: rounded(of((one) => one.changes_a_course).value),
    posterior_coverage: [platforms.map(({ coverage }) => coverage), ofKind(answers, "dense").map(({ coverage }) => coverage)].map(coverageRow),
    ope_coverage: rounded(Math.min(ope.snips.value, ope.doubly_robust.value)),
    ope_coverage_snips: rounded(ope.snips.value),
    ope_coverage_doubly_robust: rounded(ope.doubly_robust.value),
    ope_coverage_error: rounded(ope.snips.error),
    ope_logs: ope.logs,
    ope_refused: ope.refused,
    price_us: rounded(must(time, "a time").price_us),
    optimise_us: rounded(must(time, "a time").optimise_us),
    optimise_bytes: Math.round(must(time, "a time").optimise_bytes),
    quotes_fuzzed: fuzzed.reduce((sum, { quotes }) => sum + quotes, 0),
    quotes_moved: fuzzed.reduce((sum, { moved }) => sum + moved, 0),
    violations: broken,
    replayed: must(replayed, "a replay").quotes,
    replayed_identical: must(replayed, "a replay").identical,
    seeds: scenarios.length,
  });
  const failures: string[] = [];
  const expect = (what: string, { value, error }: Figure, least: number): void => {
    const slack = quick && !Number.isNaN(error) ? 3 * error : 0;
    if (!(value >= least - slack)) failures.push(`${what} is ${value.toFixed(4)}, not ${least} or more`);
  };
  expect("engine_share", figures.engine_share, ENGINE_SHARE_MIN);
  expect("engine_last_quarter_share", figures.engine_last_quarter_share, LAST_QUARTER_MIN);
  if (!(uplift_low > 0)) failures.push(`uplift over the description's rules may be 0: ${uplift_low.toFixed(4)}`);
  expect("default_platform_share less static", mean(platforms.map(({ share, static_share }) => share - static_share)), 0);
  for (const name of ["snips", "doubly_robust"] as const) expect(`coverage of ${name} intervals`, ope[name], OPE_COVERAGE_MIN);
  if (broken > 0) failures.push(`${broken} guardrails broken`);
  if (replayed?.identical !== replayed?.quotes) failures.push("a replay is not identical");
  // Quick runs share the machine with tests.
  if (!quick && must(time, "a time").price_us > PRICE_US_MAX) failures.push(`one price takes ${must(time, "a time").price_us.toFixed(1)} µs, more than ${PRICE_US_MAX}`);
  return {
    metrics,
    check: JSON.stringify([scenarios, platforms, ofKind(answers, "dense"), fuzzed, replayed]),
    notes: [
      `${coursesOf(quick)} logit courses, 120 days, 25 views a day; every view and sale through the shipped fold, every midnight every course through the shipped pricing code, without a model: guardrails on (step 0.1, cool-down of a day, ×/÷ 2), Thompson's draw daily; greedy: the same without draws, first seeds only`,
      "shares of the best whole price's expected revenue under the true curves, errors over seeds; uplift_over_seed_ci95: lower end of its 95 % interval, over the better of the description's rules and its elasticity rule alone, both weekly and told the true mean elasticity",
      "default_platform: twelve weeks of weekly prices under the default policy after a synthetic platform's history of the default density (25 sales a course), demand standing still; the level is the course's trailing conversion, the slope the shipped causal estimate",
      "posterior_coverage: share of the 95 % intervals of elasticity in price calls that hold the truth at the price now, on platforms of the default density and of 400 sales a course, whose prices chase demand and have a random part",
      "ope_coverage: the lower share, of normalised and doubly robust 95 % intervals, that hold what all courses would bring, over simulated logs from full overlap to hardly any, with a model that is wrong in level and slope; ope_refused: logs too thin for a verdict",
      "price_us: one course from inputs to outcome, warm, grid of 64, fastest tenth of 3,000 rounds of 20; optimise_us: of that the search of the grid; quotes_fuzzed: random inputs under random policies, each price held against every guardrail by code that shares nothing with them",
      "not measured: learners that answer prices by waiting, demand that changes while prices are learnt (but for the platform's drift), several engines on one platform",
    ],
    ...(failures.length > 0 ? { failure: failures.join("; ") } : {}),
  };
}
