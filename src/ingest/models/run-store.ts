import { BUCKET_RUNS } from "../../contracts/subjects.ts";
import { trainingReportSchema, trainingRunSchema, type TrainingReport, type TrainingRun } from "../../contracts/training-run.ts";
import { errorMessage, TidemarkError } from "../../lib/errors.ts";
import type { Broker } from "../nats.ts";

const RECORD = "run.json";
const REPORT = "report.json";
const KEPT_MAX = 50;

type RunBroker = Pick<Broker, "getObject" | "listObjects">;

function runOf(name: string): string {
  return name.slice(0, name.indexOf("/"));
}

/** Records and reports of ended runs, in the object store RUNS, for those who read them. */
export class RunReader {
  readonly #broker: RunBroker;
  /** Records that were read, by name and when they were stored: those of ended runs never change. */
  #read = new Map<string, TrainingRun | undefined>();

  constructor(broker: RunBroker) {
    this.#broker = broker;
  }

  /** Newest first. Records of other versions are passed over. */
  async list(): Promise<TrainingRun[]> {
    const entries = await this.#broker.listObjects(BUCKET_RUNS);
    const records = entries.filter(({ name }) => name.endsWith(`/${RECORD}`));
    const found = await Promise.all(
      records.map(async ({ name, stored_at }) => {
        const key = `${name} ${stored_at}`;
        return [key, this.#read.has(key) ? this.#read.get(key) : await this.#record(name)] as const;
      }),
    );
    this.#read = new Map(found);
    return found.flatMap(([, run]) => (run === undefined ? [] : [run])).sort((a, b) => (a.started_at < b.started_at ? 1 : -1));
  }

  async #record(name: string): Promise<TrainingRun | undefined> {
    const bytes = await this.#broker.getObject(BUCKET_RUNS, name);
    return bytes === undefined ? undefined : trainingRunSchema.safeParse(decode(bytes)).data;
  }

  /** Throws TidemarkError `unknown_run`, `run_unreadable`. */
  async report(run_id: string): Promise<TrainingReport> {
    const bytes = await this.file(run_id, REPORT);
    try {
      return trainingReportSchema.parse(decode(bytes));
    } catch (error) {
      throw new TidemarkError("run_unreadable", `the report of ${run_id} was written by another version, or is damaged: ${errorMessage(error)}`, { cause: error });
    }
  }

  /** A file of a run's report. Throws TidemarkError `unknown_run`. */
  async file(run_id: string, file: string): Promise<Uint8Array> {
    const bytes = await this.#broker.getObject(BUCKET_RUNS, `${run_id}/${file}`);
    if (bytes === undefined) throw new TidemarkError("unknown_run", `the object store ${BUCKET_RUNS} holds no ${file} of a run ${run_id}: \`tidemark pipeline list\` shows what there is`);
    return bytes;
  }
}

/** The same, for training: the newest 50 are kept. */
export class RunStore extends RunReader {
  readonly #broker: RunBroker & Pick<Broker, "putObject" | "deleteObject">;

  constructor(broker: RunBroker & Pick<Broker, "putObject" | "deleteObject">) {
    super(broker);
    this.#broker = broker;
  }

  /** `files` by name, such as report.html. The record comes last: a run that is listed has its report. */
  async put({ analysis, ...run }: TrainingReport, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
    const put = (file: string, bytes: Uint8Array): Promise<void> => this.#broker.putObject(BUCKET_RUNS, `${run.run_id}/${file}`, bytes);
    for (const [file, bytes] of Object.entries(files)) await put(file, bytes);
    await put(REPORT, encode({ ...run, analysis }));
    await put(RECORD, encode(run));
    await this.#prune();
  }

  async #prune(): Promise<void> {
    const entries = await this.#broker.listObjects(BUCKET_RUNS);
    const stored = new Map<string, string>();
    for (const { name, stored_at } of entries) if ((stored.get(runOf(name)) ?? "") < stored_at) stored.set(runOf(name), stored_at);
    const kept = new Set([...stored].sort(([, a], [, b]) => (a < b ? 1 : -1)).slice(0, KEPT_MAX).map(([run]) => run));
    for (const { name } of entries) if (!kept.has(runOf(name))) await this.#broker.deleteObject(BUCKET_RUNS, name);
  }
}

function encode(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function decode(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}
