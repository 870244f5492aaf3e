import type { BinaryDimension } from "../../contracts/propensity.ts";
import type { Analysis } from "../../contracts/training-analysis.ts";
import type { CandidateRecord, TrainingRun, Verdict } from "../../contracts/training-run.ts";
import type { BinnedMatrix, PropensityFitResult, SensitivityResult } from "../../contracts/worker-protocol.ts";
import type { Outputs } from "../pipeline/stage.ts";
import type { Block } from "./cut-offs.ts";
import type { PropensityDataset } from "./dataset.ts";

/** What an exploratory look at the rows shows. */
export interface Understanding extends Pick<Analysis, "histograms" | "correlation" | "trend" | "drift"> {
  /** Share of the rows of whole windows to whom it happened; of churn, to whom nothing happened. */
  readonly base_rates: Readonly<Partial<Record<BinaryDimension, number>>>;
}

/** Windows of one dimension with what models see of their learners; shared between threads. */
export interface WindowRows {
  readonly rows: number;
  /** Row-major, rows × propensityInputNames. */
  readonly values: Float64Array<SharedArrayBuffer>;
  readonly y: Uint8Array<SharedArrayBuffer>;
  /** Steps observed at risk; 1 of a window that is asked about as a whole. */
  readonly steps: Uint8Array<SharedArrayBuffer>;
  /** Rows of the dataset. */
  readonly row: Int32Array<SharedArrayBuffer>;
}

/** A dimension's blocks: [0, train_rows) of `learning` train, the others stop early, select and calibrate; `test` judges. */
export interface SplitWindows {
  readonly steps_max: number;
  readonly learning: WindowRows;
  /** The training rows that were watched for the whole window, which come first: shares are those of these. Others are steps of windows that the next block cuts short. */
  readonly whole_rows: number;
  readonly train_rows: number;
  readonly test: WindowRows;
}

export interface PreparedWindows extends SplitWindows {
  /** Of `learning`, with cuts from the training rows. */
  readonly binned: BinnedMatrix;
}

export interface Preparation {
  /** Without a dimension whose windows the history is too short for, or that happened to all or to none of a block. */
  readonly windows: Readonly<Partial<Record<BinaryDimension, PreparedWindows>>>;
  /** Why a dimension is not among them. */
  readonly missing: Readonly<Partial<Record<BinaryDimension, string>>>;
  /** Ranges of the dataset's trials. */
  readonly trials: { readonly train: Block; readonly validation: Block; readonly test: Block };
}

export interface EarlyOutputs {
  readonly data: PropensityDataset;
  readonly understanding: Understanding;
  readonly preparation: Preparation;
}

export interface FittedCandidate extends PropensityFitResult {
  readonly name: string;
}

export interface Training {
  /** Of each dimension that there are windows of. The network's seconds are those of all its heads. */
  readonly candidates: Readonly<Partial<Record<BinaryDimension, readonly FittedCandidate[]>>>;
  readonly price: SensitivityResult;
}

export interface Evaluation {
  readonly candidates: CandidateRecord[];
  readonly artifact: NonNullable<TrainingRun["artifact"]>;
  readonly verdict: Verdict;
  readonly analysis: Pick<Analysis, "calibration">;
}

export interface PropensityOutputs extends Outputs, EarlyOutputs {
  data: PropensityDataset;
  understanding: Understanding;
  preparation: Preparation;
  training: Training;
  evaluation: Evaluation;
}
