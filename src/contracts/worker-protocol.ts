import type { ElasticityModel } from "./artifact.ts";
import type { BinaryDimension, NetworkModel, PropensityModel, SensitivityPropensity } from "./propensity.ts";

/**
 * What crosses the boundary to a training worker: the tasks, their inputs and their outputs. Matrices are shared
 * (SharedArrayBuffer), everything else is cloned. A task's own failure is an outcome; a rejection means the thread died.
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

export const learnerNames = ["log_linear", "gam", "polynomial_2", "polynomial_3", "random_forest", "boosting"] as const;
export type LearnerName = (typeof learnerNames)[number];

/**
 * A matrix with every value replaced by its bin, row after row (a histogram pass then reads one cache line a row); made once and shared. A value is in bin b
 * when b cuts of its column lie below it.
 */
export interface BinnedMatrix {
  readonly rows: number;
  readonly columns: number;
  /** Bytes of a row in `bins`: the columns, filled up to whole 32-bit words, which histograms read four columns at a time from. */
  readonly stride: number;
  readonly bins: Uint8Array<SharedArrayBuffer>;
  readonly cuts: readonly Float64Array[];
  /** By column: the values that a categorical column had, ascending, one a bin; undefined of the others. */
  readonly categories: readonly (Float64Array | undefined)[];
}

/** What a learner is given: rows [0, train_rows) train, [train_rows, rows) stop early and select. */
export interface LearningRows {
  readonly values: Float64Array<SharedArrayBuffer>;
  readonly columns: number;
  readonly y: Float64Array<SharedArrayBuffer>;
  readonly exposure: Float64Array<SharedArrayBuffer>;
  readonly train_rows: number;
  readonly rows: number;
  /** The same rows for learners that grow trees, with cuts from the training rows. */
  readonly binned: BinnedMatrix;
}

export interface FitTask {
  readonly kind: "fit";
  readonly learner: LearnerName;
  readonly data: LearningRows;
  readonly feature_names: readonly string[];
  readonly seed: number;
}

export interface FitResult {
  readonly model: ElasticityModel;
  /** Each feature's share of what shuffling it costs on the validation rows; sums to 1. */
  readonly importance: Readonly<Record<string, number>>;
  readonly backend: TensorBackend | "typed-arrays";
  readonly seconds: number;
}

/** Fits a learner without some rows, and predicts those. */
export interface FoldTask {
  readonly kind: "fold";
  readonly learner: LearnerName;
  readonly data: LearningRows;
  readonly held_out: { readonly features: SharedMatrix; readonly exposure: Float64Array<SharedArrayBuffer> };
  readonly seed: number;
}

export interface FoldResult {
  /** Expected enrollments of the rows that were held out. */
  readonly means: Float64Array;
  readonly seconds: number;
}

export interface ProbeTask {
  readonly kind: "probe";
  /** Whether the thread is to load its tensor library; otherwise it just answers. */
  readonly tensors: boolean;
}

export interface ProbeResult {
  readonly backend: TensorBackend;
  /** Whether the backend computes on a GPU. */
  readonly gpu: boolean;
  readonly tried: readonly { backend: TensorBackend; error: string }[];
}

export const datasetNames = ["elasticity", "propensity"] as const;
export type DatasetName = (typeof datasetNames)[number];

/** One share of a point-in-time dataset: the worker reads the stream for itself and writes its rows into `directory`. */
export interface DatasetTask {
  readonly kind: "dataset";
  readonly dataset: DatasetName;
  readonly nats_url: string;
  /** null: the stream alone. */
  readonly archive_dir: string | null;
  readonly last_sequence: number;
  /** Cut-offs, ascending. */
  readonly at_ms: readonly number[];
  readonly gap_ms: number;
  readonly horizon_ms: number;
  readonly partition: { readonly index: number; readonly count: number };
  readonly directory: string;
}

export interface DatasetPart {
  readonly directory: string;
  /** Of each cut-off that the stream reached. */
  readonly rows: readonly number[];
  readonly first_sequence: number;
  readonly last_sequence: number;
  readonly stream_created: string;
}

export const propensityLearnerNames = ["logistic", "boosting", "random_forest"] as const;
export type PropensityLearnerName = (typeof propensityLearnerNames)[number];

/** Label windows of one dimension, as far as they were observed: [0, train_rows) train, the rest stop early and choose penalties. */
export interface LearningWindows {
  /** Row-major, rows × columns. */
  readonly values: Float64Array<SharedArrayBuffer>;
  readonly columns: number;
  /** 1: it happened, in the last of the observed steps. */
  readonly y: Uint8Array<SharedArrayBuffer>;
  readonly steps: Uint8Array<SharedArrayBuffer>;
  /** 1 where a window is asked about as a whole. */
  readonly steps_max: number;
  readonly train_rows: number;
  readonly rows: number;
  /** Which learner at which cut-off: equal for windows of several dimensions with equal values. */
  readonly row: Int32Array<SharedArrayBuffer>;
}

export interface PropensityFitTask {
  readonly kind: "propensity_fit";
  readonly learner: PropensityLearnerName;
  readonly data: LearningWindows;
  readonly binned: BinnedMatrix;
  readonly seed: number;
}

/** A margin's model, and how each step differs from it; a single step's offset is 0. */
export interface FittedMargin<Model = PropensityModel> {
  readonly model: Model;
  readonly offsets: readonly number[];
  /** Share of each input in what shuffling it costs on the validation rows; they sum to 1, or to 0 where nothing costs anything. */
  readonly importance: readonly number[];
}

export interface PropensityFitResult extends FittedMargin {
  readonly backend: TensorBackend | "typed-arrays";
  readonly seconds: number;
}

/** All dimensions at once, over one trunk. */
export interface NetworkTask {
  readonly kind: "propensity_network";
  readonly windows: Readonly<Partial<Record<BinaryDimension, LearningWindows>>>;
  readonly seed: number;
}

export interface NetworkResult {
  readonly heads: Readonly<Partial<Record<BinaryDimension, FittedMargin<NetworkModel>>>>;
  readonly epochs: number;
  readonly backend: TensorBackend;
  readonly seconds: number;
}

export interface SensitivityTask {
  readonly kind: "price_sensitivity";
  readonly inputs: SharedMatrix;
  /** By row of the inputs: the learner, from 0 on. */
  readonly learner: Int32Array<SharedArrayBuffer>;
  /** By view of a price with a random part. */
  readonly row: Int32Array<SharedArrayBuffer>;
  readonly jitter: Float64Array<SharedArrayBuffer>;
  readonly enrolled: Uint8Array<SharedArrayBuffer>;
  readonly affordable: Uint8Array<SharedArrayBuffer>;
  readonly expected: Float64Array<SharedArrayBuffer>;
  readonly seed: number;
}

export interface SensitivityResult {
  readonly sensitivity: Omit<SensitivityPropensity, "definition">;
  readonly seconds: number;
}

export type WorkerTask = FitTask | FoldTask | ProbeTask | DatasetTask | PropensityFitTask | NetworkTask | SensitivityTask;

/** How a task ended: its value, or the failure with its stable code, which an exception would lose on the way. */
export type WorkerOutcome<Value> = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly error: { readonly code: string; readonly message: string } };
