import type { BinaryDimension } from "../../contracts/propensity.ts";
import { type LearnerOutcome, learnerOutcomeNames } from "../../features/learner-outcomes.ts";
import { learnerFeatureNames } from "../../features/learner-replay.ts";
import { DAY_MS } from "../../lib/time.ts";
import { learnerPosition } from "../../models/propensity/learner-vector.ts";
import { shareableBytes, shareableInts } from "../shared-memory.ts";
import { CHURN_STEP_DAYS, CHURN_STEPS, propensityDefinitions, windowMs } from "./definitions.ts";

/** Whether something happened to the rows that are asked about it and could be watched for long enough. */
export interface BinaryLabels {
  /** Rows of the features, ascending: those in the population. */
  readonly row: Int32Array<SharedArrayBuffer>;
  readonly y: Uint8Array<SharedArrayBuffer>;
  /**
   * Of a hazard: the whole steps that the row was watched, up to and including the one in which it happened (y = 1); with y = 0 it happened in none of them. Fewer than all
   * without it happening: the end of the data cut the window short.
   */
  readonly steps?: Uint8Array<SharedArrayBuffer>;
}

/** What labels are read off. */
export interface LabelSource {
  readonly rows: number;
  /** rows × learnerFeatureNames, and rows × learnerOutcomeNames. */
  readonly features: Float64Array;
  readonly outcomes: Float64Array;
  readonly period: Int32Array;
  readonly at_ms: readonly number[];
  /** The end of the data. */
  readonly to_ms: number;
}

const OUTCOMES = learnerOutcomeNames.length;
const FEATURES = learnerFeatureNames.length;
const STEP_MS = CHURN_STEP_DAYS * DAY_MS;
const outcome = (name: LearnerOutcome): number => learnerOutcomeNames.indexOf(name);

/** Where a dimension's answer lies, and who is asked. */
interface Question {
  readonly after: number;
  asks(source: LabelSource, row: number): boolean;
}

const everybody = (): boolean => true;
const ENROLLED = learnerPosition("enrolled");
const IN_PROGRESS = outcome("in_progress");
const questions: Readonly<Record<BinaryDimension, Question>> = {
  enrollment: { after: outcome("first_enrollment_after_ms"), asks: everybody },
  churn: { after: outcome("first_activity_after_ms"), asks: everybody },
  completion: { after: outcome("completed_after_ms"), asks: ({ outcomes }, row) => outcomes[row * OUTCOMES + IN_PROGRESS] === 1 },
  upsell: { after: outcome("upsold_after_ms"), asks: ({ features }, row) => features[row * FEATURES + ENROLLED]! > 0 },
};

function labels(row: readonly number[], y: readonly number[]): BinaryLabels {
  const shared = { row: shareableInts(row.length), y: shareableBytes(y.length) };
  shared.row.set(row);
  shared.y.set(y);
  return shared;
}

/** Of windows that ended by the end of the data. */
function windowLabels(dimension: BinaryDimension, source: LabelSource): BinaryLabels {
  const definition = propensityDefinitions[dimension];
  const { after, asks } = questions[dimension];
  const { outcomes, period, at_ms, to_ms } = source;
  const [row, y]: [number[], number[]] = [[], []];
  for (let i = 0; i < source.rows; i++) {
    if (at_ms[period[i]!]! + windowMs(definition) > to_ms || !asks(source, i)) continue;
    const after_ms = outcomes[i * OUTCOMES + after]!;
    row.push(i);
    y.push(after_ms > 0 && after_ms <= definition.horizon_days * DAY_MS ? 1 : 0);
  }
  return labels(row, y);
}

/** Steps until the first activity, as far as the end of the data lets them be seen; rows that were not watched for one whole step say nothing. */
function churnLabels(source: LabelSource): BinaryLabels {
  const { gap_days } = propensityDefinitions.churn;
  const { after } = questions.churn;
  const { outcomes, period, at_ms, to_ms } = source;
  const [row, y, steps]: [number[], number[], number[]] = [[], [], []];
  for (let i = 0; i < source.rows; i++) {
    const watched = Math.min(CHURN_STEPS, Math.floor((to_ms - at_ms[period[i]!]! - gap_days * DAY_MS) / STEP_MS));
    if (watched < 1) continue;
    const after_ms = outcomes[i * OUTCOMES + after]!;
    // The first step is (0, STEP_MS].
    const step = after_ms > 0 ? Math.ceil(after_ms / STEP_MS) : Number.POSITIVE_INFINITY;
    row.push(i);
    y.push(step <= watched ? 1 : 0);
    steps.push(Math.min(step, watched));
  }
  const shared = shareableBytes(steps.length);
  shared.set(steps);
  return { ...labels(row, y), steps: shared };
}

export type PropensityLabels = Readonly<Record<BinaryDimension, BinaryLabels>>;

export function propensityLabels(source: LabelSource): PropensityLabels {
  return { enrollment: windowLabels("enrollment", source), churn: churnLabels(source), completion: windowLabels("completion", source), upsell: windowLabels("upsell", source) };
}
