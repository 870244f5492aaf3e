import { fileURLToPath } from "node:url";
import type { DatasetPart, DatasetTask, FitResult, FitTask, FoldResult, FoldTask, NetworkResult, NetworkTask, ProbeResult, PropensityFitResult, PropensityFitTask, SensitivityResult, SensitivityTask, TensorBackend, WorkerOutcome, WorkerTask } from "../contracts/worker-protocol.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { silentLogger, type Logger } from "../lib/log.ts";
import { gpuInReach, WorkerThreads } from "./worker-threads.ts";

export interface TrainingPoolOptions {
  readonly threads: number;
  /** The longest that any task may take, waiting included. */
  readonly deadline_ms: number;
  /** Forces a tensor backend. */
  readonly backend?: TensorBackend | undefined;
  readonly logger?: Logger;
  /** Tasks that may wait for a thread. */
  readonly queue_max?: number;
  /** The worker's compiled file; tests give their own. */
  readonly worker?: string;
  /** Whether a GPU is in reach; looked for unless given. */
  readonly gpu?: boolean;
}

/** More would wait for the slowest fit all the same, and each holds a tensor library of its own. */
const THREADS_MAX = 8;
const QUEUE_MAX = 8;

/** Threads run compiled code: from TypeScript sources (under tests) the build's worker. */
const WORKER = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "../../dist/src/training/worker.js" : "./worker.js", import.meta.url));

/**
 * Worker threads that fit models. Every thread is warmed up by a probe before the pool counts as there, because a
 * worker that fails to load would reject one task and leave the later ones waiting. A thread that dies fails its task and
 * retires the whole set; the next task starts a new one. Nothing in a worker may need an
 * orderly end: no store is ever open there; a connection to the broker that ends with its thread does no harm.
 */
export class TrainingPool {
  readonly #options: TrainingPoolOptions;
  readonly #logger: Logger;
  /** The threads once they are warm; `#live` the same before that. */
  #threads: Promise<WorkerThreads> | undefined;
  #live: WorkerThreads | undefined;
  #probe: ProbeResult | undefined;
  /** Tasks running or waiting. Counted here: Piscina's own bound passes over tasks that can be aborted. */
  #pending = 0;
  #closed = false;

  constructor(options: TrainingPoolOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
  }

  /** Tasks that run at a time. */
  get threads(): number {
    return Math.max(1, Math.min(THREADS_MAX, this.#options.threads));
  }

  /** What the warm-up found: the tensor backend in use, and those that did not work. */
  get backend(): ProbeResult {
    if (this.#probe === undefined) throw new TidemarkError("training_pool_failed", "the training pool has not been warmed up");
    return this.#probe;
  }

  /** Starts and warms up the threads, if they are not there. Throws TidemarkError("training_pool_failed"). */
  async warmUp(): Promise<void> {
    await this.#started();
  }

  /**
   * Fits a model. Throws TidemarkError: the task's own code, `training_deadline`, `training_aborted`,
   * `training_queue_full`, `training_worker_died`, or `training_pool_failed`.
   */
  fit(task: FitTask, signal?: AbortSignal): Promise<FitResult> {
    return this.#perform<FitResult>(task, signal);
  }

  /** Fits a model and predicts what was kept from it. Throws as `fit` does. */
  fold(task: FoldTask, signal?: AbortSignal): Promise<FoldResult> {
    return this.#perform<FoldResult>(task, signal);
  }

  /** Fits one dimension's candidate. Throws as `fit` does. */
  fitPropensity(task: PropensityFitTask, signal?: AbortSignal): Promise<PropensityFitResult> {
    return this.#perform<PropensityFitResult>(task, signal);
  }

  /** Fits the network of all dimensions. Throws as `fit` does. */
  fitNetwork(task: NetworkTask, signal?: AbortSignal): Promise<NetworkResult> {
    return this.#perform<NetworkResult>(task, signal);
  }

  /** Estimates how learners answer prices. Throws as `fit` does. */
  fitSensitivity(task: SensitivityTask, signal?: AbortSignal): Promise<SensitivityResult> {
    return this.#perform<SensitivityResult>(task, signal);
  }

  /** Builds a share of a dataset. Throws as `fit` does. */
  buildPart(task: DatasetTask, signal?: AbortSignal): Promise<DatasetPart> {
    return this.#perform<DatasetPart>(task, signal);
  }

  async #perform<Value>(task: WorkerTask, signal?: AbortSignal): Promise<Value> {
    const { queue_max = QUEUE_MAX } = this.#options;
    if (this.#pending >= this.threads + queue_max) throw new TidemarkError("training_queue_full", `${task.kind}: ${queue_max} tasks are waiting already`);
    this.#pending++;
    let outcome: WorkerOutcome<Value>;
    try {
      outcome = await this.#run(await this.#started(), task, signal);
    } finally {
      this.#pending--;
    }
    if (!outcome.ok) throw new TidemarkError(outcome.error.code, outcome.error.message);
    return outcome.value;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#threads = undefined;
    const live = this.#live;
    this.#live = undefined;
    await live?.destroy();
  }

  #started(): Promise<WorkerThreads> {
    if (this.#closed) return Promise.reject(new TidemarkError("training_pool_failed", "the training pool is closed"));
    this.#threads ??= this.#start();
    return this.#threads;
  }

  async #start(gpu = this.#options.gpu ?? gpuInReach()): Promise<WorkerThreads> {
    const { backend, worker = WORKER } = this.#options;
    const onError = (error: Error): void => this.#logger.error({ error: errorMessage(error) }, "a training worker failed outside a task");
    const threads = new WorkerThreads({ count: this.threads, worker, backend, gpu, onError });
    this.#live = threads;
    try {
      const outcomes = await Promise.all(threads.probes.map((probe) => this.#run<ProbeResult | null>(threads, probe)));
      for (const outcome of outcomes) {
        if (!outcome.ok) throw new TidemarkError(outcome.error.code, outcome.error.message);
        this.#probe = outcome.value ?? this.#probe;
      }
    } catch (error) {
      await this.#retire(threads, errorMessage(error));
      throw new TidemarkError("training_pool_failed", `training workers did not start: ${errorMessage(error)}`, { cause: error });
    }
    if (!threads.split || this.#probe?.backend === "tensorflow") return threads;
    // The GPU is not for the backend that works: no thread has to keep to itself.
    await threads.destroy();
    if (this.#closed) throw new TidemarkError("training_pool_failed", "the training pool is closed");
    return this.#start(false);
  }

  async #run<Value>(threads: WorkerThreads, task: WorkerTask, signal?: AbortSignal): Promise<WorkerOutcome<Value>> {
    const { deadline_ms } = this.#options;
    const abort = new AbortController();
    const cancel = (): void => abort.abort("cancelled");
    const timer = setTimeout(() => abort.abort("deadline"), deadline_ms);
    if (signal?.aborted === true) cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      return (await threads.run(task, { signal: abort.signal })) as WorkerOutcome<Value>;
    } catch (error) {
      const message = errorMessage(error);
      // Stopping a running task ends its thread, and Piscina starts another in its place.
      if (abort.signal.reason === "deadline") throw new TidemarkError("training_deadline", `${task.kind} took longer than ${deadline_ms} ms and was stopped`, { cause: error });
      if (abort.signal.aborted) throw new TidemarkError("training_aborted", `${task.kind} was cancelled`, { cause: error });
      await this.#retire(threads, message);
      throw new TidemarkError("training_worker_died", `${task.kind}: ${message}`, { cause: error });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
    }
  }

  /** Ends a set of threads that lost one; its other tasks fail with it. */
  async #retire(threads: WorkerThreads, reason: string): Promise<void> {
    if (this.#live !== threads) return;
    this.#live = undefined;
    this.#threads = undefined;
    this.#logger.warn({ reason }, "training workers are replaced");
    await threads.destroy();
  }
}

/** A pool whose every thread has proved that it works. */
export async function createTrainingPool(options: TrainingPoolOptions): Promise<TrainingPool> {
  const pool = new TrainingPool(options);
  await pool.warmUp();
  return pool;
}
