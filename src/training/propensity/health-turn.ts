import { errorMessage, TidemarkError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { HOUR_MS, MINUTE_MS } from "../../lib/time.ts";
import type { PropensityMonitor } from "./monitor.ts";

/** Labels mature by the day; a check replays the whole stream. */
const INTERVAL_MS = 2 * HOUR_MS;
/** After the start, when there is other work. */
const FIRST_MS = 10 * MINUTE_MS;

/** The monitor's place in the schedule of the train role. */
export class HealthTurn {
  /** Until it is due. */
  wait_ms: number = FIRST_MS;
  readonly #monitor: Pick<PropensityMonitor, "check">;
  readonly #logger: Logger;

  constructor(monitor: Pick<PropensityMonitor, "check">, logger: Logger) {
    this.#monitor = monitor;
    this.#logger = logger;
  }

  /** Checks, and puts the next time off; whether a retrain is due at once. A failure is logged: the next check may do better, and nothing depends on this one. */
  async take(signal: AbortSignal): Promise<boolean> {
    this.wait_ms = INTERVAL_MS;
    try {
      const check = await this.#monitor.check(signal);
      return check?.opens_retrain ?? false;
    } catch (error) {
      if (!signal.aborted) this.#logger.error({ code: error instanceof TidemarkError ? error.code : "internal", error: errorMessage(error) }, "the propensity champion could not be checked");
      return false;
    }
  }
}
