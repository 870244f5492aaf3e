import { readdirSync } from "node:fs";
import { Piscina } from "piscina";
import type { TensorBackend, WorkerTask } from "../contracts/worker-protocol.ts";
import { learners } from "../models/learners.ts";
import type { WorkerSettings } from "./worker.ts";

export interface WorkerThreadsOptions {
  readonly count: number;
  /** The worker's compiled file. */
  readonly worker: string;
  /** Forces a tensor backend. */
  readonly backend: TensorBackend | undefined;
  /** Whether a GPU is in reach, which one thread alone may own. */
  readonly gpu: boolean;
  /** A thread failed outside a task. */
  readonly onError: (error: Error) => void;
}

/**
 * What native TensorFlow reads from the process's environment when it is loaded: GPU memory as it is needed, the same sums in the same order (oneDNN, which
 * orders them by the kind of CPU, is no faster here), and warnings only. A thread's own `env` would not do: native code does not see it.
 */
const NATIVE_ENVIRONMENT = { TF_FORCE_GPU_ALLOW_GROWTH: "true", TF_DETERMINISTIC_OPS: "1", TF_ENABLE_ONEDNN_OPTS: "0", TF_CPP_MIN_LOG_LEVEL: "2" } as const;

/** Whether CUDA could find a GPU: there is a device, and CUDA_VISIBLE_DEVICES does not hide it. */
export function gpuInReach(environment: Readonly<Record<string, string | undefined>> = process.env, devices = "/dev"): boolean {
  const visible = environment["CUDA_VISIBLE_DEVICES"];
  if (visible !== undefined && !/^\s*[^-\s]/.test(visible)) return false;
  try {
    return readdirSync(devices).some((name) => /^(nvidia\d+|dxg)$/.test(name));
  } catch {
    return false;
  }
}

function needsTensors(task: WorkerTask): boolean {
  switch (task.kind) {
    case "probe":
      return task.tensors;
    case "fit":
    case "fold":
      return learners[task.learner].tensors;
    case "propensity_network":
      return true;
    default:
      return false;
  }
}

/**
 * The threads of a training pool. Where a GPU is in reach the first of them has it to itself and fits what needs tensors; the others never load a tensor
 * library. Elsewhere every thread does everything.
 */
export class WorkerThreads {
  readonly #first: Piscina;
  readonly #others: Piscina | undefined;
  readonly #count: number;

  constructor({ count, worker, backend, gpu, onError }: WorkerThreadsOptions) {
    if (backend === undefined || backend === "tensorflow") for (const [name, value] of Object.entries(NATIVE_ENVIRONMENT)) process.env[name] ??= value;
    const split = gpu && count > 1 && backend !== "wasm" && backend !== "cpu";
    const start = (threads: number): Piscina => {
      const workerData: WorkerSettings = { backend };
      const piscina = new Piscina({ filename: worker, name: "handle", minThreads: threads, maxThreads: threads, atomics: "disabled", workerData });
      piscina.on("error", onError);
      return piscina;
    };
    this.#count = count;
    this.#first = start(split ? 1 : count);
    this.#others = split ? start(count - 1) : undefined;
  }

  /** Whether one thread has the tensors to itself. */
  get split(): boolean {
    return this.#others !== undefined;
  }

  /** A probe for every thread: idle threads are taken first. */
  get probes(): readonly WorkerTask[] {
    return Array.from({ length: this.#count }, (_, i) => ({ kind: "probe", tensors: i === 0 || !this.split }));
  }

  run(task: WorkerTask, options: { readonly signal: AbortSignal }): Promise<unknown> {
    return (this.#others === undefined || needsTensors(task) ? this.#first : this.#others).run(task, options);
  }

  async destroy(): Promise<void> {
    await Promise.all([this.#first.destroy(), this.#others?.destroy()]);
  }
}
