import { createHash } from "node:crypto";
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { stageNames, trainingRunSchema, type StageName, type TrainingRun } from "../../contracts/training-run.ts";
import { syncDirectory } from "../../features/store-directory.ts";
import { isAlive, ownIdentity, type ProcessIdentity, processSchema } from "../../ingest/process-identity.ts";
import { readLock, takeLock } from "../../ingest/process-lock.ts";
import { errorMessage, TidemarkError } from "../../lib/errors.ts";

const RECORD = "run.json";
const LOCK = "lock";
const PARTIAL = ".partial";
/** Of the other files of a stage. */
const DIGESTS = "sha256.json";

/** A file that a crash leaves as it was or as it shall be. */
function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}${PARTIAL}`, text, { flush: true });
  renameSync(`${path}${PARTIAL}`, path);
}

function digestOf(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

function syncFile(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Whether a living process works on the run of a directory. */
function isActive(path: string): boolean {
  const holder = readLock(join(path, LOCK), processSchema);
  return holder !== undefined && isAlive(holder);
}

/** Makes this process the one that works on a run. Throws TidemarkError `run_in_progress`. */
function claim(path: string, run_id: string): () => void {
  const held = ({ pid }: ProcessIdentity): TidemarkError => new TidemarkError("run_in_progress", `process ${pid} works on the run ${run_id} already`);
  takeLock({ path: join(path, LOCK), schema: processSchema, held }, ownIdentity());
  return () => rmSync(join(path, LOCK), { force: true });
}

/**
 * A run on disk: its record, and what each stage put out, in a directory of its own that has its name once it is whole. One process at a time works on it.
 */
export class RunDirectory {
  readonly path: string;
  readonly #release: () => void;

  private constructor(path: string, release: () => void) {
    this.path = path;
    this.#release = release;
  }

  static create(runs_dir: string, run: TrainingRun): RunDirectory {
    const path = join(runs_dir, run.run_id);
    mkdirSync(runs_dir, { recursive: true });
    mkdirSync(path);
    const directory = new RunDirectory(path, claim(path, run.run_id));
    directory.write(run);
    syncDirectory(runs_dir);
    return directory;
  }

  /** Takes up a run that was begun. Throws TidemarkError `unknown_run`, `run_in_progress`. */
  static open(runs_dir: string, run_id: string): { readonly directory: RunDirectory; readonly run: TrainingRun } {
    const path = join(runs_dir, run_id);
    // Looked for first: no lock is left where there is no run.
    if (readRun(path) === undefined) throw new TidemarkError("unknown_run", `there is no run ${run_id} in ${runs_dir}: \`tidemark pipeline list\` shows what there is`);
    const release = claim(path, run_id);
    const run = readRun(path);
    if (run !== undefined) return { directory: new RunDirectory(path, release), run };
    release();
    throw new TidemarkError("unknown_run", `the run ${run_id} is gone`);
  }

  /** After a loss of power it is this record or the one before: then a stage runs again. */
  write(run: TrainingRun): void {
    replaceFile(join(this.path, RECORD), `${JSON.stringify(run, null, 2)}\n`);
  }

  /** Where a stage's output lies once it is whole. */
  stage(name: StageName): string {
    return join(this.path, name);
  }

  /** Keeps a stage's output in place of an earlier one, if any. Durable when it returns. */
  keep(name: StageName, save: (directory: string) => void): void {
    const partial = `${this.stage(name)}${PARTIAL}`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial);
    save(partial);
    const files = readdirSync(partial);
    replaceFile(join(partial, DIGESTS), JSON.stringify(Object.fromEntries(files.map((file) => [file, digestOf(join(partial, file))]))));
    for (const file of files) syncFile(join(partial, file));
    syncDirectory(partial);
    rmSync(this.stage(name), { recursive: true, force: true });
    renameSync(partial, this.stage(name));
    syncDirectory(this.path);
  }

  /** Throws TidemarkError `stage_damaged` when what a stage put out is not there as it was. */
  verify(name: StageName): void {
    const directory = this.stage(name);
    try {
      const digests = Object.entries(z.record(z.string(), z.string()).parse(JSON.parse(readFileSync(join(directory, DIGESTS), "utf8"))));
      for (const [file, digest] of digests) if (digestOf(join(directory, file)) !== digest) throw new Error(`${file} is not what it was`);
    } catch (error) {
      throw new TidemarkError("stage_damaged", `${directory}: ${errorMessage(error)}`, { cause: error });
    }
  }

  release(): void {
    this.#release();
  }
}

function readRun(path: string): TrainingRun | undefined {
  try {
    return trainingRunSchema.parse(JSON.parse(readFileSync(join(path, RECORD), "utf8")));
  } catch {
    return undefined;
  }
}

export interface LocalRun {
  readonly run: TrainingRun;
  /** A living process works on it. */
  readonly active: boolean;
}

function names(runs_dir: string): string[] {
  try {
    return readdirSync(runs_dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** The runs of this data directory, newest first. What is no run, or of another version, is passed over. */
export function localRuns(runs_dir: string): LocalRun[] {
  return names(runs_dir)
    .flatMap((name) => {
      const run = readRun(join(runs_dir, name));
      return run === undefined ? [] : [{ run, active: isActive(join(runs_dir, name)) }];
    })
    .sort((a, b) => (a.run.started_at < b.run.started_at ? 1 : a.run.started_at > b.run.started_at ? -1 : a.run.run_id < b.run.run_id ? 1 : -1));
}

/** Removes what runs left here, but for the newest `kept`, those that a process works on, and the one named. Records of those that ended are in the object store. */
export function pruneRuns(runs_dir: string, kept: number, named?: string): void {
  const runs = localRuns(runs_dir);
  const stay = new Set(runs.filter(({ run, active }, i) => i < kept || active || run.run_id === named).map(({ run }) => run.run_id));
  for (const name of names(runs_dir)) {
    // Without a record or a lock it is one that is just being created.
    const begun = [RECORD, LOCK].some((file) => existsSync(join(runs_dir, name, file)));
    if (begun && !stay.has(name) && !isActive(join(runs_dir, name))) rmSync(join(runs_dir, name), { recursive: true, force: true });
  }
}

export const waitingStages = (): TrainingRun["stages"] => stageNames.map((name) => ({ name, status: "waiting", seconds: 0, detail: "" }));
