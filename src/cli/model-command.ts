import { readFile } from "node:fs/promises";
import type { Artifact } from "../contracts/artifact.ts";
import type { PropensityArtifact } from "../contracts/propensity.ts";
import type { TrainingReport } from "../contracts/training-run.ts";
import type { Broker } from "../ingest/nats.ts";
import { systemClock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { artifactDigest, compileArtifact } from "../models/compiled.ts";
import { importXgboost } from "../models/xgboost-import.ts";
import { importedArtifactFamily, importedModelFamily } from "../training/elasticity/import-family.ts";
import { type AnyModel, families, type ModelFamily } from "../training/families.ts";
import { modelList } from "../ingest/models/model-list.ts";
import { RunStore } from "../ingest/models/run-store.ts";
import { runPipeline } from "../training/pipeline/pipeline.ts";
import type { Promotion } from "../ingest/models/model-reader.ts";
import type { ModelRegistry } from "../ingest/models/registry.ts";
import { type ByHand, pin, promoteByHand, rollBack } from "../ingest/models/registry-actions.ts";
import { candidateLines, headline } from "../training/report/report-text.ts";
import { number, textTable } from "../training/report/text-table.ts";
import type { CommandContext } from "./command.ts";
import { commandAuthor } from "./command-author.ts";
import { connectBroker } from "./connect-broker.ts";
import { EXIT_OK, EXIT_PERMANENT } from "./exit-codes.ts";
import { familyOption, runTraining } from "./training-session.ts";
import { writeOutput } from "./write-output.ts";

const json = (value: unknown): string => JSON.stringify(value, null, 2);

type Registry = ModelRegistry<AnyModel>;

/** Of the family that the command is about, unless given. */
async function withRegistry<T>(context: CommandContext, work: (registry: Registry, broker: Broker) => Promise<T>, family = familyOption(context)): Promise<T> {
  const broker = await connectBroker(context, "tidemark-model");
  try {
    return await work(families[family].registry(broker), broker);
  } finally {
    await broker.close();
  }
}

function byHand({ options }: CommandContext, pinned: boolean): ByHand {
  const reason = options["reason"];
  if (typeof reason === "string" && (reason.trim() === "" || reason.length > 1_000)) throw new TidemarkError("bad_usage", "--reason must be 1 to 1,000 characters");
  return { author: commandAuthor(), reason: typeof reason === "string" ? reason : undefined, pinned, now_ms: systemClock.now_ms() };
}

function tell({ options }: CommandContext, promotion: Promotion): number {
  const { version, pinned, reason, sequence } = promotion;
  console.log(options["json"] === true ? json(promotion) : `${version} serves${pinned === true ? ", pinned" : ""}: ${reason} (CONTROL ${sequence})`);
  return EXIT_OK;
}

/** `tidemark model list`: the artifacts, newest first, and which of them serves or has served. */
export function runModelList(context: CommandContext): Promise<number> {
  return withRegistry(context, async (registry) => {
    const listed = await modelList(registry, []);
    const models = listed.models.map(({ version, bytes, stored_at, digest, champion, pinned, promotions }) => ({ version, bytes, stored_at, digest, champion, pinned, promotions: promotions.map(({ time, reason }) => ({ time, reason })) }));
    if (context.options["json"] === true) console.log(json(models));
    else if (models.length === 0) console.log("No models yet: `tidemark train` makes one.");
    else {
      const rows = models.map(({ version, champion, pinned, bytes, stored_at, digest, promotions }) => [`${champion ? "*" : " "} ${version}`, `${(bytes / 1024).toFixed(0)} KB`, digest.slice(0, 12), stored_at.slice(0, 19), champion ? (pinned ? "serves, pinned" : "serves") : promotions.length > 0 ? "has served" : ""]);
      console.log(textTable(["  version", "size", "digest", "stored", "state"], rows).join("\n"));
    }
    return EXIT_OK;
  });
}

async function asked(registry: Registry, version: string | undefined): Promise<string> {
  const named = version ?? (await registry.promoted())?.version;
  if (named === undefined) throw new TidemarkError("no_champion", "no model serves yet: name one of `tidemark model list`");
  return named;
}

/** `tidemark model show`: the model in service, or another. */
export function runModelShow(context: CommandContext): Promise<number> {
  return withRegistry(context, async (registry) => {
    const { version, digest, bytes, model } = await registry.load(await asked(registry, context.arguments[0]));
    const promotions = (await registry.history()).filter((promotion) => promotion.version === version);
    const { artifact } = model;
    if (context.options["json"] === true) {
      console.log(json({ digest, bytes: bytes.length, ...withoutModels(artifact), promotions }));
      return EXIT_OK;
    }
    const { lineage } = artifact;
    console.log([
      `${version}: ${"champion" in artifact ? artifact.champion : artifact.family}, ${(bytes.length / 1024).toFixed(0)} KB, digest ${digest}`,
      `  from sequences ${lineage.first_sequence} to ${lineage.last_sequence} of ${lineage.stream}, ${lineage.data_from} to ${lineage.data_to}, ${lineage.rows} rows, seed ${lineage.seed}, version ${lineage.code_version}`,
      ...("binary" in artifact ? propensityLines(artifact) : elasticityLines(artifact)),
      ...(promotions.length === 0 ? ["", "It has not served."] : ["", ...promotions.map(({ time, reason, run_id, pinned }) => `  ${time}${pinned === true ? ", pinned" : ""}${run_id === undefined ? "" : `, run ${run_id}`}: ${reason}`)]),
    ].join("\n"));
    return EXIT_OK;
  });
}

/** Weights and trees are for `model export`. */
function withoutModels(artifact: Artifact | PropensityArtifact): object {
  const without = (part: { readonly model: object }): object => {
    const { model: _, ...rest } = part;
    return rest;
  };
  if ("binary" in artifact) return { ...artifact, binary: Object.fromEntries(Object.entries(artifact.binary).map(([dimension, own]) => [dimension, without(own)])) };
  return without(artifact);
}

function elasticityLines({ candidates, champion, elasticity: { global }, level_sd }: Artifact): string[] {
  const rows = candidates.map(({ name, metrics, elasticity: slope, backend }) => [`${name === champion ? "*" : " "} ${name}`, number(metrics.poisson_deviance), number(metrics.skill), number(metrics.r2_log), number(metrics.wape), number(slope), backend]);
  return [
    `  causal elasticity ${number(global.value)} ± ${number(1.96 * global.se)}${global.identified ? "" : " (prior only: prices never varied at random)"}; spread of courses' levels ${number(level_sd)}`,
    "",
    ...textTable(["  candidate", "deviance", "skill", "R2 (log)", "WAPE", "elasticity", "backend"], rows),
  ];
}

function propensityLines({ binary, price_sensitivity }: PropensityArtifact): string[] {
  const rows = Object.entries(binary).flatMap(([dimension, { champion, candidates }]) =>
    candidates.map(({ name, metrics, barred }) => [`${name === champion ? "*" : " "} ${dimension}`, name, ...["log_loss", "auc", "ece", "slope", "precision_70", "f1"].map((metric) => number(metrics[metric])), barred ?? ""]),
  );
  const [effect] = price_sensitivity.candidates;
  const slope = price_sensitivity.identified ? `${number(price_sensitivity.intercept)} ± ${number(1.96 * (effect?.metrics["effect_se"] ?? 0))}` : "not identified: prices never varied at random by enough to tell";
  return [`  log-odds of enrolling by log price, the average learner's: ${slope}`, "", ...textTable(["  dimension", "candidate", "log loss", "AUC", "ECE", "slope", "precision@70", "F1", "barred"], rows)];
}

/** `tidemark model promote`. */
export function runModelPromote(context: CommandContext): Promise<number> {
  const { options } = context;
  return withRegistry(context, async (registry, broker) => tell(context, await promoteByHand(registry, context.arguments[0]!, await new RunStore(broker).list(), options["force"] === true, byHand(context, options["pin"] === true))));
}

/** `tidemark model rollback`. */
export function runModelRollback(context: CommandContext): Promise<number> {
  return withRegistry(context, async (registry) => tell(context, await rollBack(registry, context.arguments[0], byHand(context, context.options["pin"] === true))));
}

/** `tidemark model pin` and `unpin`. */
export function runModelPin(context: CommandContext, pinned: boolean): Promise<number> {
  return withRegistry(context, async (registry) => tell(context, await pin(registry, byHand(context, pinned))));
}

/** `tidemark model export`: the artifact's very bytes. */
export function runModelExport(context: CommandContext): Promise<number> {
  const out = context.options["out"];
  if (typeof out !== "string" || out === "") throw new TidemarkError("bad_usage", "--out is missing: name the file");
  return withRegistry(context, async (registry) => {
    const { version, bytes, digest } = await registry.load(await asked(registry, context.arguments[0]));
    await writeOutput(out, bytes);
    console.log(context.options["json"] === true ? json({ version, digest, bytes: bytes.length, file: out }) : `${out}: ${version}, digest ${digest}`);
    return EXIT_OK;
  });
}

/** Whether a file is a model that XGBoost saved, by its outermost key. What is neither is refused as the artifact that it is not. */
function isXgboost(bytes: Uint8Array): boolean {
  return /^\s*\{\s*"(learner|version)"\s*:\s*[[{]/.test(new TextDecoder().decode(bytes.subarray(0, 100)));
}

/** The run that judges the model of a file. */
async function importedFamily({ options, arguments: [path] }: CommandContext): Promise<Pick<ModelFamily, "run">> {
  const bytes = await readFile(path!).catch((error: unknown) => {
    throw new TidemarkError("bad_usage", `${path} cannot be read: ${errorMessage(error)}`);
  });
  if (options["xgboost"] === true || isXgboost(bytes)) {
    const family = importedModelFamily("xgboost", importXgboost(bytes, { base_margin: options["baseMargin"] === true, rounds: options["allRounds"] === true ? "all" : "best" }));
    return { run: (run) => runPipeline(family, run) };
  }
  if (options["baseMargin"] === true || options["allRounds"] === true) throw new TidemarkError("bad_usage", "--base-margin and --all-rounds are for models of XGBoost, which this file is not");
  const family = importedArtifactFamily(compileArtifact(bytes, artifactDigest(bytes)), bytes);
  return { run: (run) => runPipeline(family, run) };
}

function outcome({ verdict, failure }: TrainingReport): string {
  return failure?.message ?? verdict?.reason ?? "it was not judged";
}

/**
 * `tidemark model import`: a run judges the model on the held-out weeks of this platform, and promotes it if it beats what there is. Ends with 2 when it does not serve
 * afterwards.
 */
export async function runModelImport(context: CommandContext): Promise<number> {
  const { options } = context;
  const by = byHand(context, options["pin"] === true);
  const force = options["force"] === true;
  if (force && by.reason === undefined) throw new TidemarkError("bad_usage", "--force needs a --reason, which CONTROL keeps");
  const report = await runTraining(context, { family: await importedFamily(context), trigger: "import" });
  const { analysis: _, ...run } = report;
  if (options["json"] === true) console.log(json(run));
  else console.log([...headline(run), "", ...candidateLines(run.candidates)].join("\n"));
  if (report.verdict?.promoted === true) return EXIT_OK;
  if (!force || report.artifact === null) {
    if (!force) console.error(`not promoted: ${outcome(report)}. It is stored as ${report.artifact?.version ?? "nothing"}`);
    return EXIT_PERMANENT;
  }
  const { version } = report.artifact;
  return withRegistry(context, async (registry) => {
    const promotion = await promoteByHand(registry, version, [run], true, by);
    console.error(`${promotion.version} serves all the same: ${promotion.reason}`);
    return EXIT_OK;
  });
}
