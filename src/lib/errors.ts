/**
 * A failure that can happen in a correct program. `code` is stable and machine-readable: HTTP answers, exit
 * messages and metrics use it; `message` says what to do about it.
 */
export class TidemarkError extends Error {
  override name = "TidemarkError";
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The message of anything that was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
