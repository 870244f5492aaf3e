import { must } from "../../lib/assert.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { Prng } from "../../lib/prng.ts";
import type { AndersonRubin } from "./anderson-rubin.ts";
import { type CrossFitted, type CrossFitting, crossFit } from "./cross-fitting.ts";
import { Design, usableRows } from "./design.ts";
import { type Coefficient, coefficient, type LeftOut, type NotIdentified, notIdentified } from "./estimate.ts";
import { type FirstStage, isWeak, tooWeak } from "./first-stage.ts";
import { clustersOrRows, dealClusters } from "./folds.ts";
import { clusterShare, noVariation } from "./identification.ts";
import type { Features, NuisanceLearner } from "./nuisance.ts";
import { norm } from "./orthogonal-basis.ts";
import { orthogonalEstimate, type OrthogonalEstimate, residualErrors } from "./orthogonal-score.ts";
import type { OverIdentification } from "./over-identification.ts";
import { poissonRegression } from "./poisson-regression.ts";
import { markedRows, type Sample } from "./sample.ts";

export interface DoubleLearningOptions {
  readonly learners: readonly NuisanceLearner[];
  readonly folds: number;
  readonly repeats: number;
  readonly seed: number;
  /** The outcome is a count: a Poisson regression on the treatment's residual with offset log λ̂(X) in place of the linear score. */
  readonly counts?: boolean;
  readonly onRepeat?: ((done: number) => void) | undefined;
  /** Awaited after every fit of a nuisance: gives the thread to others, and may throw to stop. */
  readonly pause?: (() => Promise<void>) | undefined;
}

/** What the learners made of one column. */
export interface NuisanceReport {
  readonly name: string;
  /** In each repeat. */
  readonly learners: readonly string[];
  /** Median over repeats of the share explained out of fold. */
  readonly r2: number;
}

export interface DoubleFit {
  readonly identified: true;
  readonly treatment: Coefficient;
  readonly df: number;
  readonly rows: number;
  readonly clusters: readonly { readonly name: string; readonly levels: number }[];
  readonly largest_cluster_share: number | null;
  readonly left_out: LeftOut;
  /** Estimate and error by repeat: they differ by the draw of folds alone. */
  readonly repeats: readonly { readonly estimate: number; readonly se: number }[];
  readonly folds: number;
  readonly nuisances: readonly NuisanceReport[];
  /** Medians over repeats; the Anderson–Rubin set and J are those of the repeat with the middle estimate. */
  readonly first_stage: FirstStage | null;
  readonly anderson_rubin: AndersonRubin | null;
  readonly over_identification: OverIdentification | null;
  readonly weak: boolean;
  /** Means over repeats of the residuals of outcome and treatment, by row used, for who asks how the effect differs. Not of counts. */
  readonly residuals: { readonly outcome: Float64Array; readonly treatment: Float64Array } | null;
  /** The rows that residuals are of, and their places in the sample given. */
  readonly sample: Sample;
  readonly places: Int32Array;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Estimates of several draws of folds as one, by the median method (Chernozhukov et al. 2018, definition 3.3): the median estimate, and the median of each
 * draw's variance plus the square of its distance from it.
 */
export function medianEstimate(draws: readonly { readonly estimate: number; readonly variance: number }[]): { readonly estimate: number; readonly variance: number } {
  const estimate = median(draws.map((own) => own.estimate));
  return { estimate, variance: median(draws.map((own) => own.variance + (own.estimate - estimate) ** 2)) };
}

/**
 * Features of the nuisance functions: the controls, and with absorbed effects the controls without them too (what a control's mean over a course does to the
 * course's mean is then within reach of a learner that is not linear).
 */
function featuresOf(sample: Sample, design: Design): Features {
  const columns = sample.controls.map(({ values }) => values);
  if (sample.fixed_effects.length > 0) columns.push(...columns.map((values) => design.absorbed(values)));
  const values = new Float64Array(sample.rows * columns.length);
  for (const [j, column] of columns.entries()) for (let i = 0; i < sample.rows; i++) values[i * columns.length + j] = column[i]!;
  return { rows: sample.rows, columns: columns.length, values };
}

/** Explained so well out of fold that what is left is the learner's own error. */
const R2_MAX = 1 - 1e-6;

/** Outcome, treatment and instruments without fixed effects; counts as they are. */
interface Columns {
  readonly outcome: Float64Array;
  readonly treatment: Float64Array;
  readonly instruments: readonly Float64Array[];
}

interface Draw extends OrthogonalEstimate {
  readonly share: number | null;
  readonly fitted: readonly (CrossFitted & { readonly name: string })[];
  readonly outcome: Float64Array;
  readonly treatment: Float64Array;
  readonly rows: number;
  readonly without_events: number;
}

function minus(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((own, i) => own - b[i]!);
}

/** One draw of folds: residuals out of fold, and the effect that they give. */
async function draw(sample: Sample, columns: Columns, fitting: CrossFitting, counts: boolean): Promise<Draw | NotIdentified> {
  const { clusters: [cluster], weights, treatment: { name } } = sample;
  const scaled = (values: Float64Array): Float64Array => (weights === undefined ? values : values.map((own, i) => own * Math.sqrt(weights[i]!)));
  const price = { ...(await crossFit("mean", columns.treatment, fitting)), name };
  if (!(price.r2 < R2_MAX)) return notIdentified("no_variation", `controls and fixed effects explain ${name} wholly (share of variance left out of fold: ${(1 - price.r2).toExponential(1)})`);
  const treatment = minus(columns.treatment, price.prediction);
  const model = residualErrors(sample.rows, cluster);
  if (counts) {
    const exposure = Float64Array.from({ length: sample.rows }, (_, i) => Math.exp(sample.offset?.[i] ?? 0));
    const exposed = { ...fitting, weights: exposure.map((own, i) => own * fitting.weights[i]!) };
    const rate = { ...(await crossFit("rate", columns.outcome.map((count, i) => count / exposure[i]!), exposed)), name: sample.outcome.name };
    const offset = exposure.map((own, i) => Math.log(own * Math.max(rate.prediction[i]!, Number.MIN_VALUE)));
    const fit = poissonRegression({ ...sample, treatment: { name, values: treatment }, controls: [], instruments: [], offset });
    if (!fit.identified) return fit;
    const { treatment: { estimate, se }, largest_cluster_share: share, left_out, rows } = fit;
    return { estimate, variance: se ** 2, direction: treatment, instrumental: null, share, fitted: [rate, price], outcome: columns.outcome, treatment, rows, without_events: left_out.without_events };
  }
  const level = { ...(await crossFit("mean", columns.outcome, fitting)), name: sample.outcome.name };
  const outcome = minus(columns.outcome, level.prediction);
  const others: (CrossFitted & { readonly name: string })[] = [];
  for (const [i, values] of columns.instruments.entries()) others.push({ ...(await crossFit("mean", values, fitting)), name: sample.instruments[i]!.name });
  const instruments = others.map(({ prediction }, i) => scaled(minus(columns.instruments[i]!, prediction)));
  const found = orthogonalEstimate({ outcome: scaled(outcome), treatment: scaled(treatment), instruments, cluster });
  if ("identified" in found) return found;
  const share = clusterShare(found.direction, model, name);
  if (typeof share === "object" && share !== null) return share;
  return { ...found, share, fitted: [level, price, ...others], outcome, treatment, rows: sample.rows, without_events: 0 };
}

/**
 * Double machine learning of a partially linear model, with instruments of a partially linear one: outcome, treatment and instruments less what the controls say of
 * them out of fold (folds by cluster), then the orthogonal estimate, over several draws of folds. Fixed effects are taken out before, by means over all rows, as
 * a learner cannot know a course that it has not seen; within clusters that reveals nothing of another fold.
 */
export async function doubleLearning(given: Sample, options: DoubleLearningOptions): Promise<DoubleFit | NotIdentified> {
  const { learners, folds, repeats, seed, counts = false, onRepeat, pause = async () => undefined } = options;
  if (given.clusters.length > 1) throw new TidemarkError("bad_errors", "double machine learning clusters by one dimension: its folds are drawn by it");
  if (given.controls.length === 0) throw new TidemarkError("no_controls", "double machine learning needs controls to learn from; without any, use least squares or two-stage least squares");
  if (counts && given.instruments.length > 0) throw new TidemarkError("bad_instruments", "double machine learning of counts takes no instruments");
  const { sample, keep, zero_weight, singletons } = usableRows(given);
  const groups = clustersOrRows(sample.clusters, sample.rows);
  if (groups.levels < 2) return notIdentified("one_cluster", `all rows are of one ${groups.name}: nothing can be learned out of fold`);
  if (groups.levels < folds) throw new TidemarkError("too_few_clusters", `${folds} folds of ${groups.levels} clusters: give fewer folds, or cluster by something finer`);
  const design = new Design(sample);
  const { treatment } = sample;
  const absorbed = (values: Float64Array): Float64Array => (sample.fixed_effects.length === 0 ? values : design.absorbed(values));
  if (!(norm(design.column(treatment.values).values) > 1e-8 * design.reference(treatment.values)) || design.moments(treatment.values).square === 0) return noVariation(sample);
  const columns: Columns = {
    outcome: counts ? sample.outcome.values : absorbed(sample.outcome.values),
    treatment: absorbed(treatment.values),
    instruments: sample.instruments.map(({ values }) => absorbed(values)),
  };
  const features = featuresOf(sample, design);
  const total = sample.weights?.reduce((sum, own) => sum + own, 0) ?? sample.rows;
  const weights = sample.weights?.map((own) => (own * sample.rows) / total) ?? new Float64Array(sample.rows).fill(1);

  const draws: Draw[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    const random = new Prng(`double learning ${seed} ${repeat}`);
    const fold = dealClusters(groups.levels, folds, random);
    const own = await draw(sample, columns, { features, weights, clusters: groups, fold, folds, learners, seed: `nuisance ${seed} ${repeat}`, pause }, counts);
    if ("identified" in own) return own;
    draws.push(own);
    onRepeat?.(repeat + 1);
  }
  const fit = combined(sample, draws, { singletons, zero_weight, without_events: draws[0]!.without_events, separated: 0 }, folds, counts);
  return fit.identified ? { ...fit, places: markedRows(keep) } : fit;
}

function combined(sample: Sample, draws: readonly Draw[], left_out: LeftOut, folds: number, counts: boolean): Omit<DoubleFit, "places"> | NotIdentified {
  const { estimate, variance } = medianEstimate(draws);
  const middle = must(draws.toSorted((a, b) => Math.abs(a.estimate - estimate) - Math.abs(b.estimate - estimate))[0], "a draw");
  const stage = middle.instrumental?.first_stage ?? null;
  const f = median(draws.map((own) => own.instrumental?.first_stage.f ?? Number.POSITIVE_INFINITY));
  const f_effective = median(draws.map((own) => own.instrumental?.first_stage.f_effective ?? Number.POSITIVE_INFINITY));
  const weak = isWeak({ f, f_effective });
  const name = sample.treatment.name;
  if (weak && middle.instrumental?.anderson_rubin.set.shape === "line") return tooWeak(f, name);
  const groups = clustersOrRows(sample.clusters, sample.rows);
  const df = counts ? Number.POSITIVE_INFINITY : groups.levels - 1;
  const mean = (of: (own: Draw) => Float64Array): Float64Array => Float64Array.from({ length: sample.rows }, (_, i) => draws.reduce((sum, own) => sum + of(own)[i]!, 0) / draws.length);
  return {
    identified: true,
    treatment: coefficient(name, estimate, Math.sqrt(variance), df),
    df,
    rows: middle.rows,
    clusters: sample.clusters.map((own) => ({ name: own.name, levels: own.levels })),
    largest_cluster_share: draws.reduce<number | null>((most, { share }) => (share === null ? most : Math.max(most ?? 0, share)), null),
    left_out,
    repeats: draws.map((own) => ({ estimate: own.estimate, se: Math.sqrt(own.variance) })),
    folds,
    nuisances: middle.fitted.map(({ name: own }, i) => ({ name: own, learners: draws.map(({ fitted }) => fitted[i]!.learner), r2: median(draws.map(({ fitted }) => fitted[i]!.r2)) })),
    first_stage: stage === null ? null : { ...stage, f, f_effective },
    anderson_rubin: middle.instrumental?.anderson_rubin ?? null,
    over_identification: middle.instrumental?.over_identification ?? null,
    weak,
    residuals: counts ? null : { outcome: mean((own) => own.outcome), treatment: mean((own) => own.treatment) },
    sample,
  };
}
