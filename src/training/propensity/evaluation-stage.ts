import { type BinaryDimension, binaryDimensions, type BinaryPropensity, PROPENSITY_FAMILY, type PropensityArtifact } from "../../contracts/propensity.ts";
import type { Analysis } from "../../contracts/training-analysis.ts";
import type { CandidateRecord } from "../../contracts/training-run.ts";
import { must } from "../../lib/assert.ts";
import { clusterIndices } from "../../models/cluster-bootstrap.ts";
import { encodeArtifact } from "../../models/compiled.ts";
import { calibrationLimits, eachTenth, logLoss } from "../../models/propensity/binary-metrics.ts";
import { type CompiledPropensity, compilePropensity } from "../../models/propensity/compiled-scorer.ts";
import type { RunIdentity } from "../artifact-identity.ts";
import { judge } from "../checks/check-limits.ts";
import { readJson, writeJson } from "../json-files.ts";
import type { Stage, StageContext } from "../pipeline/stage.ts";
import { decide } from "../promotion.ts";
import type { PromotionNote } from "../../ingest/models/model-reader.ts";
import { ModelRegistry } from "../../ingest/models/registry.ts";
import { propensityArtifact } from "./artifact.ts";
import { binaryArtifact, candidateRecord, chosen, type Contender, contenders, outcomes, unknownArtifact } from "./contenders.ts";
import type { PropensityDataset } from "./dataset.ts";
import { segmentsOf } from "./segmentation.ts";
import type { Evaluation, Preparation, PreparedWindows, PropensityOutputs, Training } from "./outputs.ts";

const FILE = "evaluation.json";
type Before = Pick<PropensityOutputs, "data" | "preparation" | "training">;

export function propensityRegistry(broker: StageContext["broker"]): ModelRegistry<CompiledPropensity> {
  return new ModelRegistry(broker, PROPENSITY_FAMILY, compilePropensity);
}

/** One dimension's candidates, on rows that they were not fitted to. */
export interface Contest {
  readonly dimension: BinaryDimension;
  readonly windows: PreparedWindows;
  readonly all: readonly Contender[];
  readonly champion: Contender;
}

/** What a run would have serve. */
export interface Challenger {
  readonly contests: readonly Contest[];
  readonly artifact: PropensityArtifact;
  readonly bytes: Uint8Array;
  readonly candidates: readonly CandidateRecord[];
}

/** Calibrates and selects on each dimension's validation block, judges on its test block, and makes the artifact. */
export function selectChallenger(data: PropensityDataset, preparation: Preparation, { candidates, price }: Training, run: RunIdentity): Challenger {
  const contests = binaryDimensions.flatMap((dimension): Contest[] => {
    const windows = preparation.windows[dimension];
    if (windows === undefined) return [];
    const all = contenders(candidates[dimension] ?? [], { dimension, dataset: data, windows, seed: run.seed });
    return [{ dimension, windows, all, champion: chosen(all) }];
  });
  const found = new Map(contests.map(({ dimension, all, windows }) => [dimension, binaryArtifact(dimension, all, windows)]));
  const binaryOf = (dimension: BinaryDimension): BinaryPropensity => found.get(dimension) ?? unknownArtifact(dimension, preparation.missing[dimension] ?? "there are no windows of it");
  const binary = { enrollment: binaryOf("enrollment"), churn: binaryOf("churn"), completion: binaryOf("completion"), upsell: binaryOf("upsell") };
  const artifact = propensityArtifact(data, binary, price, run);
  return {
    contests,
    artifact,
    bytes: encodeArtifact(artifact),
    candidates: contests.flatMap(({ dimension, all, champion, windows }) => all.map((contender) => candidateRecord(dimension, contender, contender === champion, data, windows))),
  };
}

/** Log loss of every test row, dimension after dimension. A dimension's rows weigh as much as any other's, however many there are. */
function lossesOf(contests: readonly Contest[], scoreOf: (contest: Contest, row: number) => number): Float64Array {
  const total = contests.reduce((sum, { windows }) => sum + windows.test.rows, 0);
  return Float64Array.from(
    contests.flatMap((contest) => {
      const { dimension, windows: { test } } = contest;
      const weight = total / (contests.length * test.rows);
      return Array.from(outcomes(dimension, test), (y, row) => weight * logLoss(scoreOf(contest, row), y));
    }),
  );
}

/** By the code that serves. */
function modelLosses(contests: readonly Contest[], model: CompiledPropensity, { features }: PropensityDataset): Float64Array {
  const { values, columns } = features;
  return lossesOf(contests, ({ dimension, windows: { test } }, row) => {
    const at = test.row[row]! * columns;
    return model.scoreOne(values.subarray(at, at + columns), dimension);
  });
}

/** What each dimension falls back on: the contender of that name, or the base rate where it has none. */
function baselineLosses(contests: readonly Contest[], name: string): Float64Array {
  const scoresOf = ({ all }: Contest): Float64Array => {
    const own = all.find((contender) => contender.name === name) ?? all.find((contender) => contender.name === "base_rate");
    return must(own, "every contest has a base rate").test_scores;
  };
  const scores = new Map(contests.map((contest) => [contest, scoresOf(contest)]));
  return lossesOf(contests, (contest, row) => scores.get(contest)![row]!);
}

function calibrationOf({ dimension, champion, windows: { test } }: Contest): Analysis["calibration"][number] {
  const y = outcomes(dimension, test);
  const bins: Analysis["calibration"][number]["bins"] = [];
  eachTenth(champion.test_scores, (positions) => {
    const rows = positions.length;
    const predicted = positions.reduce((sum, i) => sum + champion.test_scores[i]!, 0) / rows;
    const happened = positions.reduce((sum, i) => sum + y[i]!, 0);
    const observed = happened / rows;
    // Half a row off 0 and 1, so that a tenth in which nothing happened has an interval, too.
    const p = Math.min(1 - 0.5 / rows, Math.max(0.5 / rows, observed));
    const half = 1.959964 * Math.sqrt((p * (1 - p)) / rows);
    bins.push({ rows, predicted, observed, ci95: [Math.max(0, observed - half), Math.min(1, observed + half)] });
  });
  return { candidate: `${dimension}: ${champion.name}`, bins };
}

function headlineOf(contests: readonly Contest[]): string {
  const figure = (value: number | undefined): string => (value === undefined ? "none" : value.toFixed(3));
  return contests.map(({ dimension, champion: { name, metrics } }) => `${dimension} ${name}, AUC ${figure(metrics["auc"])}, ECE ${figure(metrics["ece"])}`).join("; ");
}

/** Scores drift apart from what happens after they were calibrated: noted, since only a later run can mend it. */
function checkForward(contests: readonly Contest[], { check }: StageContext): void {
  const errors = contests.map(({ dimension, champion }) => ({ dimension, ece: champion.metrics["ece"]!, slope: champion.metrics["slope"]! }));
  const worst = Math.max(...errors.map(({ ece }) => ece));
  const { slope_min, slope_max } = calibrationLimits;
  const details = errors.map(({ dimension, ece, slope }) => `${dimension} ${ece.toFixed(3)}, slope ${slope.toFixed(2)}`);
  check(judge("drift.calibration", worst, `calibration error on the rows held out: ${details.join("; ")}; slopes from ${slope_min} to ${slope_max} are good`));
}

/** What CONTROL keeps of the run. */
function noteOf({ run_id, started_at }: StageContext["run"], candidates: readonly CandidateRecord[]): Omit<PromotionNote, "time" | "reason"> {
  return { run_id, trained_at: started_at, training_seconds: Object.fromEntries(candidates.map(({ name, seconds }) => [name, seconds])) };
}

/** Stores the challenger's artifact and lets it serve if it beats what there is. */
async function evaluate({ data, preparation, training }: Before, context: StageContext): Promise<Evaluation> {
  const { run, broker, clock, logger, progress } = context;
  progress("select", 0, 3);
  const { contests, artifact, bytes, candidates } = selectChallenger(data, preparation, training, run);
  context.tell(Object.fromEntries(candidates.flatMap(({ name, forward }) => (forward.metrics["auc"] === undefined ? [] : [[`${name}.auc`, forward.metrics["auc"]]]))));
  checkForward(contests, context);
  progress("judge", 1, 3);
  const registry = propensityRegistry(broker);
  const stored = await registry.store(bytes);
  const verdict = await decide(
    registry,
    {
      name: "propensity",
      headline: headlineOf(contests),
      stored,
      metric: "log_loss",
      losses: modelLosses(contests, stored.model, data),
      clusters: clusterIndices(contests.flatMap(({ windows: { test } }) => Array.from(test.row, (row) => data.learner[row]!))),
      seed: run.seed,
      naive: [
        { name: "the hand scores, calibrated", kind: "naive", losses: baselineLosses(contests, "hand_score") },
        { name: "the base rates", kind: "naive", losses: baselineLosses(contests, "base_rate") },
      ],
      lossesOf: (model) => modelLosses(contests, model, data),
      barred: null,
      note: noteOf(run, candidates),
    },
    clock,
    logger,
  );
  progress("judge", 2, 3);
  await registry.prune();
  progress("judge", 3, 3);
  return {
    candidates: [...candidates],
    artifact: { name: stored.name, version: artifact.version, digest: stored.digest, bytes: stored.bytes.length },
    verdict,
    analysis: { calibration: contests.map(calibrationOf), segments: segmentsOf(data, stored.model) },
  };
}

export const evaluationStage: Stage<Before, Evaluation> = {
  run: evaluate,
  save: (evaluation, directory) => writeJson(directory, FILE, evaluation),
  load: (directory) => readJson<Evaluation>(directory, FILE),
  detail: ({ artifact, verdict }) => `${artifact.name} ${verdict.promoted ? "promoted" : "not promoted"}`,
};
