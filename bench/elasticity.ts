import type { elasticityScenario } from "../src/simulator/elasticity-scenario.ts";
import { must } from "../src/lib/assert.ts";
import { runChild } from "./child.ts";
import type { Score } from "./elasticity-score.ts";
import type { BenchOptions, BenchResult, Metric } from "./report.ts";

/** Seeds [from, to) of a scenario, or of the synthetic platform when there is none. */
export interface ElasticityJob {
  readonly scenario?: Partial<typeof elasticityScenario>;
  readonly from: number;
  readonly to: number;
}

export interface ElasticityResult {
  readonly scores: readonly Score[];
  readonly estimate_s: number;
}

const CHILD_MS = 600_000;
const PROCESSES = 2;
/** Seeds of one child at a time; a platform takes a hundred times as long as a scenario. */
const chunkOf = ({ scenario }: { readonly scenario: object | undefined }): number => (scenario === undefined ? 2 : 25);

const COVERAGE_MIN = 0.93;
const COVERAGE_MAX = 0.985;

interface Condition {
  readonly name: string;
  readonly scenario?: Partial<typeof elasticityScenario>;
  /** Seeds of the full run and of the quick one. */
  readonly seeds: number;
  readonly quick: number;
}

const none = { category_low: 0, category_high: 0, tau_course: 0 };
const conditions: readonly Condition[] = [
  { name: "255", scenario: { sales: 255 }, seeds: 200, quick: 25 },
  { name: "59", scenario: { sales: 59 }, seeds: 200, quick: 25 },
  { name: "25", scenario: { sales: 25 }, seeds: 200, quick: 25 },
  { name: "255_sigma_0.05", scenario: { sales: 255, sigma: 0.05 }, seeds: 200, quick: 10 },
  { name: "255_no_chase", scenario: { sales: 255, chase: 0 }, seeds: 200, quick: 10 },
  { name: "255_no_effect", scenario: { sales: 255, ...none }, seeds: 200, quick: 10 },
  { name: "25_no_effect", scenario: { sales: 25, ...none }, seeds: 200, quick: 10 },
  { name: "255_no_jitter", scenario: { sales: 255, sigma: 0 }, seeds: 200, quick: 3 },
  { name: "255_tau_0.15", scenario: { sales: 255, tau_course: 0.15 }, seeds: 100, quick: 0 },
  { name: "255_tau_0.6", scenario: { sales: 255, tau_course: 0.6 }, seeds: 100, quick: 0 },
  { name: "25_tau_0.15", scenario: { sales: 25, tau_course: 0.15 }, seeds: 100, quick: 0 },
  { name: "25_tau_0.6", scenario: { sales: 25, tau_course: 0.6 }, seeds: 100, quick: 0 },
  { name: "platform", seeds: 20, quick: 1 },
];

/** A mean over seeds with its Monte Carlo standard error; seeds are the clusters. */
interface Figure {
  readonly value: number;
  readonly error: number;
}

function mean(values: readonly number[]): Figure {
  const n = values.length;
  const value = values.reduce((sum, x) => sum + x, 0) / n;
  return { value, error: Math.sqrt(values.reduce((sum, x) => sum + (x - value) ** 2, 0) / (n * Math.max(1, n - 1))) };
}

/** Ratio of two means, its error by the delta method. */
function ratio(over: readonly number[], under: readonly number[]): Figure {
  const base = mean(under).value;
  const value = mean(over).value / base;
  return { value, error: mean(over.map((x, i) => x - value * under[i]!)).error / base };
}

type Figures = Readonly<Record<keyof Score | "mae_ratio", Figure>>;
/** What a condition's row shows, those with a Monte Carlo error beside them first. */
const judged = ["mae_ratio", "category_mae", "coverage_course", "coverage_category", "coverage_global"] as const;
const beside = ["mae", "identified", "tau_course"] as const;

const rounded = (value: number): number => Math.round(value * 1e5) / 1e5;

function figures(scores: readonly Score[]): Figures {
  const of = (name: keyof Score): Figure => mean(scores.map((score) => score[name]));
  return {
    mae: of("mae"),
    category_mean_mae: of("category_mean_mae"),
    mae_ratio: ratio(scores.map(({ mae: own }) => own), scores.map(({ category_mean_mae }) => category_mean_mae)),
    category_mae: of("category_mae"),
    coverage_course: of("coverage_course"),
    coverage_category: of("coverage_category"),
    coverage_global: of("coverage_global"),
    identified: of("identified"),
    tau_course: of("tau_course"),
  };
}

interface Measured {
  readonly name: string;
  readonly seeds: number;
  readonly estimate_ms: number;
  readonly figures: Figures;
}

async function measure(quick: boolean): Promise<Measured[]> {
  const chosen = conditions.map(({ name, scenario, ...seeds }) => ({ name, scenario, seeds: quick ? seeds.quick : seeds.seeds })).filter(({ seeds }) => seeds > 0);
  const jobs = chosen.flatMap(({ name, scenario, seeds }) => {
    const chunk = chunkOf({ scenario });
    return Array.from({ length: Math.ceil(seeds / chunk) }, (_, i) => ({ name, job: { ...(scenario && { scenario }), from: 1 + i * chunk, to: 1 + Math.min(seeds, (i + 1) * chunk) } }));
  });
  // Platforms take longest: first, so that no process waits for one at the end.
  jobs.reverse();
  const results = new Map<string, { from: number; result: ElasticityResult }[]>(chosen.map(({ name }) => [name, []]));
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < jobs.length) {
      const { name, job } = must(jobs[next++], "a job");
      must(results.get(name), "its condition").push({ from: job.from, result: await runChild<ElasticityResult>("elasticity", [JSON.stringify(job)], CHILD_MS) });
    }
  };
  await Promise.all(Array.from({ length: PROCESSES }, work));
  return chosen.map(({ name, seeds }) => {
    const parts = must(results.get(name), "its results").toSorted((a, b) => a.from - b.from).map(({ result }) => result);
    return { name, seeds, estimate_ms: (1000 * parts.reduce((sum, { estimate_s }) => sum + estimate_s, 0)) / seeds, figures: figures(parts.flatMap(({ scores }) => scores)) };
  });
}

/** What SCIENCE's gates find missing. A quick run has few seeds: it is judged by what its Monte Carlo error cannot explain. */
function missed(of: (name: string) => Figures, names: readonly string[], quick: boolean): string[] {
  const failures: string[] = [];
  const expect = (what: string, { value, error }: Figure, low: number, high: number): void => {
    const slack = quick ? 3 * error : 0;
    if (!(value >= low - slack && value <= high + slack)) failures.push(`${what} is ${value.toFixed(4)} ± ${error.toFixed(4)}, not in [${low}, ${high}]`);
  };
  expect("mae_ratio at 255 sales", of("255").mae_ratio, 0, 0.97);
  expect("mae_ratio at 59 sales", of("59").mae_ratio, 0, 1);
  expect("mae_ratio at 25 sales", of("25").mae_ratio, 0, 1);
  expect("category_mae at 255 sales", of("255").category_mae, 0, 0.12);
  for (const name of ["255", "59", "25", "255_sigma_0.05", "255_no_chase"]) expect(`course coverage at ${name}`, of(name).coverage_course, COVERAGE_MIN, COVERAGE_MAX);
  for (const name of names.filter((one) => one.endsWith("_no_effect"))) {
    for (const level of ["coverage_course", "coverage_category", "coverage_global"] as const) expect(`${level} of 0 at ${name}`, of(name)[level], COVERAGE_MIN, 1);
  }
  if (of("255_no_jitter").identified.value !== 0) failures.push("something is identified without jitter");
  return failures;
}

/** The causal elasticity that training ships, on the scenario of SCIENCE section 4 and on the synthetic platform. */
export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const measured = await measure(quick);
  const of = (name: string): Figures => must(measured.find((one) => one.name === name), name).figures;
  const main = of("255");
  const headline: Record<string, Figure> = {
    mae_255: main.mae,
    category_mean_mae_255: main.category_mean_mae,
    mae_ratio_255: main.mae_ratio,
    mae_ratio_59: of("59").mae_ratio,
    mae_ratio_25: of("25").mae_ratio,
    category_mae_255: main.category_mae,
    coverage_course: main.coverage_course,
    coverage_category: main.coverage_category,
    coverage_global: main.coverage_global,
  };
  const metrics: Record<string, Metric> = {};
  for (const [name, { value, error }] of Object.entries(headline)) Object.assign(metrics, { [name]: rounded(value), [`${name}_error`]: rounded(error) });
  metrics["seeds"] = must(measured.find(({ name }) => name === "255"), "the scenario").seeds;
  for (const { name, seeds, estimate_ms, figures: all } of measured) {
    const row: Record<string, number> = { seeds };
    for (const figure of judged) Object.assign(row, { [figure]: rounded(all[figure].value), [`${figure}_error`]: rounded(all[figure].error) });
    for (const figure of beside) row[figure] = rounded(all[figure].value);
    // The population that a platform's categories come from has no mean that is known.
    if (name === "platform") for (const figure of ["coverage_global", "coverage_global_error"]) delete row[figure];
    metrics[`at_${name}`] = [{ ...row, estimate_ms: Math.round(estimate_ms) }];
  }
  const failures = missed(of, measured.map(({ name }) => name), quick);
  return {
    metrics,
    check: JSON.stringify(measured.map(({ name, figures: all }) => [name, all])),
    notes: [
      `the shipped estimator on 400 courses in 8 categories over 180 days, prices chasing demand, daily jitter logged; every figure with its Monte Carlo standard error, clustered by seed${quick ? `; few seeds: gates allow for three of those errors` : ""}`,
      "at_S: S sales a course, jitter 0.10 unless said; no_chase: prices do not follow demand; no_effect: every elasticity is 0; tau_T: courses differ by T instead of 0.3 around their category, reported and not gated",
      "category_mean_mae: the error of taking the estimated category's value for each of its courses; coverage: share of 95 % intervals that hold the truth, which for `global` is the mean that categories are drawn around",
      "at_platform: default synthetic platforms of different seeds (2,000 courses of some 25 sales at 52 weekly draws, drifting taste, purses, a curve whose elasticity varies with price), truth weighted by sales at the list prices",
      "not measured: jitter that is not random, exposures that depend on price in ways that the log does not show",
    ],
    ...(failures.length > 0 ? { failure: failures.join("; ") } : {}),
  };
}
