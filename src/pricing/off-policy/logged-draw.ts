/**
 * A price that was drawn at random and shown, with what came of it. All views of a draw share it: a thousand views at one price say no more about other prices than
 * one draw does, so draws are what is weighed and counted.
 */
export interface LoggedDraw {
  /** Draws of one cluster (a course) depend on each other; clusters do not. */
  readonly cluster: string;
  /** Of its cluster: records of one draw share this, however many there are. */
  readonly draw: string;
  readonly views: number;
  /** Summed over the views: tokens, or enrollments. */
  readonly reward: number;
  /** w = π/μ: the probability of the shown price under the candidate policy over that under which it was drawn. */
  readonly weight: number;
  /** Expected reward a view by a model: under the candidate policy, Σ π(p)·r̂(p), and at the shown price, r̂. */
  readonly expected_candidate: number;
  readonly expected_logged: number;
}
