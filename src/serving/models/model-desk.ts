import type { ModelChangedAnswer, ModelsAnswer, ServedFamily } from "../../contracts/model-api.ts";
import type { TrainingRun } from "../../contracts/training-run.ts";
import { modelList } from "../../ingest/models/model-list.ts";
import { ModelReader, type Promotion, type ReaderBroker } from "../../ingest/models/model-reader.ts";
import { type ByHand, pin, promoteByHand, rollBack } from "../../ingest/models/registry-actions.ts";
import { RunReader } from "../../ingest/models/run-store.ts";
import type { Clock } from "../../lib/clock.ts";
import { TidemarkError } from "../../lib/errors.ts";
import type { ControlDesk } from "../control-desk.ts";
import { propensityFamily } from "../learners/propensity-family.ts";
import { elasticityFamily } from "../model-info.ts";
import { ProblemError } from "../problem.ts";

export interface ModelDeskDeps {
  readonly broker: ReaderBroker;
  readonly desk: Pick<ControlDesk, "promote">;
  readonly clock: Clock;
}

/** Who changes what serves, why, and which promotion they looked at. */
export interface ModelOrder {
  readonly author: string;
  readonly reason: string;
  readonly expected_sequence?: number | undefined;
}

type Registry = ModelReader<{ readonly version: string }>;

/**
 * Which model of a family serves, changed by hand: the command line's own rules, answered once this host's fold has the promotion. Serving stores no model: what it names was read
 * back and compiled, and is kept since the last 50 promotions name it.
 */
export class ModelDesk {
  readonly #registries: Readonly<Record<ServedFamily, Registry>>;
  readonly #runs: RunReader;
  readonly #clock: Clock;

  constructor({ broker, desk, clock }: ModelDeskDeps) {
    const publish = desk.promote.bind(desk);
    this.#registries = {
      elasticity: new ModelReader(broker, elasticityFamily.family, elasticityFamily.compile, publish),
      propensity: new ModelReader(broker, propensityFamily.family, propensityFamily.compile, publish),
    };
    this.#runs = new RunReader(broker);
    this.#clock = clock;
  }

  async list(family: ServedFamily): Promise<ModelsAnswer> {
    const runs = (await answered(() => this.#runs.list())).filter((run) => run.family === family);
    const { models, history, rollback_to } = await answered(() => modelList(this.#registries[family], runs));
    const current = history.at(-1);
    return {
      family,
      sequence: current?.sequence ?? 0,
      champion: current?.version ?? null,
      pinned: current?.pinned ?? false,
      rollback_to: rollback_to ?? null,
      models: models.map(({ version, digest, bytes, stored_at, champion, promotions, judged, run_id }) => ({ version, digest, bytes, stored_at, champion, has_served: promotions.length > 0, judged, run_id: run_id ?? null })),
      promotions: history.toReversed().map(said),
      runs: runs.map(outcomeOf),
    };
  }

  promote(family: ServedFamily, { version, force, pinned }: { readonly version: string; readonly force: boolean; readonly pinned: boolean }, order: ModelOrder): Promise<ModelChangedAnswer> {
    return this.#change(family, async (registry) => promoteByHand(registry, version, await this.#judges(), force, this.#byHand(order, pinned)));
  }

  rollBack(family: ServedFamily, { version, pinned }: { readonly version?: string | undefined; readonly pinned: boolean }, order: ModelOrder): Promise<ModelChangedAnswer> {
    return this.#change(family, (registry) => rollBack(registry, version, this.#byHand(order, pinned)));
  }

  pin(family: ServedFamily, pinned: boolean, order: ModelOrder): Promise<ModelChangedAnswer> {
    return this.#change(family, (registry) => pin(registry, this.#byHand(order, pinned)));
  }

  #judges(): Promise<readonly TrainingRun[]> {
    return this.#runs.list();
  }

  #byHand({ author, reason, expected_sequence }: ModelOrder, pinned: boolean): ByHand {
    return { author, reason, pinned, now_ms: this.#clock.now_ms(), decided_on: expected_sequence };
  }

  async #change(family: ServedFamily, work: (registry: Registry) => Promise<Promotion>): Promise<ModelChangedAnswer> {
    return { family, ...said(await answered(() => work(this.#registries[family]))) };
  }
}

function said({ version, digest, sequence, time, author, reason, pinned, run_id }: Promotion): ModelsAnswer["promotions"][number] {
  return { version, digest, sequence, time, author: author ?? null, reason, pinned: pinned ?? false, run_id: run_id ?? null };
}

function outcomeOf({ run_id, started_at, trigger, status, artifact, verdict, failure }: TrainingRun): ModelsAnswer["runs"][number] {
  const [first] = verdict?.comparisons ?? [];
  const theirs = (kind: "naive" | "champion"): number | null => verdict?.comparisons.filter((comparison) => comparison.kind === kind).reduce<number | null>((least, { theirs: loss }) => (least === null || loss < least ? loss : least), null) ?? null;
  return {
    run_id,
    started_at,
    trigger,
    status,
    version: artifact?.version ?? null,
    promoted: verdict?.promoted ?? false,
    reason: failure?.message ?? verdict?.reason ?? "it was not judged",
    losses: first === undefined ? null : { metric: first.metric, challenger: first.challenger, champion: theirs("champion"), naive: theirs("naive") },
  };
}

/** Codes of what the registry refuses, and of artifacts that this version cannot serve. */
const refusals: ReadonlySet<string> = new Set(["not_judged", "nothing_to_roll_back", "no_champion", "version_taken", "missing_artifact", "corrupt_artifact", "incompatible_artifact"]);

/** What the registry throws, as problems. */
async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    if (error.code === "unknown_model") throw new ProblemError("unknown_model", sentence(error.message), { field: "version" });
    if (refusals.has(error.code)) throw new ProblemError("model_refused", sentence(error.message), { extension: { rule: error.code } });
    throw new ProblemError("broker_unavailable", "The models could not be read: the broker does not answer.");
  }
}

const sentence = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;
