import type { StreamEvent } from "../contracts/events.ts";

export interface CourseRow {
  readonly course_id: string;
  readonly category: string;
  /** Index into at_ms. */
  readonly period: number;
  /** Course features at at_ms[period], in the order of courseFeatureNames. */
  readonly view: Float64Array;
  readonly exposures: number;
  readonly enrollments: number;
  /** Mean of log price over the label window: over exposures; over enrollments without one; else of the list price. */
  readonly mean_log_price: number;
  readonly jitter_exposures: number;
  readonly jitter_enrollments: number;
  /** Mean of log(price / jitter.base) over label exposures at a jittered list price; 0 without one. */
  readonly mean_jitter: number;
}

export interface ReplayOptions {
  /** Ascending. */
  readonly at_ms: readonly number[];
  readonly gap_ms: number;
  readonly horizon_ms: number;
}

/** Builds a point-in-time dataset of courses from one pass over the events in sequence order. */
export class DatasetReplay {
  constructor(_options: ReplayOptions) { throw new Error("not yet"); }
  apply(_event: StreamEvent): void { throw new Error("not yet"); }
  finish(): CourseRow[] { throw new Error("not yet"); }
}
