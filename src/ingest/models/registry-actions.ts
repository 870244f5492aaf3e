import type { TrainingRun } from "../../contracts/training-run.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { formatTime } from "../../lib/time.ts";
import type { ModelReader, Promotion, PromotionNote, StoredModel } from "./model-reader.ts";

/** What an operator says beside what is to be done. */
export interface ByHand {
  readonly author: string;
  readonly reason: string | undefined;
  readonly pinned: boolean;
  readonly now_ms: number;
  /** CONTROL sequence of the promotion that the operator looked at; absent: whichever is in force now. */
  readonly decided_on?: number | undefined;
}

/** What is known of the artifact's run stays with it, however often it is promoted. */
function noteOf(known: Pick<Promotion, "run_id" | "trained_at" | "training_seconds"> | undefined): Partial<PromotionNote> {
  return {
    ...(known?.run_id !== undefined && { run_id: known.run_id }),
    ...(known?.trained_at !== undefined && { trained_at: known.trained_at }),
    ...(known?.training_seconds !== undefined && { training_seconds: known.training_seconds }),
  };
}

function noteOfRun(run: TrainingRun | undefined): Partial<PromotionNote> {
  if (run === undefined) return {};
  const { run_id, trigger, started_at, candidates } = run;
  return trigger === "import" ? { run_id } : { run_id, trained_at: started_at, training_seconds: Object.fromEntries(candidates.map(({ name: candidate, seconds }) => [candidate, seconds])) };
}

/** Whether a run judged it and nothing that it was compared with was better. */
export function passed({ verdict }: TrainingRun): boolean {
  return verdict !== null && (verdict.promoted || (verdict.comparisons.length > 0 && verdict.comparisons.every((comparison) => comparison.passed)));
}

/** Stored anew before it is named: it may be the next to be removed. */
async function name<Model extends { readonly version: string }>(registry: ModelReader<Model>, model: StoredModel<Model>, note: PromotionNote, decided_on: number): Promise<Promotion> {
  return registry.promote(await registry.renew(model), note, decided_on);
}

/**
 * Promotes a stored model by hand. One that no run judged, or that was judged and refused, needs `force` and a reason. Throws TidemarkError `unknown_model`, `not_judged`,
 * `wrong_last_sequence`, and what compiling throws.
 */
export async function promoteByHand<Model extends { readonly version: string }>(registry: ModelReader<Model>, version: string, runs: readonly TrainingRun[], force: boolean, by: ByHand): Promise<Promotion> {
  const history = await registry.history();
  const model = await registry.load(version);
  const run = runs.find(({ artifact }) => artifact?.digest === model.digest);
  const before = history.findLast(({ digest }) => digest === model.digest);
  const worthy = before !== undefined || (run !== undefined && passed(run));
  if (!worthy && !force) {
    const why = run?.verdict ? `its run refused it: ${run.verdict.reason}` : "no run has judged it here";
    throw new TidemarkError("not_judged", `${version} is not promoted: ${why}. To promote it all the same, force it (--force) and say why (--reason)`);
  }
  if (!worthy && by.reason === undefined) throw new TidemarkError("bad_usage", "--force needs a --reason, which CONTROL keeps");
  const note = { ...noteOf(before), ...noteOfRun(run), time: formatTime(by.now_ms), author: by.author, reason: by.reason ?? "promoted by hand", ...(by.pinned && { pinned: true }) };
  return name(registry, model, note, by.decided_on ?? history.at(-1)?.sequence ?? 0);
}

/** The promotion to go back to: the one before the model in service was first promoted, so that going back twice goes back further. */
export function rollbackTarget(history: readonly Promotion[]): Promotion | undefined {
  const current = history.at(-1);
  const first = history.findIndex(({ digest }) => digest === current?.digest);
  return first > 0 ? history[first - 1] : undefined;
}

/** Goes back to an earlier champion, the one before unless named. Throws TidemarkError `nothing_to_roll_back`, `unknown_model`, and what compiling throws. */
export async function rollBack<Model extends { readonly version: string }>(registry: ModelReader<Model>, version: string | undefined, by: ByHand): Promise<Promotion> {
  const history = await registry.history();
  const current = history.at(-1);
  const target = version === undefined ? rollbackTarget(history) : history.findLast((promotion) => promotion.version === version && promotion.digest !== current?.digest);
  if (current === undefined || target === undefined) {
    const why = version === undefined ? "no other model has served before the present one" : `${version} has not served before: \`tidemark model list\` shows what has, \`tidemark model promote\` promotes any`;
    throw new TidemarkError("nothing_to_roll_back", why);
  }
  const note = { ...noteOf(target), time: formatTime(by.now_ms), author: by.author, reason: by.reason ?? `rolled back from ${current.version}`, ...(by.pinned && { pinned: true }) };
  return name(registry, await registry.load(target.version), note, by.decided_on ?? current.sequence);
}

/** Holds the champion in its place, or lets go of it. Throws TidemarkError `no_champion`; when there is nothing to change, what is in force comes back. */
export async function pin<Model extends { readonly version: string }>(registry: ModelReader<Model>, by: ByHand): Promise<Promotion> {
  const current = await registry.promoted();
  if (current === undefined) throw new TidemarkError("no_champion", "there is no champion to pin");
  if ((current.pinned ?? false) === by.pinned && (by.decided_on ?? current.sequence) === current.sequence) return current;
  const note = { ...noteOf(current), time: formatTime(by.now_ms), author: by.author, reason: by.reason ?? (by.pinned ? "pinned" : "released"), pinned: by.pinned };
  return name(registry, await registry.load(current.version), note, by.decided_on ?? current.sequence);
}
