import type { Artifact } from "../../contracts/artifact.ts";
import type { Analysis } from "../../contracts/training-analysis.ts";
import type { CandidateRecord, TrainingRun, Verdict } from "../../contracts/training-run.ts";
import type { CountData, FitResult, LearningRows } from "../../contracts/worker-protocol.ts";
import type { CourseFold } from "../course-rows.ts";
import type { TrainingDataset } from "../dataset.ts";
import type { HeldOut } from "../evaluation.ts";
import type { Outputs } from "../pipeline/stage.ts";

/** What an exploratory look at the rows shows. */
export interface Understanding extends Pick<Analysis, "histograms" | "correlation" | "trend" | "drift" | "categories"> {
  readonly prices: NonNullable<Analysis["prices"]>;
}

/** What is fitted to, and what judges. */
export interface Preparation {
  readonly learning: LearningRows;
  /** One row a course. */
  readonly courses: CountData;
  readonly folds: readonly CourseFold[];
  readonly validation: HeldOut;
  /** Rows after everything that is fitted or selected on. */
  readonly test: HeldOut;
}

export interface FittedCandidate {
  readonly name: string;
  readonly fit: FitResult;
  /** Expected enrollments of every course under a model that was not fitted to it; undefined of an imported model. */
  readonly course_means: readonly number[] | undefined;
}

export interface Training {
  readonly candidates: readonly FittedCandidate[];
  /** The causal estimate. */
  readonly elasticity: Artifact["elasticity"];
  readonly causal_s: number;
}

export interface Evaluation {
  readonly candidates: CandidateRecord[];
  readonly artifact: NonNullable<TrainingRun["artifact"]>;
  readonly verdict: Verdict;
  readonly analysis: Pick<Analysis, "elasticity" | "residuals" | "calibration" | "curves" | "categories">;
}

export interface ElasticityOutputs extends Outputs {
  data: TrainingDataset;
  understanding: Understanding;
  preparation: Preparation;
  training: Training;
  evaluation: Evaluation;
}
