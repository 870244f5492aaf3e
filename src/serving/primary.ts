import cluster from "node:cluster";
import type { Worker } from "node:cluster";
import { join } from "node:path";
import { TidemarkError } from "../lib/errors.ts";
import { isRoleReport } from "../lib/role-report.ts";
import { MetricsCollector } from "./cluster-metrics.ts";
import { isClusterMessage } from "./cluster-messages.ts";
import type { PrimaryMessage } from "./cluster-messages.ts";
import { DRAIN_MAX_MS, WORKER_CONFIG } from "./options.ts";
import type { ServeConfig, ServeOptions } from "./options.ts";

const BACKOFF_FIRST_MS = 250;
const BACKOFF_MAX_MS = 10_000;
/** A worker that lived this long had no trouble starting: the next restart is at once again. */
const HEALTHY_MS = 30_000;

/** Starts the workers, starts dead ones again with growing pauses, replaces them one by one when asked, and relays between them. */
export class Primary {
  readonly #options: ServeOptions;
  readonly #collector: MetricsCollector;
  readonly #listening = new Set<number>();
  readonly #ready: Promise<number>;
  #becomeReady: (port: number) => void = () => undefined;
  #failReady: (error: TidemarkError) => void = () => undefined;
  #stopping = false;
  #config = "";
  /** Workers that are to end, and to stay so. */
  readonly #retiring = new Set<number>();
  #restarting: Promise<boolean> | undefined;

  constructor(options: ServeOptions) {
    this.#options = options;
    this.#collector = new MetricsCollector(options.clock);
    this.#ready = new Promise((resolve, reject) => {
      this.#becomeReady = resolve;
      this.#failReady = reject;
    });
  }

  /** Resolves with the port once every worker listens; throws what the first worker that failed to start says. */
  async start(): Promise<number> {
    const { host, port, workers, data_dir, partition_dirs, nats_url, gate, action_rules, version, log_level } = this.#options;
    cluster.setupPrimary({ exec: join(import.meta.dirname, "worker-main.js"), args: [] });
    cluster.on("listening", (worker, address) => {
      this.#listening.add(worker.id);
      if (this.#listening.size === workers) this.#becomeReady(address.port);
    });
    cluster.on("message", (worker, message) => this.#receive(worker, message));
    const config: ServeConfig = { host, port, workers, data_dir, partition_dirs, nats_url, gate, action_rules, version, log_level };
    this.#config = JSON.stringify(config);
    for (let slot = 0; slot < workers; slot++) this.#launch(BACKOFF_FIRST_MS);
    return this.#ready;
  }

  /**
   * Replaces every worker by a new process, one after the other: the new one answers before the old one is told to stop. Resolves with whether all were
   * replaced; a new one that does not start leaves the old ones as they are.
   */
  restart(): Promise<boolean> {
    this.#restarting ??= this.#replaceAll().finally(() => {
      this.#restarting = undefined;
    });
    return this.#restarting;
  }

  /** Drains every worker; kills what does not end in time. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#workers().map((worker) => this.#retire(worker)));
  }

  async #replaceAll(): Promise<boolean> {
    const { logger } = this.#options;
    for (const old of this.#workers()) {
      const next = cluster.fork({ [WORKER_CONFIG]: this.#config });
      const listens = await new Promise<boolean>((resolve) => {
        next.once("listening", () => resolve(true));
        next.once("exit", () => resolve(false));
      });
      if (!listens) {
        if (!this.#stopping) logger.error({ pid: next.process.pid }, "a new worker does not start: the workers that answer stay");
        return false;
      }
      this.#supervise(next, BACKOFF_FIRST_MS);
      await this.#retire(old);
      if (this.#stopping) return false;
      logger.info({ pid: next.process.pid, replaced: old.process.pid }, "a worker took another's place");
    }
    return true;
  }

  /** Drains a worker; kills it when it does not end in time. */
  async #retire(worker: Worker): Promise<void> {
    if (worker.isDead()) return;
    this.#retiring.add(worker.id);
    const exited = new Promise<void>((resolve) => void worker.once("exit", () => resolve()));
    send(worker, { type: "drain" });
    await Promise.race([exited, this.#options.clock.sleep(DRAIN_MAX_MS)]);
    if (!worker.isDead()) worker.process.kill("SIGKILL");
    await exited;
    this.#retiring.delete(worker.id);
  }

  #launch(pause_ms: number): void {
    this.#supervise(cluster.fork({ [WORKER_CONFIG]: this.#config }), pause_ms);
  }

  #supervise(worker: Worker, pause_ms: number): void {
    const { clock, logger } = this.#options;
    const started_ms = clock.now_ms();
    worker.once("exit", (code, signal) => {
      this.#listening.delete(worker.id);
      if (this.#stopping || this.#retiring.has(worker.id)) return;
      const next_ms = clock.now_ms() - started_ms >= HEALTHY_MS ? BACKOFF_FIRST_MS : pause_ms;
      logger.error({ pid: worker.process.pid, code, signal, restart_in_ms: next_ms }, "a worker died");
      void clock.sleep(next_ms).then(() => {
        if (!this.#stopping) this.#launch(Math.min(BACKOFF_MAX_MS, next_ms * 2));
      });
    });
  }

  #receive(worker: Worker, message: unknown): void {
    // Before everyone listens, a worker's failure is the role's: the port is taken, say. Later it is that worker's.
    if (isRoleReport(message) && message.type === "failed") this.#failReady(new TidemarkError(message.code, message.message));
    if (!isClusterMessage(message)) return;
    if (message.type === "metrics_values") this.#collector.receive(message);
    else if (message.type === "metrics_request") void this.#answerMetrics(worker, message.request);
  }

  async #answerMetrics(worker: Worker, request: number): Promise<void> {
    const peers = this.#workers().filter((peer) => this.#listening.has(peer.id));
    const text = await this.#collector.collect(peers.map((peer) => ({ send: (message) => send(peer, message) })));
    send(worker, { type: "metrics_text", request, text });
  }

  #workers(): Worker[] {
    return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
  }
}

/** A worker may die between a look and a message; its exit is dealt with elsewhere. */
function send(worker: Worker, message: PrimaryMessage): void {
  if (worker.isConnected()) worker.send(message, () => undefined);
}
