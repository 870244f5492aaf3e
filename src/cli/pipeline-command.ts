import type { TrainingRun } from "../contracts/training-run.ts";
import { TidemarkError } from "../lib/errors.ts";
import { families, type FamilyName, familyNames } from "../training/families.ts";
import { localRuns } from "../training/pipeline/run-directory.ts";
import { RunStore } from "../ingest/models/run-store.ts";
import { reportFormats } from "../training/report/report-files.ts";
import { candidateLines, checkLines, headline, stageLines } from "../training/report/report-text.ts";
import { number, textTable } from "../training/report/text-table.ts";
import type { CommandContext } from "./command.ts";
import { connectBroker } from "./connect-broker.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { oneOf } from "./one-of-option.ts";
import { writeOutput } from "./write-output.ts";
import { exitCodeOfRun, familyOption, runsDirectory, runTraining } from "./training-session.ts";
import { wholeOption } from "./whole-option.ts";

const LIST_LIMIT = 20;
const LIST_LIMIT_MAX = 1_000;

/** What came of a run, on one screen. */
function summary(run: TrainingRun): string {
  return [...headline(run), "", ...stageLines(run), "", ...checkLines(run.checks), ...(run.candidates.length === 0 ? [] : ["", ...candidateLines(run.candidates)])].join("\n");
}

const json = (value: unknown): string => JSON.stringify(value, null, 2);

/** Of a run on this data directory; what is not there is refused when it is opened. */
function familyOf(context: CommandContext, run_id: string): FamilyName {
  const begun = localRuns(runsDirectory(context.read.config)).find(({ run }) => run.run_id === run_id);
  return familyNames.find((name) => name === begun?.run.family) ?? familyOption(context);
}

/** `tidemark pipeline run`, and `tidemark train`: one run, its record on standard output. */
export async function runPipelineOnce(context: CommandContext): Promise<number> {
  const { options } = context;
  const resume = typeof options["resume"] === "string" ? options["resume"] : undefined;
  const report = await runTraining(context, { family: families[resume === undefined ? familyOption(context) : familyOf(context, resume)], trigger: "hand", resume });
  const { analysis: _, ...run } = report;
  console.log(options["json"] === true ? json(run) : summary(run));
  return exitCodeOfRun(report);
}

/** What one may ask of the runs that there are. */
interface Runs {
  readonly store: RunStore;
  /** Newest first, the running and interrupted ones of this data directory among them. */
  all(): Promise<{ readonly run: TrainingRun; readonly state: string }[]>;
  /** By its id, or the newest. */
  one(run_id: string | undefined): Promise<TrainingRun>;
}

async function withRuns<T>(context: CommandContext, work: (runs: Runs) => Promise<T>): Promise<T> {
  const { config } = context.read;
  const broker = await connectBroker(context, "tidemark-pipeline");
  const store = new RunStore(broker);
  const all: Runs["all"] = async () => {
    const stored = await store.list();
    const known = new Set(stored.map(({ run_id }) => run_id));
    const here = localRuns(runsDirectory(config)).filter(({ run }) => !known.has(run.run_id));
    return [...here.map(({ run, active }) => ({ run, state: run.status === "running" && !active ? "interrupted" : run.status })), ...stored.map((run) => ({ run, state: run.status }))].sort((a, b) => (a.run.started_at < b.run.started_at ? 1 : -1));
  };
  const one: Runs["one"] = async (run_id) => {
    const runs = await all();
    const found = run_id === undefined ? runs[0] : runs.find(({ run }) => run.run_id === run_id);
    if (found !== undefined) return found.run;
    throw new TidemarkError("unknown_run", run_id === undefined ? "there are no runs yet: `tidemark pipeline run` makes one" : `there is no run ${run_id}: \`tidemark pipeline list\` shows what there is`);
  };
  try {
    return await work({ store, all, one });
  } finally {
    await broker.close();
  }
}

const secondsOf = ({ stages }: TrainingRun): number => stages.reduce((sum, { seconds }) => sum + seconds, 0);

/** What the challenger is told by at a glance: of what has no deviance, the log loss. */
function glance(run: TrainingRun): readonly [challenger: string, loss: string, skill: string] {
  const selected = run.candidates.filter((candidate) => candidate.selected);
  const { metrics } = selected[0]?.forward ?? { metrics: {} as Readonly<Record<string, number>> };
  return [selected.map(({ name }) => name).join(", "), number(metrics["poisson_deviance"] ?? metrics["log_loss"]), number(metrics["skill"])];
}

/** `tidemark pipeline list`. */
export function runPipelineList(context: CommandContext): Promise<number> {
  const limit = context.options["limit"] === undefined ? LIST_LIMIT : wholeOption("--limit", context.options["limit"], LIST_LIMIT_MAX);
  return withRuns(context, async ({ all }) => {
    const family = oneOf("--family", context.options["family"], familyNames);
    const runs = (await all()).filter(({ run }) => family === undefined || run.family === family).slice(0, limit);
    if (context.options["json"] === true) console.log(json(runs.map(({ run, state }) => ({ ...run, state }))));
    else if (runs.length === 0) console.log("No runs yet: `tidemark pipeline run` makes one.");
    else {
      const rows = runs.map(({ run, state }) => {
        const [challenger, loss, skill] = glance(run);
        const outcome = run.verdict === null ? (run.failure?.code ?? run.stages.find(({ status }) => status !== "done")?.name ?? "") : run.verdict.promoted ? "promoted" : "not promoted";
        return [run.run_id, run.trigger, state, secondsOf(run).toFixed(1), challenger, loss, skill, outcome];
      });
      console.log(textTable(["run", "trigger", "state", "seconds", "challenger", "loss", "skill", "outcome"], rows).join("\n"));
    }
    return EXIT_OK;
  });
}

/** `tidemark pipeline show`. */
export function runPipelineShow(context: CommandContext): Promise<number> {
  return withRuns(context, async ({ one }) => {
    const run = await one(context.arguments[0]);
    console.log(context.options["json"] === true ? json(run) : summary(run));
    return EXIT_OK;
  });
}

/** Figures of the candidates of two runs, by candidate and metric. */
function comparedFigures(a: TrainingRun, b: TrainingRun): { candidate: string; metric: string; first: number | null; second: number | null; change: number | null }[] {
  const names = [...new Set([...a.candidates, ...b.candidates].map(({ name }) => name))];
  return names.flatMap((candidate) => {
    const [first, second] = [a, b].map((run) => run.candidates.find(({ name }) => name === candidate)?.forward.metrics ?? {});
    return [...new Set([...Object.keys(first!), ...Object.keys(second!)])].map((metric) => {
      const [x, y] = [first![metric] ?? null, second![metric] ?? null];
      return { candidate, metric, first: x, second: y, change: x === null || y === null ? null : y - x };
    });
  });
}

/** Checks that went otherwise. */
function comparedChecks(a: TrainingRun, b: TrainingRun): { check: string; first: string | null; second: string | null }[] {
  const names = [...new Set([...a.checks, ...b.checks].map(({ name }) => name))];
  const statusIn = (run: TrainingRun, name: string): string | null => run.checks.find((check) => check.name === name)?.status ?? null;
  return names.map((check) => ({ check, first: statusIn(a, check), second: statusIn(b, check) })).filter(({ first, second }) => first !== second);
}

/** `tidemark pipeline compare`. */
export function runPipelineCompare(context: CommandContext): Promise<number> {
  const [first, second] = context.arguments;
  return withRuns(context, async ({ one }) => {
    const [a, b] = [await one(first), await one(second)];
    const figures = comparedFigures(a, b);
    const checks = comparedChecks(a, b);
    if (context.options["json"] === true) {
      const about = ({ run_id, range, seed, code_version, artifact, verdict }: TrainingRun): object => ({ run_id, range, seed, code_version, artifact, verdict });
      console.log(json({ first: about(a), second: about(b), same_artifact: a.artifact !== null && a.artifact.digest === b.artifact?.digest, figures, checks }));
      return EXIT_OK;
    }
    const facts = (["seed", "code_version", "trigger"] as const).filter((fact) => a[fact] !== b[fact]).map((fact) => `  ${fact.replace("_", " ")}: ${a[fact]}, ${b[fact]}`);
    console.log([
      ...headline(a), `  data to ${a.range.to}`, "", ...headline(b), `  data to ${b.range.to}`, "",
      ...(a.artifact !== null && a.artifact.digest === b.artifact?.digest ? ["Both made the same artifact.", ""] : []),
      ...facts,
      ...textTable(["candidate", "metric", "first", "second", "change"], figures.map((row) => [row.candidate, row.metric, number(row.first), number(row.second), number(row.change)])),
      ...(checks.length === 0 ? [] : ["", ...textTable(["check", "first", "second"], checks.map((row) => [row.check, row.first ?? "-", row.second ?? "-"]))]),
    ].join("\n"));
    return EXIT_OK;
  });
}

/** `tidemark pipeline report`: a form of the report, to standard output or a file. */
export function runPipelineReport(context: CommandContext): Promise<number> {
  const { options } = context;
  const format = oneOf("--format", options["format"], reportFormats) ?? (options["json"] === true ? "json" : "txt");
  return withRuns(context, async ({ one, store }) => {
    const { run_id, status } = await one(context.arguments[0]);
    if (status === "running") throw new TidemarkError("run_unfinished", `the run ${run_id} has not ended, and has no report yet: \`tidemark pipeline show ${run_id}\` says where it is`);
    const bytes = await store.file(run_id, `report.${format}`);
    const out = options["out"];
    if (typeof out !== "string") process.stdout.write(bytes);
    else await writeOutput(out, bytes);
    return EXIT_OK;
  });
}
