import type { TrainingRun } from "../../contracts/training-run.ts";
import type { ModelEntry, ModelReader, Promotion } from "./model-reader.ts";
import { passed, rollbackTarget } from "./registry-actions.ts";

/** What is known of a stored model: whether it serves or has served, and what the run that made it said. */
export interface ListedModel extends ModelEntry {
  readonly champion: boolean;
  readonly pinned: boolean;
  /** Oldest first. */
  readonly promotions: readonly Promotion[];
  /** The run that made it, among those that are kept. */
  readonly run_id: string | undefined;
  /** `not_judged`: no run that is kept has compared it with anything. What neither passed nor has served is promoted by force alone. */
  readonly judged: "passed" | "refused" | "not_judged";
}

export interface ModelList {
  /** Newest first. */
  readonly models: readonly ListedModel[];
  /** The last 50, oldest first; the last one is in force. */
  readonly history: readonly Promotion[];
  /** The version that a rollback goes back to. */
  readonly rollback_to: string | undefined;
}

/** The models of a family, as operators choose among them. */
export async function modelList(registry: ModelReader<{ readonly version: string }>, runs: readonly TrainingRun[]): Promise<ModelList> {
  const [entries, history] = await Promise.all([registry.list(), registry.history()]);
  const current = history.at(-1);
  const models = entries.map(({ version, bytes, stored_at, digest }): ListedModel => {
    const champion = version === current?.version;
    const run = runs.find(({ family, artifact }) => family === registry.family && artifact?.version === version && (digest === "" || artifact.digest === digest));
    return {
      version,
      bytes,
      stored_at,
      digest,
      champion,
      pinned: champion && current.pinned === true,
      promotions: history.filter((promotion) => promotion.version === version),
      run_id: run?.run_id,
      judged: run === undefined || run.verdict === null ? "not_judged" : passed(run) ? "passed" : "refused",
    };
  });
  return { models, history, rollback_to: rollbackTarget(history)?.version };
}
