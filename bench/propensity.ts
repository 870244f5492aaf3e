import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BoostingModel } from "../src/contracts/artifact.ts";
import { type BinaryDimension, binaryDimensions, type Dimension, dimensions, type PropensityTrees } from "../src/contracts/propensity.ts";
import type { Sensitivity } from "../src/models/propensity/price-sensitivity.ts";
import { defaultPlatform, type PlatformConfig } from "../src/simulator/config.ts";
import { type Calibration, createWorld } from "../src/simulator/world.ts";
import { runChild } from "./child.ts";
import { type Judged, missedGates } from "./propensity-gates.ts";
import type { BenchOptions, BenchResult, Figures, Metric } from "./report.ts";

export interface PopulationJob {
  readonly config: PlatformConfig;
  readonly calibration: Calibration;
  readonly populations: readonly number[];
  /** Of the rows of all populations. */
  readonly folder: string;
}

export interface CeilingJob {
  readonly dimension: Dimension;
  readonly folders: readonly string[];
  /** Of the models. */
  readonly folder: string;
}

/** What the best model of a dimension learned. */
export type Ceiling = { readonly rows: number } & ({ readonly model: PropensityTrees; readonly offsets: readonly number[] } | { readonly sensitivity: Sensitivity; readonly oracle: BoostingModel });

export interface ScoreJob {
  readonly config: PlatformConfig;
  readonly calibration: Calibration;
  readonly population: number;
  /** Of the ceilings. */
  readonly folder: string;
  /** Futures of each moment. */
  readonly replicates: number;
}

/** Figures of one population. */
export interface ScoreResult {
  readonly binary: Readonly<Record<BinaryDimension, Figures>>;
  readonly price_sensitivity: Figures;
  readonly shuffled_auc: number;
  readonly lifetime_ratio_60d: number;
  readonly champions: Readonly<Record<Dimension, string>>;
  readonly train_s: number;
  readonly rows: number;
  readonly hash: string;
}

const CHILD_MS = 900_000;
const PROCESSES = 2;
const CEILING_FROM = 101;

interface Size {
  readonly config: PlatformConfig;
  readonly populations: number;
  /** That the ceiling is fitted to, beside those that judge. */
  readonly ceiling_populations: number;
  readonly replicates: number;
}

const full: Size = { config: defaultPlatform, populations: 4, ceiling_populations: 22, replicates: 200 };
const quickSize: Size = { config: { ...defaultPlatform, learners: 400, courses: 150, teachers: 40, enrollments: 2_000 }, populations: 1, ceiling_populations: 8, replicates: 20 };

/** Runs jobs in so many processes, in their order. */
async function inProcesses<Job, Result extends object>(script: string, jobs: readonly Job[]): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < jobs.length) {
      const at = next++;
      results[at] = await runChild<Result>(script, [JSON.stringify(jobs[at])], CHILD_MS);
    }
  };
  await Promise.all(Array.from({ length: PROCESSES }, work));
  return results;
}

async function measure({ config, populations, ceiling_populations, replicates }: Size, chunk: number): Promise<{ scores: ScoreResult[]; ceilings: number[] }> {
  const folder = await mkdtemp(join(tmpdir(), "tidemark-bench-"));
  try {
    const { calibration } = createWorld(config);
    const others = Array.from({ length: ceiling_populations }, (_, i) => CEILING_FROM + i);
    const chunks = Array.from({ length: Math.ceil(others.length / chunk) }, (_, i) => others.slice(i * chunk, (i + 1) * chunk));
    await inProcesses<PopulationJob, { rows: number }>("propensity-population", chunks.map((own) => ({ config, calibration, populations: own, folder })));
    const folders = others.map((population) => join(folder, String(population)));
    const ceilings = await inProcesses<CeilingJob, { rows: number }>("propensity-ceiling", dimensions.map((dimension) => ({ dimension, folders, folder })));
    const scores = await inProcesses<ScoreJob, ScoreResult>("propensity-score", Array.from({ length: populations }, (_, population) => ({ config, calibration, population, folder, replicates })));
    return { scores, ceilings: ceilings.map(({ rows }) => rows) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Means over populations; of errors, that of the mean, populations being independent. null where a population has no figure. */
function over(all: readonly Figures[]): Figures {
  const names = [...new Set(all.flatMap((own) => Object.keys(own)))];
  return Object.fromEntries(
    names.map((name) => {
      const values = all.map((own) => own[name] ?? Number.NaN);
      const squared = name.endsWith("_error");
      const sum = values.reduce((total, value) => total + (squared ? value * value : value), 0);
      const mean = (squared ? Math.sqrt(sum) : sum) / values.length;
      return [name, Number.isFinite(mean) ? Math.round(mean * 1e5) / 1e5 : null];
    }),
  );
}

const list = (figures: Figures, names: readonly string[]): string => names.flatMap((name) => (typeof figures[name] === "number" ? [`${name} ${figures[name].toFixed(3)}`] : [])).join(", ");

/** The propensity models that training ships, on the synthetic platform, against what its features could tell at best and what nobody can know. */
export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const size = quick ? quickSize : full;
  const { scores, ceilings } = await measure(size, quick ? size.ceiling_populations / PROCESSES : 2);
  const binary = Object.fromEntries(binaryDimensions.map((dimension) => [dimension, over(scores.map((own) => own.binary[dimension]))])) as Record<BinaryDimension, Figures>;
  const price_sensitivity = over(scores.map((own) => own.price_sensitivity));
  const shuffled_auc = scores.reduce((worst, own) => (Math.abs(own.shuffled_auc - 0.5) > Math.abs(worst - 0.5) ? own.shuffled_auc : worst), 0.5);
  const mean = (of: (own: ScoreResult) => number): number => scores.reduce((sum, own) => sum + of(own), 0) / scores.length;
  const judged: Judged = { binary, price_sensitivity, shuffled_auc };
  const failures = quick ? [] : missedGates(judged);
  const metrics: Record<string, Metric> = { ...binary, price_sensitivity, shuffled_auc, lifetime_ratio_60d: mean(({ lifetime_ratio_60d }) => lifetime_ratio_60d), populations: scores.length, train_s: mean(({ train_s }) => train_s), rows: scores[0]!.rows };
  return {
    metrics,
    check: scores.map(({ hash }) => hash).join(" "),
    notes: [
      `${scores.length === 1 ? "a population" : `${scores.length} populations`} of ${size.config.learners} learners on one catalogue, each trained on by itself and judged on later cut-offs, means over populations; _error: standard error, clustered by learner`,
      `observable_auc: boosting on ${size.ceiling_populations} other populations of the same platform, all cut-offs (${ceilings.join(", ")} rows or views by dimension); latent_auc: the simulation gone on from its state ${size.replicates} times (completion integrated), for the chance left in so many extrapolated`,
      ...binaryDimensions.map((dimension) => `${dimension}: ${scores.map(({ champions }) => champions[dimension]).join(", ")}; targets of the product description AUC 0.80, precision_70 0.75, f1 0.75${dimension === "churn" ? ", recall_high 0.70" : ""}; here ${list(binary[dimension], ["auc", "precision_70", "f1", "recall_high"])}; a model that knew the truth ${list(binary[dimension], ["latent_auc", "latent_precision_70", "latent_f1", "latent_recall_high"])}`),
      "price_sensitivity: rank correlation with the true sensitivity over the courses that a learner sees; spearman_ceiling: the same estimator on all other populations; spearman_inputs: boosting fitted to the truth itself, what the inputs hold of it; null: not identified from so few views",
      "lifetime_ratio_60d: tokens that lifetime value expects of all learners within 60 days, over those that they spent",
      "shuffled_auc: of the candidate and population that are farthest from one half, enrollment labels dealt anew within each cut-off, in training and in judging",
      ...(quick ? [`quick: small platforms, whose gates mean little, are not judged; ${missedGates(judged).length} would be missed`] : []),
    ],
    ...(failures.length > 0 ? { failure: failures.join("; ") } : {}),
  };
}
