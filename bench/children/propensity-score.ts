/** One population: trained on by itself as training ships it, judged against the truth and the ceilings. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type BinaryDimension, binaryDimensions, type Dimension, dimensions } from "../../src/contracts/propensity.ts";
import { learnerOutcomeNames } from "../../src/features/learner-outcomes.ts";
import { learnerFeatureNames } from "../../src/features/learner-replay.ts";
import { must } from "../../src/lib/assert.ts";
import { Prng } from "../../src/lib/prng.ts";
import { DAY_MS } from "../../src/lib/time.ts";
import { compilePredictor } from "../../src/models/predictor.ts";
import { binaryMetrics, bestThreshold } from "../../src/models/propensity/binary-metrics.ts";
import type { CompiledPropensity } from "../../src/models/propensity/compiled-scorer.ts";
import { CompiledSensitivity } from "../../src/models/propensity/compiled-sensitivity.ts";
import { handScore, isHandScored } from "../../src/models/propensity/hand-scores.ts";
import { eventLogOdds } from "../../src/models/propensity/hazard.ts";
import { propensityInputNames } from "../../src/models/propensity/inputs.ts";
import { lifetimeOf } from "../../src/models/propensity/lifetime-value.ts";
import { compileMargin } from "../../src/models/propensity/margin.ts";
import { areaWithError, clusteredError, slopeWithError } from "../../src/models/propensity/metric-errors.ts";
import { spearman } from "../../src/models/rank-correlation.ts";
import { type LatentPropensity, latentPropensity, trueSensitivity } from "../../src/simulator/latent-propensity.ts";
import { createWorld } from "../../src/simulator/world.ts";
import { blocksOf } from "../../src/training/propensity/cut-offs.ts";
import type { PropensityDataset } from "../../src/training/propensity/dataset.ts";
import { GAP_DAYS, HORIZON_DAYS, propensityDefinitions, windowMs } from "../../src/training/propensity/definitions.ts";
import { createTrainingPool } from "../../src/training/pool.ts";
import { shareableBytes } from "../../src/training/shared-memory.ts";
import { answer } from "../child.ts";
import type { Ceiling, ScoreJob, ScoreResult } from "../propensity.ts";
import { inputsOf, learnerNumbers } from "../propensity-rows.ts";
import { trainShipped } from "../propensity-training.ts";
import { platformLearners } from "../platform-learners.ts";
import type { Figures } from "../report.ts";

const COLUMNS = propensityInputNames.length;
const FEATURES = learnerFeatureNames.length;

const { config, calibration, population, folder, replicates }: ScoreJob = JSON.parse(must(process.argv[2], "job"));
const world = createWorld({ ...config, population }, calibration);
const dataset = platformLearners(world);
const inputs = inputsOf(dataset);
const numbers = learnerNumbers(dataset);

/** The score is of what the label says: churn of a learner to whom nothing happened. */
const labelOf = (dimension: BinaryDimension, y: number): number => (dimension === "churn" ? 1 - y : y);
const ordinal = (row: number): number => Number(dataset.learner[row]!.slice(1));
const featuresOf = (row: number): Float64Array => dataset.features.values.subarray(row * FEATURES, (row + 1) * FEATURES);

interface Judging {
  readonly row: number[];
  readonly y: Uint8Array;
}

/** Rows of a block of cut-offs. */
function judging({ at_ms, range, period, labels }: PropensityDataset, dimension: BinaryDimension, block: "validation" | "test"): Judging {
  const { from, to } = must(blocksOf(at_ms, range.to_ms, windowMs(propensityDefinitions[dimension])), "a test block")[block];
  const { row, y } = labels[dimension];
  const chosen = [...row.keys()].filter((i) => period[row[i]!]! >= from && period[row[i]!]! < to);
  return { row: chosen.map((i) => row[i]!), y: Uint8Array.from(chosen, (i) => labelOf(dimension, y[i]!)) };
}

const ceilingOf = (dimension: Dimension): Ceiling => JSON.parse(readFileSync(join(folder, `${dimension}.json`), "utf8"));

function ceilingScores(dimension: BinaryDimension, rows: readonly number[]): Float64Array {
  const ceiling = ceilingOf(dimension);
  if (!("model" in ceiling)) throw new Error(`no ceiling of ${dimension}`);
  const margin = compileMargin(ceiling.model, COLUMNS);
  const offsets = Float64Array.from(ceiling.offsets);
  return Float64Array.from(rows, (row) => (dimension === "churn" ? -1 : 1) * eventLogOdds(margin.margin(inputs, row * COLUMNS), offsets));
}

const horizons = {
  gap_days: GAP_DAYS,
  enrollment_days: propensityDefinitions.enrollment.horizon_days,
  churn_days: propensityDefinitions.churn.horizon_days,
  completion_days: propensityDefinitions.completion.horizon_days,
  upsell_days: propensityDefinitions.upsell.horizon_days,
};

/** Latent scores by half of the futures, at every cut-off that some dimension is judged at. */
function latentHalves(judged: Readonly<Record<BinaryDimension, Judging>>): (dimension: BinaryDimension, half: 0 | 1, row: number) => number {
  const periods = [...new Set(binaryDimensions.flatMap((dimension) => judged[dimension].row.map((row) => dataset.period[row]!)))].toSorted((a, b) => a - b);
  const at_ms = periods.map((period) => dataset.at_ms[period]!);
  const half = Math.ceil(replicates / 2);
  const found: readonly LatentPropensity[][] = [latentPropensity(world, at_ms, horizons, half, 0), latentPropensity(world, at_ms, horizons, half, half)];
  return (dimension, which, row) => found[which]![periods.indexOf(dataset.period[row]!)]![dimension][ordinal(row)]!;
}

function figuresOf(scorer: CompiledPropensity, dimension: BinaryDimension, { row, y }: Judging, validation: Judging, latent: ReturnType<typeof latentHalves>): Figures {
  const clusters = Int32Array.from(row, (own) => numbers[own]!);
  const scores = Float64Array.from(row, (own) => scorer.scoreOne(featuresOf(own), dimension));
  const threshold = bestThreshold(Float64Array.from(validation.row, (own) => scorer.scoreOne(featuresOf(own), dimension)), validation.y);
  const halves = ([0, 1] as const).map((half) => Float64Array.from(row, (own) => latent(dimension, half, own)));
  const truth = halves[0]!.map((own, i) => (own + halves[1]![i]!) / 2);
  const own = must(areaWithError(scores, y), "both labels");
  const observable = must(areaWithError(ceilingScores(dimension, row), y), "both labels");
  const known = must(areaWithError(truth, y), "both labels");
  const ofHalves = halves.map((half) => must(areaWithError(half, y), "both labels").value);
  const slope = slopeWithError(scores, y);
  const hand = isHandScored(dimension) ? areaWithError(Float64Array.from(row, (at) => handScore(dimension, featuresOf(at))), y) : undefined;
  const apart = (a: Float64Array, b: Float64Array): number => clusteredError(a.map((at, i) => at - b[i]!), clusters);
  const metrics = binaryMetrics(scores, y, threshold);
  const best = binaryMetrics(truth, y, bestThreshold(truth, y));
  const chosen = (from: Record<string, number>, prefix: string): Figures => Object.fromEntries(["precision_70", "f1", "recall_high"].flatMap((name) => (from[name] === undefined ? [] : [[`${prefix}${name}`, from[name]]])));
  return {
    rows: row.length,
    rate: metrics["rate"]!,
    auc: own.value,
    auc_error: clusteredError(own.influence, clusters),
    observable_auc: observable.value,
    behind_ceiling_error: apart(observable.influence, own.influence),
    // The chance in a finite number of futures costs about 1/number.
    latent_auc: 2 * known.value - (ofHalves[0]! + ofHalves[1]!) / 2,
    above_latent_error: apart(own.influence, known.influence),
    hand_score_auc: hand?.value ?? 0.5,
    above_hand_error: hand === undefined ? 0 : apart(own.influence, hand.influence),
    ece: metrics["ece"]!,
    // What chance alone makes of the distances of ten equal parts.
    ece_error: Math.sqrt((metrics["rate"]! * (1 - metrics["rate"]!) * (1 - 2 / Math.PI)) / row.length),
    slope: slope?.value ?? Number.NaN,
    slope_error: slope === undefined ? Number.NaN : clusteredError(slope.influence, clusters),
    log_loss: metrics["log_loss"]!,
    latent_log_loss: best["log_loss"]!,
    ...chosen(metrics, ""),
    ...chosen(best, "latent_"),
  };
}

/** Learners at the last cut-off, against the truth there. */
function sensitivityFigures(scorer: CompiledPropensity): Figures {
  const last = dataset.at_ms.length - 1;
  const rows = [...dataset.period.keys()].filter((row) => dataset.period[row] === last);
  const truth = trueSensitivity(world, dataset.at_ms[last]!);
  const b = rows.map((row) => truth[ordinal(row)]!);
  const ceiling = ceilingOf("price_sensitivity");
  if (!("sensitivity" in ceiling)) throw new Error("no ceiling of price sensitivity");
  const best = new CompiledSensitivity({ ...ceiling.sensitivity, definition: propensityDefinitions.price_sensitivity }, COLUMNS);
  const oracle = compilePredictor(ceiling.oracle, COLUMNS);
  const inputRow = (row: number): Float64Array => inputs.subarray(row * COLUMNS, (row + 1) * COLUMNS);
  return {
    learners: rows.length,
    spearman: spearman(rows.map((row) => -(scorer.priceEffect(featuresOf(row))?.value ?? 0)), b),
    spearman_ceiling: spearman(rows.map((row) => -best.effect(inputRow(row))), b),
    spearman_inputs: spearman(rows.map((row) => oracle.logRate(inputs, row * COLUMNS)), b),
    // Of a rank correlation near 0.
    spearman_error: 1 / Math.sqrt(rows.length - 1),
  };
}

/** Tokens that everybody is expected to spend in the windows after the last cut-off at which they have passed, over those that were spent. */
function lifetimeRatio(scorer: CompiledPropensity): number {
  const whole = dataset.at_ms.findLastIndex((at) => at + (GAP_DAYS + HORIZON_DAYS) * DAY_MS <= config.end_ms);
  const scores = new Float64Array(dimensions.length);
  let expected = 0;
  let spent = 0;
  for (const [row, period] of dataset.period.entries()) {
    if (period !== whole) continue;
    const features = featuresOf(row);
    scorer.score(features, scores);
    expected += must(lifetimeOf(features, scores, scorer, HORIZON_DAYS), "probabilities");
    spent += dataset.outcomes[row * learnerOutcomeNames.length + learnerOutcomeNames.indexOf("price_paid_tokens")]!;
  }
  return expected / spent;
}

/** The same training on labels that are dealt anew among the rows of each cut-off. */
function shuffled(): PropensityDataset {
  const { row, y } = dataset.labels.enrollment;
  const random = new Prng(`shuffled ${population}`);
  const dealt = shareableBytes(y.length);
  dealt.set(y);
  for (let from = 0; from < row.length; ) {
    let to = from;
    while (to < row.length && dataset.period[row[to]!] === dataset.period[row[from]!]) to++;
    for (let i = to - 1; i > from; i--) {
      const j = from + random.integer(i - from + 1);
      [dealt[i], dealt[j]] = [dealt[j]!, dealt[i]!];
    }
    from = to;
  }
  return { ...dataset, labels: { ...dataset.labels, enrollment: { row, y: dealt } } };
}

/** Of areas that ought to be one half. */
const farthest = (areas: readonly number[]): number => areas.reduce((worst, own) => (Math.abs(own - 0.5) > Math.abs(worst - 0.5) ? own : worst), 0.5);
const fromInputs: ReadonlySet<string> = new Set(["logistic", "boosting", "forest", "network"]);

const pool = await createTrainingPool({ threads: 2, deadline_ms: 600_000 });
const { scorer, digest, seconds } = await trainShipped(dataset, pool);
const dealt = shuffled();
const blind = await trainShipped(dealt, pool, ["enrollment"]);
await pool.close();
const judged = Object.fromEntries(binaryDimensions.map((dimension) => [dimension, judging(dataset, dimension, "test")])) as Record<BinaryDimension, Judging>;
const latent = latentHalves(judged);
const binary = Object.fromEntries(binaryDimensions.map((dimension) => [dimension, figuresOf(scorer, dimension, judged[dimension], judging(dataset, dimension, "validation"), latent)])) as Record<BinaryDimension, Figures>;
const result: ScoreResult = {
  binary,
  price_sensitivity: sensitivityFigures(scorer),
  lifetime_ratio_60d: lifetimeRatio(scorer),
  shuffled_auc: farthest(blind.contests.flatMap(({ all, windows: { test } }) => all.filter(({ served }) => fromInputs.has(served.model.kind)).map(({ test_scores }) => areaWithError(test_scores, test.y)?.value ?? 0.5))),
  champions: Object.fromEntries(dimensions.map((dimension) => [dimension, scorer.model(dimension)])) as Record<Dimension, string>,
  train_s: seconds,
  rows: dataset.features.rows,
  hash: digest,
};
answer(result);
