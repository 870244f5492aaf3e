import { z } from "zod";
import { idSchema } from "./fields.ts";
import { analysisSchema } from "./training-analysis.ts";

/** Bumped when a reader of the old shape could not use the new one. */
export const RUN_FORMAT = 1;

const finite = z.number().refine(Number.isFinite, "must be finite");
/** Named figures, such as poisson_deviance, skill, r2_log, rmse_log, mape_log, wape. */
const figures = z.record(z.string(), finite);

/** In their order; a run resumes at the first that is not done. */
export const stageNames = ["data", "understanding", "preparation", "training", "evaluation", "report"] as const;
export type StageName = (typeof stageNames)[number];

export const stageRecordSchema = z.object({
  name: z.enum(stageNames),
  status: z.enum(["waiting", "running", "done", "failed"]),
  /** Of the attempt that finished it. */
  seconds: finite,
  /** What came of it, in a line. */
  detail: z.string(),
});
export type StageRecord = z.infer<typeof stageRecordSchema>;

/** `fail` ends the run: nothing of it is promoted. */
export const checkSchema = z.object({
  /** `<kind>.<what>`, such as leakage.shuffled_labels; kinds are leakage, drift and quality. */
  name: z.string(),
  stage: z.enum(stageNames),
  status: z.enum(["ok", "warn", "fail"]),
  /** null where there is no single figure, or nothing to take it from. */
  value: finite.nullable(),
  /** The limit that was passed or, when ok, the nearest one. */
  limit: finite.nullable(),
  detail: z.string(),
});
export type Check = z.infer<typeof checkSchema>;

/** Figures of one part of the held-out rows, such as those of one category. */
export const sliceSchema = z.object({ by: z.string(), value: z.string(), rows: z.int(), metrics: figures });

/** How one candidate model did. */
export const candidateRecordSchema = z.object({
  name: z.string(),
  /** The best on the validation rows of those that may serve: the challenger. */
  selected: z.boolean(),
  /** Why it may not serve, whatever its figures. */
  barred: z.string().nullable(),
  /** On rows after everything that it was trained or selected on. */
  forward: z.object({ rows: z.int(), metrics: figures }),
  /** On whole entities that it was not fitted to; `ceiling`: what chance alone would leave a perfect model. */
  grouped: z.object({ rows: z.int(), metrics: figures, ceiling: figures }).nullable(),
  slices: z.array(sliceSchema),
  /** Shares of what shuffling each feature costs; they sum to 1. */
  importance: figures,
  /** The slope that the model itself shows, d log rate / d log price; null where it has none. */
  elasticity: finite.nullable(),
  backend: z.string(),
  seconds: finite,
});
export type CandidateRecord = z.infer<typeof candidateRecordSchema>;

/** The challenger against one opponent on the same held-out rows. Lower losses are better; differences are challenger − opponent. */
export const comparisonSchema = z.object({
  opponent: z.string(),
  kind: z.enum(["naive", "champion"]),
  /** Mean loss, by name. */
  metric: z.string(),
  challenger: finite,
  theirs: finite,
  difference: finite,
  /** By a paired bootstrap of clusters. */
  ci95: z.tuple([finite, finite]),
  /** Share of the opponent's loss by which the challenger must be better. */
  margin: finite,
  passed: z.boolean(),
  detail: z.string(),
});
export type Comparison = z.infer<typeof comparisonSchema>;

export const verdictSchema = z.object({ challenger: z.string(), promoted: z.boolean(), reason: z.string(), comparisons: z.array(comparisonSchema) });
export type Verdict = z.infer<typeof verdictSchema>;

/** A training run as far as it has come: what `tidemark pipeline list` and an admin page show. Object store RUNS, `<run_id>/run.json`. */
export const trainingRunSchema = z.object({
  format: z.literal(RUN_FORMAT),
  run_id: idSchema,
  family: idSchema,
  /** `import`: it judges a model that was trained elsewhere. */
  trigger: z.enum(["schedule", "hand", "import"]),
  seed: z.int(),
  code_version: z.string(),
  /** The events that the run sees, fixed when it begins, so that a resumed run sees the same. `from` and `to` are times of the data. */
  range: z.object({ stream: z.string(), stream_created: z.string(), first_sequence: z.int(), last_sequence: z.int(), from: z.string(), to: z.string() }),
  /** `running` also of one that was killed, until it is resumed or given up. */
  status: z.enum(["running", "completed", "failed"]),
  started_at: z.string(),
  ended_at: z.string().nullable(),
  /** Processes that have worked on it: more than one when it was resumed. */
  attempts: z.int().min(1),
  machine: z.object({ node: z.string(), platform: z.string(), cpus: z.int(), backend: z.string() }),
  stages: z.array(stageRecordSchema),
  checks: z.array(checkSchema),
  candidates: z.array(candidateRecordSchema),
  /** What the run made, stored whether promoted or not. */
  artifact: z.object({ name: z.string(), version: z.string(), digest: z.string(), bytes: z.int() }).nullable(),
  /** null until the evaluation. */
  verdict: verdictSchema.nullable(),
  /** Why it failed, and where. */
  failure: z.object({ stage: z.enum(stageNames), code: z.string(), message: z.string() }).nullable(),
});
export type TrainingRun = z.infer<typeof trainingRunSchema>;

/** The run with what its report draws: `<run_id>/report.json`. */
export const trainingReportSchema = trainingRunSchema.extend({ analysis: analysisSchema });
export type TrainingReport = z.infer<typeof trainingReportSchema>;

/** Where a run is at the moment, on `signals.training.<run_id>`. */
export const trainingSignalSchema = z.object({
  run_id: idSchema,
  family: idSchema,
  time: z.string(),
  status: trainingRunSchema.shape.status,
  stage: z.enum(stageNames),
  /** Within the stage. */
  step: z.string(),
  done: finite,
  total: finite,
  /** What is known so far. */
  metrics: figures,
});
export type TrainingSignal = z.infer<typeof trainingSignalSchema>;
