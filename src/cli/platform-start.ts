import { join, resolve } from "node:path";
import { modelPromotedSchema } from "../contracts/control.ts";
import { modelSubject, STREAM_CONTROL, STREAM_EVENTS } from "../contracts/subjects.ts";
import type { StreamState } from "../ingest/broker-message.ts";
import { freePort } from "../ingest/broker-config.ts";
import { Broker } from "../ingest/nats.ts";
import { must } from "../lib/assert.ts";
import type { Clock } from "../lib/clock.ts";
import { TidemarkError } from "../lib/errors.ts";
import { readPlatform } from "../simulator/platform-file.ts";
import { eventLimits } from "./archive.ts";
import { configEnvironment, maskUrl, type ReadConfig } from "./config.ts";
import { anyCourse, askPrice } from "./first-price.ts";
import { readImportedHistory, writeImportedHistory } from "./imported-history.ts";
import { aborted } from "./lifetime.ts";
import { httpUrl, withCredentials } from "./nats-url.ts";
import { DRAIN_MAX_MS } from "../serving/options.ts";
import { ensureQuoteKeys, QUOTE_KEYS_FILE } from "../serving/personal/quote-keyring.ts";
import { formatCount, type Phase, type Progress } from "./progress.ts";
import type { StartLock } from "./start-lock.ts";
import { defaultChildPolicy, type ReadyDetail, type SupervisedChild } from "./supervised-child.ts";
import { Supervisor } from "./supervisor.ts";

/** Thrown out of whatever the start is waiting for when the process is asked to stop. */
export class StopRequested extends Error {
  override name = "StopRequested";
}

export interface PlatformStartOptions {
  readonly read: ReadConfig;
  readonly port: number;
  /** What the engine is asked with, where it asks for a key. */
  readonly key: string | undefined;
  readonly entry: string;
  readonly log_dir: string;
  readonly progress: Progress;
  readonly lock: StartLock;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** The simulated platform's first course: its price says that everything works. */
const PROBE_COURSE = "C00001";
const MODEL_FAMILY = "elasticity";
const TRAINING_QUIET_MS = 20_000;
const POLL_MS = 100;
const CONNECT_MAX_MS = 15_000;
/** On a restart the trainer has nothing to do at first; its backend is worth a short wait, no more. */
const BACKEND_WAIT_MS = 3_000;

/**
 * How the roles stop: first what asks for prices or needs no care, then what answers and what folds, then the broker that
 * all of them need. A role that takes longer is killed; all stages together stay below ten seconds.
 */
export const stopOrder = {
  history: { stop_stage: 0, grace_ms: 1_500 },
  simulate: { stop_stage: 0, grace_ms: 1_500 },
  train: { stop_stage: 0, grace_ms: 1_500 },
  serve: { stop_stage: 1, grace_ms: DRAIN_MAX_MS + 500 },
  ingest: { stop_stage: 1, grace_ms: 2_000 },
  broker: { stop_stage: 2, grace_ms: 2_000 },
} as const;
type Role = keyof typeof stopOrder;

/** One run of `tidemark start`: the phases up to the first price, then the roles until told to stop. */
export class PlatformStart {
  readonly #options: PlatformStartOptions;
  readonly #supervisor: Supervisor;
  readonly #stopped: Promise<never>;
  readonly #url: string;
  #broker: Broker | undefined;
  #folded = 0;
  /** Whether the history is somebody's own: nobody simulates what its learners do. */
  #imported = false;
  #probe = PROBE_COURSE;
  /** What came of the last training run. */
  #trained: string | undefined;

  constructor(options: PlatformStartOptions) {
    this.#options = options;
    this.#url = httpUrl(options.read.config.host, options.port, options.read.config.tls_cert !== null);
    this.#stopped = aborted(options.signal).then(() => {
      throw new StopRequested();
    });
    this.#stopped.catch(() => undefined);
    this.#supervisor = new Supervisor({
      entry: options.entry,
      environment: { ...foreignEnvironment(), ...configEnvironment(options.read), TIDEMARK_DATA_DIR: options.read.config.data_dir, TIDEMARK_PORT: String(options.port) },
      log_dir: options.log_dir,
      policy: defaultChildPolicy,
      line: (text) => options.progress.line(text),
      onProcesses: (children) => options.lock.publish({ children }),
    });
  }

  /** Returns only by throwing: StopRequested, or why it cannot go on. */
  async run(): Promise<never> {
    const nats_url = await this.#connectBroker();
    this.#ensureQuoteKeys();
    const ingest = this.#launch("ingest", nats_url);
    ingest.onProgress((_, done) => {
      this.#folded = done;
    });
    const serve = this.#launch("serve", nats_url);
    await this.#history(nats_url, ingest);
    const train = this.#launch("train", nats_url, ["--role"]);
    // From the beginning: a run may end before the features are folded. Prices need no other family.
    train.onOutcome((of, _, reason) => {
      if (of === null || of === "elasticity") this.#trained = reason;
    });
    await this.#catchUp(ingest);
    const modelled = await this.#firstModel(train);
    if (this.#imported) this.#probe = (await this.#until(serve.ready.then(() => anyCourse(this.#url, this.#options.key)))) ?? PROBE_COURSE;
    if (modelled) await this.#firstPrice(serve);
    else await this.#phase("serving", async () => `ready, ${(await this.#until(serve.ready))["url"]}`);
    if (this.#simulates) this.#launch("simulate", nats_url, ["--live"]);
    await this.#announce(nats_url, train, modelled);
    return this.#until(new Promise<never>(() => undefined));
  }

  async stop(): Promise<void> {
    const started_ms = this.#options.clock.now_ms();
    // The broker is the oldest child and stops last; nothing asks it any more by then.
    await this.#broker?.close();
    await this.#supervisor.stop();
    this.#options.progress.line(`Stopped in ${((this.#options.clock.now_ms() - started_ms) / 1000).toFixed(1)} s.`);
  }

  get #simulates(): boolean {
    return !this.#imported && this.#options.read.config.sim_rate > 0;
  }

  /** A platform that somebody tries signs its quotes with a key of its own. */
  #ensureQuoteKeys(): void {
    const { data_dir, quote_keys_file, quote_keys } = this.#options.read.config;
    if (quote_keys_file === null && quote_keys === null) ensureQuoteKeys(join(data_dir, QUOTE_KEYS_FILE));
  }

  #launch(role: Role, nats_url: string, args: readonly string[] = []): SupervisedChild {
    return this.#supervisor.launch({ role, args: [role, ...args], environment: { TIDEMARK_NATS_URL: nats_url, TIDEMARK_ENGINE_URL: this.#url }, ...stopOrder[role] });
  }

  #until<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#supervisor.failure, this.#stopped]);
  }

  /** One line of the start: `work` resolves to what the line says. */
  async #phase(name: string, work: (phase: Phase) => Promise<string>): Promise<void> {
    const phase = this.#options.progress.phase(name);
    try {
      phase.done(await this.#until(work(phase)));
    } catch (error) {
      phase.failed(error instanceof StopRequested ? "interrupted" : "failed");
      throw error;
    }
  }

  /** Asks again until there is an answer; ends with the start itself. */
  async #poll<T>(ask: () => Promise<T | undefined>): Promise<T> {
    for (;;) {
      const answer = await ask();
      if (answer !== undefined) return answer;
      await this.#until(this.#options.clock.sleep(POLL_MS));
    }
  }

  async #connectBroker(): Promise<string> {
    const { nats_url, nats_port } = this.#options.read.config;
    let url = nats_url ?? "";
    await this.#phase("broker", async () => {
      let what = "broker";
      if (nats_url === null) {
        const port = nats_port === 0 ? await freePort() : nats_port;
        const child = this.#supervisor.launch({ role: "broker", args: ["broker"], environment: { TIDEMARK_NATS_PORT: String(port) }, ...stopOrder.broker });
        const detail = await this.#until(child.ready);
        url = String(detail["url"]);
        what = `nats-server ${detail["version"]}`;
      }
      this.#broker = await this.#connect(url);
      await this.#broker.ensureStreams(eventLimits(this.#options.read.config));
      this.#options.lock.publish({ nats_url: url, url: this.#url });
      return `${what} on ${maskUrl(url)}`;
    });
    return url;
  }

  async #connect(url: string): Promise<Broker> {
    const timeout = AbortSignal.timeout(CONNECT_MAX_MS);
    try {
      return await Broker.connect({ url: withCredentials(url, this.#options.read.config), name: "tidemark-start", signal: AbortSignal.any([this.#options.signal, timeout]) });
    } catch (error) {
      if (!timeout.aborted) throw error;
      throw new TidemarkError("broker_unreachable", `no NATS server answers at ${maskUrl(url)} (TIDEMARK_NATS_URL)`, { cause: error });
    }
  }

  async #events(): Promise<StreamState> {
    return must(await must(this.#broker, "no broker yet").streamInfo(STREAM_EVENTS), "EVENTS was just made sure of");
  }

  async #history(nats_url: string, ingest: SupervisedChild): Promise<void> {
    const { created, messages } = await this.#events();
    const { data_dir, import_dir } = this.#options.read.config;
    const imported = await readImportedHistory(data_dir);
    this.#imported = import_dir !== null || imported?.published_to === created;
    if (import_dir !== null && imported?.published_to !== created) return this.#import(nats_url, ingest, import_dir, created);
    if (this.#imported) {
      this.#options.progress.phase("history").done(`there already, ${formatCount(messages)} events, from ${imported?.directory}`);
      return;
    }
    const platform = await readPlatform(data_dir);
    if (platform?.published_to === created) {
      this.#options.progress.phase("history").done(`there already, ${formatCount(messages)} events`);
      return;
    }
    await this.#phase("history", async (phase) => {
      const environment = { TIDEMARK_NATS_URL: nats_url };
      const simulate = this.#supervisor.launch({ role: "history", args: ["simulate", "--history"], environment, once: true, ...stopOrder.history });
      let total = 0;
      simulate.onProgress((_, done, estimate) => {
        total = Math.max(estimate, done);
        phase.update("published", done, total);
      });
      ingest.onProgress((_, done, known) => phase.update("folded", done, Math.max(total, known)));
      await this.#until(simulate.finished);
      return `${formatCount((await this.#events()).messages)} events published`;
    });
  }

  /** Instead of a synthetic history. Rows that are no events are told of and left out. */
  async #import(nats_url: string, ingest: SupervisedChild, directory: string, created: string): Promise<void> {
    const { data_dir } = this.#options.read.config;
    if ((await readPlatform(data_dir))?.published_to === created) {
      throw new TidemarkError("platform_differs", `${data_dir} holds a synthetic platform: use another data directory (--data-dir) for the history in ${directory}`);
    }
    await this.#phase("history", async (phase) => {
      const args = ["import", resolve(directory), "--lenient", "--rejected", join(data_dir, "rejected-rows.csv"), "--force"];
      const child = this.#supervisor.launch({ role: "history", args, environment: { TIDEMARK_NATS_URL: nats_url }, once: true, ...stopOrder.history });
      let outcome = "imported";
      child.onOutcome((_of, _ok, reason) => {
        outcome = reason;
      });
      child.onProgress((_, done, total) => phase.update("published", done, total));
      ingest.onProgress((_, done, known) => phase.update("folded", done, known));
      await this.#until(child.finished);
      await writeImportedHistory(data_dir, { directory, published_to: created });
      return outcome;
    });
  }

  async #catchUp(ingest: SupervisedChild): Promise<void> {
    await this.#phase("features", async (phase) => {
      const { last_sequence } = await this.#events();
      ingest.onProgress((_, done) => phase.update("folded", Math.min(done, last_sequence), last_sequence));
      await this.#poll(async () => (this.#folded >= last_sequence ? true : undefined));
      return `${formatCount(last_sequence)} events folded`;
    });
  }

  /** Whether there is a model to price with. A first run that gives none is no reason not to start: later ones may. */
  async #firstModel(train: SupervisedChild): Promise<boolean> {
    const broker = must(this.#broker, "no broker yet");
    let promoted = true;
    const { clock, log_dir } = this.#options;
    await this.#phase("model", async (phase) => {
      let heard_ms = clock.now_ms();
      train.onProgress((name, done, total) => {
        heard_ms = clock.now_ms();
        phase.update(name, done, total);
      });
      const message = await this.#poll(async () => {
        if (clock.now_ms() - heard_ms > TRAINING_QUIET_MS) phase.note(`nothing heard from training for a while; its log is ${log_dir}/train.log`);
        // Looked at before the question: a run reports its end after it has promoted.
        const ended = this.#trained !== undefined;
        const found = await broker.getMessage(STREAM_CONTROL, { last_by_subject: modelSubject(MODEL_FAMILY) });
        return found ?? (ended ? null : undefined);
      });
      if (message === null) {
        promoted = false;
        return `none: ${this.#trained}. Training goes on trying (${log_dir}/train.log); a platform with more enrollments or weeks gives it more to learn from`;
      }
      const { version, reason } = modelPromotedSchema.parse(JSON.parse(new TextDecoder().decode(message.data)));
      return `${version}, ${reason}`;
    });
    return promoted;
  }

  async #firstPrice(serve: SupervisedChild): Promise<void> {
    await this.#phase("price", async (phase) => {
      await this.#until(serve.ready);
      const answer = await this.#poll(async () => {
        const answer = await askPrice(this.#url, this.#probe, this.#options.key);
        if (typeof answer !== "string") return answer;
        phase.note(answer);
        return undefined;
      });
      if (answer === null) return "the engine asks for a key: name a file with one by TIDEMARK_KEY_FILE, or the simulator sells at list price";
      return `${this.#probe}: ${answer.current_price} → ${answer.optimal_price} tokens, from ${answer.model}, ${process.uptime().toFixed(1)} s after the start`;
    });
  }

  async #announce(nats_url: string, train: SupervisedChild, modelled: boolean): Promise<void> {
    const { config } = this.#options.read;
    const waited = this.#options.clock.sleep(BACKEND_WAIT_MS).then((): ReadyDetail => ({}));
    const { backend } = await this.#until(Promise.race([train.ready, waited]));
    const traffic = this.#simulates ? `${config.sim_rate} views a second, bought at the engine's prices` : "off";
    const keyHeader = config.key_file === null ? "" : `-H "authorization: Bearer $(cat ${config.key_file})" `;
    const lines = [
      `Tidemark is running after ${process.uptime().toFixed(1)} s:`,
      `  prices     ${this.#url} (${config.serve_workers} ${config.serve_workers === 1 ? "process" : "processes"})`,
      ...(modelled ? [] : ["  model      NONE: prices come from priors and are marked degraded (no_model) until a training run promotes one"]),
      `  broker     ${maskUrl(nats_url)}`,
      `  training   every ${config.train_interval_hours} h on TensorFlow.js backend ${backend ?? config.tf_backend}`,
      `  simulator  ${traffic}`,
      `  kept in    ${config.data_dir} (logs in logs/)`,
      "Try:",
      `  curl -s ${this.#url}/optimize_price ${keyHeader}-H 'content-type: application/json' -d '{"course_id":"${this.#probe}"}'`,
      "Ctrl-C stops everything; the next start goes on from here.",
    ];
    for (const line of lines) this.#options.progress.line(line);
  }
}

/** This process's variables without its own settings, which reach the children as they were read. */
function foreignEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).flatMap(([name, value]): [string, string][] => (value === undefined || name.startsWith("TIDEMARK_") ? [] : [[name, value]]));
  return Object.fromEntries(entries);
}
