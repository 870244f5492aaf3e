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

/** Starts the workers, starts dead ones again with growing pauses, and relays between them. */
export class Primary {
  readonly #options: ServeOptions;
  readonly #collector: MetricsCollector;
  readonly #listening = new Set<number>();
  readonly #ready: Promise<number>;
  #becomeReady: (port: number) => void = () => undefined;
  #failReady: (error: TidemarkError) => void = () => undefined;
  #stopping = false;

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
    for (let slot = 0; slot < workers; slot++) this.#launch(JSON.stringify(config), BACKOFF_FIRST_MS);
    return this.#ready;
  }

  /** Drains every worker; kills what does not end in time. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const workers = this.#workers();
    const exits = workers.map((worker) => new Promise<void>((resolve) => void worker.once("exit", () => resolve())));
    for (const worker of workers) send(worker, { type: "drain" });
    const gone = Promise.all(exits);
    await Promise.race([gone, this.#options.clock.sleep(DRAIN_MAX_MS)]);
    for (const worker of this.#workers()) worker.process.kill("SIGKILL");
    await gone;
  }

  #launch(config: string, pause_ms: number): void {
    const { clock, logger } = this.#options;
    const started_ms = clock.now_ms();
    const worker = cluster.fork({ [WORKER_CONFIG]: config });
    worker.once("exit", (code, signal) => {
      this.#listening.delete(worker.id);
      if (this.#stopping) return;
      const next_ms = clock.now_ms() - started_ms >= HEALTHY_MS ? BACKOFF_FIRST_MS : pause_ms;
      logger.error({ pid: worker.process.pid, code, signal, restart_in_ms: next_ms }, "a worker died");
      void clock.sleep(next_ms).then(() => {
        if (!this.#stopping) this.#launch(config, Math.min(BACKOFF_MAX_MS, next_ms * 2));
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
