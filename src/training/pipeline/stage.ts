import type { CandidateRecord, Check, TrainingRun, Verdict } from "../../contracts/training-run.ts";
import type { Analysis } from "../../contracts/training-analysis.ts";
import type { Broker } from "../../ingest/nats.ts";
import type { StreamSource } from "../../ingest/read-stream.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { TrainingPool } from "../pool.ts";
import type { StreamRange } from "../stream-range.ts";

/** The stages that a family of models defines. The sixth, the report, is the same for all. */
export const workStages = ["data", "understanding", "preparation", "training", "evaluation"] as const;
export type WorkStage = (typeof workStages)[number];

export type Outputs = Record<WorkStage, unknown>;

interface Earlier {
  data: never;
  understanding: "data";
  preparation: "data" | "understanding";
  training: "data" | "understanding" | "preparation";
  evaluation: "data" | "understanding" | "preparation" | "training";
}

/** What a stage works with, beside the outputs of those before it. */
export interface StageContext {
  readonly run: Pick<TrainingRun, "run_id" | "family" | "trigger" | "seed" | "code_version" | "started_at">;
  readonly range: StreamRange;
  readonly broker: Broker;
  /** EVENTS, from its beginning. */
  readonly events: StreamSource;
  readonly pool: TrainingPool;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  progress(step: string, done: number, total: number): void;
  /** Figures that whoever watches may see before the run has ended. */
  tell(figures: Readonly<Record<string, number>>): void;
  /** One that fails ends the run when the stage has ended: its other checks are worth knowing, too. */
  check(check: Omit<Check, "stage">): void;
}

/** One stage of a run: equal inputs, range and seed give an equal output. */
export interface Stage<Before, Output> {
  run(before: Before, context: StageContext): Promise<Output>;
  /** Writes what `load` needs into an empty directory. */
  save(output: Output, directory: string): void;
  /** The output, as it was. Throws when the directory does not hold it. */
  load(directory: string, before: Before, context: StageContext): Output;
  /** What came of it, in a line. */
  detail(output: Output): string;
}

/** What a run's record tells of its outputs. */
export interface Description {
  readonly candidates: CandidateRecord[];
  readonly artifact: TrainingRun["artifact"];
  readonly verdict: Verdict | null;
  readonly analysis: Analysis;
}

/** A family of models that are trained, judged and promoted together, such as `elasticity`. */
export interface Family<O extends Outputs> {
  readonly name: string;
  readonly stages: { readonly [Name in WorkStage]: Stage<Readonly<Pick<O, Earlier[Name]>>, O[Name]> };
  /** Of a run that has come as far as these outputs. */
  describe(outputs: Readonly<Partial<O>>): Description;
}
