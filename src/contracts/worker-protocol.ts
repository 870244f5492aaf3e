import type { ElasticityModel } from "./artifact.ts";

/**
 * What crosses the boundary to a training worker: the tasks, their inputs and their outputs. Matrices are shared
 * (SharedArrayBuffer), everything else is cloned; errors arrive as rejections with the worker's message.
 */
export type TensorBackend = "tensorflow" | "wasm" | "cpu";

/** A row-major matrix of `rows` × `columns`, shared between threads. */
export interface SharedMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array<SharedArrayBuffer>;
}

/** Rows of one learning problem: Poisson counts `y` with exposure offsets and weights of one. */
export interface CountData {
  readonly features: SharedMatrix;
  /** Enrollments in the label window. */
  readonly y: Float64Array<SharedArrayBuffer>;
  /** Exposures in the label window, at least 1. */
  readonly exposure: Float64Array<SharedArrayBuffer>;
  /** Time index of each row, ascending within the data: the split is by this. */
  readonly period: Int32Array<SharedArrayBuffer>;
}

export interface FitTask {
  readonly kind: "fit_linear" | "fit_boosting";
  readonly data: CountData;
  readonly feature_names: readonly string[];
  /** Rows with period < train_end train; [train_end, validation_end) stops early and selects. */
  readonly train_end: number;
  readonly validation_end: number;
  readonly seed: number;
}

export interface FitResult {
  readonly model: ElasticityModel;
  readonly backend: TensorBackend | "typed-arrays";
  readonly seconds: number;
}

export interface ProbeTask {
  readonly kind: "probe";
}

export interface ProbeResult {
  readonly backend: TensorBackend;
  readonly tried: readonly { backend: TensorBackend; error: string }[];
}

export type WorkerTask = FitTask | ProbeTask;
