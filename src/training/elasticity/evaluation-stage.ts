import type { Artifact } from "../../contracts/artifact.ts";
import type { CandidateRecord } from "../../contracts/training-run.ts";
import { must } from "../../lib/assert.ts";
import { clusterIndices } from "../../models/cluster-bootstrap.ts";
import { type CompiledModel, compileArtifact, encodeArtifact } from "../../models/compiled.ts";
import type { TrainingDataset } from "../dataset.ts";
import { HeldOut } from "../evaluation.ts";
import { readJson, writeJson } from "../json-files.ts";
import type { Stage, StageContext } from "../pipeline/stage.ts";
import { decide } from "../promotion.ts";
import type { PromotionNote } from "../../ingest/models/model-reader.ts";
import { ModelRegistry } from "../../ingest/models/registry.ts";
import { elasticityArtifact, FAMILY } from "./artifact.ts";
import { baselines } from "./baselines.ts";
import { artifactCandidate, barred, candidateRecord, contend } from "./candidates.ts";
import { calibration, curves, residuals, withElasticity } from "./diagnostics.ts";
import type { ElasticityOutputs, Evaluation, Preparation, Training } from "./outputs.ts";

const FILE = "evaluation.json";
type Before = Pick<ElasticityOutputs, "data" | "understanding" | "preparation" | "training">;

export function elasticityRegistry(broker: StageContext["broker"]): ModelRegistry<CompiledModel> {
  return new ModelRegistry(broker, FAMILY, compileArtifact);
}

/** The challenger of a run, as it would serve. */
export interface Challenger {
  readonly name: string;
  readonly artifact: Artifact;
  readonly bytes: Uint8Array;
  /** Why it may not serve, whatever its figures. */
  readonly barred: string | null;
  readonly candidates: readonly CandidateRecord[];
  /** Expected enrollments of the test rows, of all candidates. */
  readonly means: ReadonlyMap<string, Float64Array>;
}

/** Selects on the validation weeks, judges on the test weeks, and makes the artifact. */
export function selectChallenger(data: TrainingDataset, preparation: Preparation, { candidates, elasticity }: Training, run: { readonly seed: number; readonly code_version: string }): Challenger {
  const { validation, test } = preparation;
  const contenders = candidates.map((fitted) => contend(fitted, preparation));
  const falling = contenders.filter(({ rising }) => rising === 0);
  const best = must((falling.length > 0 ? falling : contenders).toSorted((a, b) => a.validation_deviance - b.validation_deviance)[0], "a run has candidates");
  const described = contenders.map((contender) => artifactCandidate(contender, preparation));
  const { dispersion, level_sd } = new HeldOut([...validation.rows, ...test.rows]).scatter(best.rate);
  const artifact = elasticityArtifact(data, { champion: best.name, model: best.fitted.fit.model, candidates: described, elasticity, level_sd, dispersion }, run);
  return {
    name: best.name,
    artifact,
    bytes: encodeArtifact(artifact),
    barred: barred(best.rising),
    candidates: contenders.map(({ name, test_means, fitted }, i) => candidateRecord(described[i]!, test_means, test, fitted.fit.seconds, name === best.name)),
    means: new Map(contenders.map(({ name, test_means }) => [name, test_means])),
  };
}

/** What CONTROL keeps of the run. Of an imported model it knows neither when nor in what time it was trained. */
function noteOf({ run_id, trigger, started_at }: StageContext["run"], candidates: readonly CandidateRecord[]): Omit<PromotionNote, "time" | "reason"> {
  if (trigger === "import") return { run_id };
  return { run_id, trained_at: started_at, training_seconds: Object.fromEntries(candidates.map(({ name, seconds }) => [name, seconds])) };
}

/** Stores the challenger's artifact and lets it serve if it beats what there is. */
async function judge(challenger: Challenger, { data, preparation, understanding }: Before, { run, broker, clock, logger, progress }: StageContext): Promise<Evaluation> {
  const { test } = preparation;
  const { name, artifact, bytes, candidates, means } = challenger;
  progress("judge", 1, 3);
  const registry = elasticityRegistry(broker);
  const stored = await registry.store(bytes);
  const { forward } = must(candidates.find(({ selected }) => selected), "one candidate is selected");
  const { poisson_deviance, skill } = forward.metrics;
  const losses = (model: CompiledModel): Float64Array => test.losses((row) => model.conversionRate(row.view, row.mean_log_price));
  const verdict = await decide(
    registry,
    {
      name,
      headline: `${name}: deviance ${poisson_deviance!.toFixed(5)}, skill ${skill!.toFixed(4)} on ${forward.rows} course-weeks held out`,
      stored,
      metric: "poisson_deviance",
      losses: losses(stored.model),
      clusters: clusterIndices(test.rows.map((row) => row.course_id)),
      seed: run.seed,
      naive: baselines(data.rows, data.validation_end, data.at_ms.length).map((baseline) => ({ name: baseline.name, kind: "naive", losses: test.losses(baseline.rate) })),
      lossesOf: losses,
      barred: challenger.barred,
      note: noteOf(run, candidates),
    },
    clock,
    logger,
  );
  await registry.prune();
  progress("judge", 2, 3);
  const { global, tau_category, tau_course } = artifact.elasticity;
  const evaluation: Evaluation = {
    candidates: [...candidates],
    artifact: { name: stored.name, version: stored.version, digest: stored.digest, bytes: stored.bytes.length },
    verdict,
    analysis: {
      categories: withElasticity(understanding.categories, stored.model),
      elasticity: { global, tau_category, tau_course },
      residuals: residuals(name, must(means.get(name), "the challenger is among the candidates"), test, data.at_ms),
      calibration: calibration(means, test, stored.model.dispersion("")),
      curves: curves(data.rows, test, stored.model),
    },
  };
  progress("judge", 3, 3);
  return evaluation;
}

/** Who challenges: the best of the run's candidates, or a model that came whole. */
export type Selection = (before: Before, context: StageContext) => Challenger;

export function evaluationStage(select: Selection = ({ data, preparation, training }, { run }) => selectChallenger(data, preparation, training, run)): Stage<Before, Evaluation> {
  return {
    async run(before, context) {
      context.progress("judge", 0, 3);
      const challenger = select(before, context);
      context.tell(Object.fromEntries(challenger.candidates.map(({ name, forward }) => [`${name}.poisson_deviance`, forward.metrics["poisson_deviance"]!])));
      return judge(challenger, before, context);
    },
    save: (evaluation, directory) => writeJson(directory, FILE, evaluation),
    load: (directory) => readJson<Evaluation>(directory, FILE),
    detail: ({ artifact, verdict }) => `${artifact.name} ${verdict.promoted ? "promoted" : "not promoted"}`,
  };
}
