/**
 * What is asked for: a course's price; its demand at ten prices; that of a new course with every request; 500 prices at once; a personal price that is locked, since the
 * learner has been quoted it before; one of a learner and course that come together for the first time.
 */
export type Bodies = "course" | "predict" | "unique" | "batch" | "locked" | "new";

export interface LoadOptions {
  readonly url: string;
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
  readonly warmup_s?: number;
  readonly bodies: Bodies;
  readonly courses: number;
  /** Instead of the synthetic platform's. */
  readonly course_ids?: readonly string[];
  readonly learners?: number;
  readonly seed: number;
  /** Sent as a bearer. */
  readonly key?: string | undefined;
}

export interface PacedLoadOptions extends LoadOptions {
  /** Requests a second over all connections. */
  readonly rate: number;
}

/** Courses of one batch. */
export const BATCH_COURSES = 500;
