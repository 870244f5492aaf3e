import type { ElasticityReport, ReportedElasticity, ReportedEstimate, ReportedHierarchy } from "../contracts/elasticity-report.ts";
import { must } from "../lib/assert.ts";
import { TidemarkError } from "../lib/errors.ts";
import { type ConfidenceSet, confidenceSet, contains, scaleSet } from "../models/econometrics/confidence-set.ts";
import { tQuantileTwoSided } from "../models/econometrics/distributions.ts";
import { type DoubleFit, type DoubleLearningOptions, doubleLearning } from "../models/econometrics/double-learning.ts";
import type { Coefficient, Fit, LeftOut, NotIdentified } from "../models/econometrics/estimate.ts";
import type { FirstStage } from "../models/econometrics/first-stage.ts";
import { heterogeneousEffects } from "../models/econometrics/heterogeneity.ts";
import { type GroupEffect, hierarchical } from "../models/econometrics/hierarchical.ts";
import { leastSquares } from "../models/econometrics/least-squares.ts";
import { boostingLearner, type NuisanceLearner, ridgeLearner } from "../models/econometrics/nuisance.ts";
import { type CountFit, poissonRegression } from "../models/econometrics/poisson-regression.ts";
import type { Sample } from "../models/econometrics/sample.ts";
import { type InstrumentalFit, twoStage } from "../models/econometrics/two-stage.ts";
import type { AskedElasticity, LearnerChoice } from "./elasticity-options.ts";
import { type ElasticitySample, mean } from "./elasticity-sample.ts";

const learners: Readonly<Record<LearnerChoice, readonly NuisanceLearner[]>> = { best: [ridgeLearner, boostingLearner], ridge: [ridgeLearner], boosting: [boostingLearner] };
/** One cluster with more than this of what identifies the effect is worth a word. */
const SHARE_NOTED = 0.5;
/** Fewer clusters than this make clustered errors too small. */
const CLUSTERS_NOTED = 30;
/** Two-sided at 95 % of a normal belief. */
const NORMAL_95 = 1.959963984540054;

/** What an estimate adds to the report. */
export interface Estimated {
  readonly result: ElasticityReport["result"];
  readonly heterogeneity: ElasticityReport["heterogeneity"];
  readonly used: number;
  readonly left_out: LeftOut;
  readonly clusters: ElasticityReport["clusters"];
  readonly notes: readonly string[];
}

const nothing: LeftOut = { singletons: 0, zero_weight: 0, without_events: 0, separated: 0 };

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/**
 * What a coefficient is multiplied with to be an elasticity: nothing in logs; in levels p̄/q̄, or p̄ where the quantity's logarithm is in the model. The delta
 * method takes the means for known.
 */
function elasticityFactor(asked: AskedElasticity, quantity: number, price: number): number {
  if (asked.form === "logs") return 1;
  if (asked.counts) return price;
  if (!(quantity > 0)) throw new TidemarkError("no_elasticity", `the mean of ${asked.quantity} is ${quantity}: an elasticity at the mean needs it above 0`);
  return price / quantity;
}

function typeOf(value: number, set: ConfidenceSet): ReportedElasticity["type"] {
  if (contains(set, -1)) return "unit";
  return value < -1 ? "elastic" : "inelastic";
}

function copied({ shape, parts }: ConfidenceSet): ReportedElasticity["ci95"] {
  return { shape, parts: parts.map(({ low, high }) => ({ low, high })) };
}

function elasticity(value: number, se: number, set: ConfidenceSet, source: ReportedElasticity["ci95_source"]): ReportedElasticity {
  return { value, se: finite(se), ci95: copied(set), ci95_source: source, type: typeOf(value, set) };
}

/** Ends that are not finite are open. */
function interval(low: number, high: number): ConfidenceSet {
  return confidenceSet([{ low: finite(low), high: finite(high) }]);
}

function reported({ name, estimate, se, statistic, p, low, high }: Coefficient): ReportedEstimate["coefficients"][number] {
  return { name, estimate, se: finite(se), statistic: finite(statistic), p: finite(p), low: finite(low), high: finite(high) };
}

function reportedFirstStage({ f, p, f_iid, f_effective, df1, df2, r2_partial }: FirstStage): ReportedEstimate["first_stage"] {
  return { f: finite(f), p: finite(p), f_iid: finite(f_iid), f_effective: finite(f_effective), df1, df2: finite(df2), r2_partial };
}

type AnyFit = Fit | InstrumentalFit | CountFit | DoubleFit;

/** The parts of any fit that the report has, with what other methods do not have as null. */
function reportedEstimate(fit: AnyFit, factor: number): ReportedEstimate {
  const { treatment } = fit;
  const first_stage = "first_stage" in fit ? fit.first_stage : null;
  const anderson_rubin = "anderson_rubin" in fit ? fit.anderson_rubin : null;
  const over = "over_identification" in fit ? fit.over_identification : null;
  const weak = "weak" in fit && fit.weak && anderson_rubin !== null;
  const set = weak ? scaleSet(anderson_rubin.set, factor) : scaleSet(interval(treatment.low, treatment.high), factor);
  return {
    identified: true,
    elasticity: elasticity(factor * treatment.estimate, Math.abs(factor) * treatment.se, set, weak ? "anderson_rubin" : "t"),
    coefficients: ("coefficients" in fit ? fit.coefficients : [treatment]).map(reported),
    df: finite(fit.df),
    largest_cluster_share: fit.largest_cluster_share,
    absorbed: "absorbed" in fit ? fit.absorbed.map((own) => ({ ...own })) : [],
    dropped_columns: "dropped" in fit ? fit.dropped.map(({ name, of }) => ({ name, of: [...of] })) : [],
    r2: "r2" in fit ? finite(fit.r2) : null,
    r2_within: "r2_within" in fit && fit.r2_within !== null ? finite(fit.r2_within) : null,
    dispersion: "dispersion" in fit ? fit.dispersion : null,
    first_stage: first_stage && reportedFirstStage(first_stage),
    anderson_rubin: anderson_rubin && { f: finite(anderson_rubin.f), p: finite(anderson_rubin.p), set: copied(anderson_rubin.set) },
    over_identification: over && { ...over, j: finite(over.j), p: finite(over.p) },
    draws: "repeats" in fit ? fit.repeats.map((own) => ({ ...own })) : [],
    nuisances: "nuisances" in fit ? fit.nuisances.map(({ name, learners: own, r2 }) => ({ name, learners: [...own], r2 })) : [],
  };
}

function notesOf(asked: AskedElasticity, fit: AnyFit): string[] {
  const notes: string[] = [];
  const few = fit.clusters.find(({ levels }) => levels < CLUSTERS_NOTED);
  if (few !== undefined) notes.push(`only ${few.levels} clusters of ${few.name}: clustered errors come out too small with few`);
  const share = fit.largest_cluster_share;
  if (share !== null && share > SHARE_NOTED) notes.push(`one cluster has ${Math.round(100 * share)} % of the variation of price that the estimate rests on`);
  if ("weak" in fit && fit.weak) notes.push("instruments are weak (F below 10): the 95 % interval is Anderson and Rubin's, whose size is right all the same");
  const j = "over_identification" in fit ? fit.over_identification : null;
  if (j !== null && j.p < 0.05) notes.push(`J rejects that all instruments are valid (p ${j.p.toPrecision(2)})`);
  if (fit.treatment.low > 0) notes.push("the quantity rises with the price: what a price setter does who follows demand, rather than what price does");
  if (asked.method === "ols" && asked.fixed_effects.length + asked.controls.length === 0) {
    notes.push("neither controls, fixed effects nor instruments: a price setter who follows demand makes this slope something else than an elasticity");
  }
  return notes;
}

function estimator(method: "ols" | "2sls" | "poisson", asked: AskedElasticity): (sample: Sample) => Fit | NotIdentified {
  const run = { ols: leastSquares, "2sls": twoStage, poisson: poissonRegression }[method];
  return (sample) => run(sample, { errors: asked.errors });
}

function single(asked: AskedElasticity, { sample, mean_quantity, mean_price }: ElasticitySample, fit: AnyFit | NotIdentified): Estimated {
  if (!fit.identified) return { result: fit, heterogeneity: null, used: sample.rows, left_out: nothing, clusters: sample.clusters.map(({ name, levels }) => ({ name, levels })), notes: [] };
  const factor = elasticityFactor(asked, mean_quantity, mean_price);
  return { result: reportedEstimate(fit, factor), heterogeneity: null, used: fit.rows, left_out: fit.left_out, clusters: fit.clusters.map((own) => ({ ...own })), notes: notesOf(asked, fit) };
}

function groups(asked: AskedElasticity, { sample, group }: ElasticitySample): Estimated {
  const { factor, names } = must(group, "a group");
  const run = estimator(must(asked.group_method, "a method of the groups"), asked);
  const effect = (own: Sample): GroupEffect | NotIdentified => {
    const fit = run(own);
    if (!fit.identified) return fit;
    const scale = elasticityFactor(asked, mean(own.outcome.values, own.weights), mean(own.treatment.values, own.weights));
    const { treatment } = fit;
    // Shrinkage is normal: an error of few degrees of freedom is widened to the normal one with the same interval.
    const widened = (tQuantileTwoSided(0.05, fit.df) / NORMAL_95) * Math.abs(scale) * treatment.se;
    return { identified: true, treatment: { ...treatment, estimate: scale * treatment.estimate, se: widened }, rows: fit.rows };
  };
  const fit = hierarchical(sample, factor, names, effect);
  const left = { heterogeneity: null, used: sample.rows, left_out: nothing, clusters: sample.clusters.map(({ name, levels }) => ({ name, levels })) };
  if (!fit.identified) return { ...left, result: fit, notes: [] };
  const normal = (value: number, se: number): ReportedElasticity => elasticity(value, se, interval(value - NORMAL_95 * se, value + NORMAL_95 * se), "t");
  const result: ReportedHierarchy = {
    identified: true,
    mean: normal(fit.mean.value, fit.mean.se),
    tau: fit.tau,
    groups: fit.groups.map(({ group: name, rows, own, value, se, share }) => ({
      group: name,
      rows,
      own: "estimate" in own ? { identified: true, value: own.estimate, se: own.se } : { ...own },
      elasticity: normal(value, se),
      share,
    })),
  };
  const silent = fit.groups.filter(({ own }) => !("estimate" in own)).length;
  const note = `${silent} of ${fit.groups.length} groups have no estimate of their own: they get the common mean, with the spread between groups in its error`;
  return { ...left, result, notes: silent === 0 ? [] : [note] };
}

async function double(asked: AskedElasticity, built: ElasticitySample, { onRepeat, pause }: Pick<DoubleLearningOptions, "onRepeat" | "pause">): Promise<Estimated> {
  const { folds, repeats, seed, counts } = asked;
  const fit = await doubleLearning(built.sample, { learners: learners[asked.learner], folds, repeats, seed, counts, onRepeat, pause });
  const estimated = single(asked, built, fit);
  if (!fit.identified || asked.heterogeneity.length === 0) return estimated;
  const residuals = must(fit.residuals, "residuals of quantities");
  const columns = built.heterogeneity.map((own) => ({ name: own.name, values: Float64Array.from(fit.places, (row) => own.values[row]!) }));
  const factor = elasticityFactor(asked, built.mean_quantity, built.mean_price);
  const found = heterogeneousEffects(residuals.outcome, residuals.treatment, columns, { folds, seed, clusters: fit.sample.clusters, weights: fit.sample.weights });
  const slopes = found.slopes.map((own) => ({ ...own, slope: factor * own.slope }));
  return { ...estimated, heterogeneity: { average: factor * found.average, slopes, penalty: found.penalty, gain: found.gain, gain_se: found.gain_se } };
}

/** Runs the method that is asked for. Only double machine learning takes minutes: it can be followed and stopped. */
export async function estimateElasticity(asked: AskedElasticity, built: ElasticitySample, control: Pick<DoubleLearningOptions, "onRepeat" | "pause">): Promise<Estimated> {
  if (asked.method === "hierarchical") return groups(asked, built);
  if (asked.method === "dml") return double(asked, built, control);
  return single(asked, built, estimator(asked.method, asked)(built.sample));
}
