import { TidemarkError } from "../../src/lib/errors.ts";

const CODE = "drill_unavailable";

/** What this machine or this user cannot do: the drill is not run, and the result says why. */
export function unavailable(why: string, cause?: unknown): TidemarkError {
  return new TidemarkError(CODE, why, { cause });
}

export function isUnavailable(error: unknown): error is TidemarkError {
  return error instanceof TidemarkError && error.code === CODE;
}
