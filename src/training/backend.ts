import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import util from "node:util";
import type * as tensorflow from "@tensorflow/tfjs";
import type { ProbeResult, TensorBackend } from "../contracts/worker-protocol.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";

export type TensorLibrary = typeof tensorflow;

export interface Tensors extends ProbeResult {
  readonly tf: TensorLibrary;
}

/** Best first. `tensorflow` is native TensorFlow, on a GPU where it finds one; its package is optional. */
export const tensorBackends: readonly TensorBackend[] = ["tensorflow", "wasm", "cpu"];

/** A variable: the package may be absent, and then the import must fail here and not in the type checker. */
const NATIVE_PACKAGE: string = "@tensorflow/tfjs-node-gpu";

/** Registers a backend's kernels with the library. */
async function register(backend: TensorBackend): Promise<void> {
  if (backend === "tensorflow") {
    // tfjs-node 4.22 calls this, which Node 23 removed.
    const legacy = util as { isNullOrUndefined?: (value: unknown) => boolean };
    legacy.isNullOrUndefined ??= (value) => value === null || value === undefined;
    await import(NATIVE_PACKAGE);
  } else if (backend === "wasm") {
    const { setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm");
    setWasmPaths(join(dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json")), "dist/"));
  }
}

/** Only the native backend knows of GPUs. */
function onGpu(tf: TensorLibrary): boolean {
  return (tf.backend() as { isUsingGpuDevice?: boolean }).isUsingGpuDevice === true;
}

/** A backend counts as working once it has multiplied two matrices. */
function verify(tf: TensorLibrary): void {
  const product = tf.tidy(() => tf.matMul(tf.tensor2d([1, 2], [1, 2]), tf.tensor2d([3, 4], [2, 1])).dataSync()[0]);
  if (product !== 11) throw new Error(`[1 2]·[3 4]ᵀ came out as ${product}`);
}

/**
 * Loads TensorFlow.js on the best backend that works, or on the forced one alone; says what was tried before and why it
 * failed. Throws TidemarkError("no_tensor_backend") when none works.
 */
export async function loadTensors(forced?: TensorBackend): Promise<Tensors> {
  const tf = await import("@tensorflow/tfjs");
  // Without its advertisement on the console and its checks of every tensor for NaN.
  tf.enableProdMode();
  const tried: { backend: TensorBackend; error: string }[] = [];
  for (const backend of forced === undefined ? tensorBackends : [forced]) {
    try {
      await register(backend);
      if (!(await tf.setBackend(backend))) throw new Error("the backend did not initialise");
      await tf.ready();
      verify(tf);
      return { tf, backend, gpu: onGpu(tf), tried };
    } catch (error) {
      tried.push({ backend, error: errorMessage(error).split("\n", 1)[0] ?? "" });
    }
  }
  throw new TidemarkError("no_tensor_backend", `no TensorFlow.js backend works: ${tried.map(({ backend, error }) => `${backend}: ${error}`).join("; ")}`);
}
