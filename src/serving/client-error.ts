import type { Problem } from "../contracts/problem.ts";

/** What the engine refused, as it said it; `code` is stable, `field` names what was at fault. */
export class TidemarkApiError extends Error {
  override name = "TidemarkApiError";
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }

  get status(): number {
    return this.problem.status;
  }

  get code(): string {
    return this.problem.code;
  }

  get field(): string | undefined {
    return this.problem.field;
  }
}
