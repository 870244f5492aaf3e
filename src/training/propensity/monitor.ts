import type { PropensityHealth } from "../../contracts/propensity-health.ts";
import type { Broker } from "../../ingest/nats.ts";
import type { StreamSource } from "../../ingest/read-stream.ts";
import type { Clock } from "../../lib/clock.ts";
import { TidemarkError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { formatTime } from "../../lib/time.ts";
import { fixRange } from "../stream-range.ts";
import { replayPropensityDataset } from "./dataset.ts";
import { propensityRegistry } from "./evaluation-stage.ts";
import { HealthMetrics } from "./health-metrics.ts";
import { readHealth, writeHealth } from "./health-store.ts";
import { healthOf } from "./health.ts";

export interface MonitorOptions {
  readonly broker: Broker;
  readonly events?: StreamSource | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: HealthMetrics;
}

/** What a check found. */
export interface HealthCheck {
  readonly health: PropensityHealth;
  /** Whether it opens a retrain: a breach does, once for each champion, or one that is not beaten would be trained against for ever. */
  readonly opens_retrain: boolean;
}

/** Joins figures with what was recorded before. */
export function recordHealth(found: ReturnType<typeof healthOf>, before: PropensityHealth | undefined, now_ms: number): HealthCheck {
  const opened = before?.retrain_opened_for ?? null;
  const opens_retrain = found.breaches.length > 0 && opened !== found.model_version;
  return { health: { ...found, time: formatTime(now_ms), retrain_opened_for: opens_retrain ? found.model_version : opened }, opens_retrain };
}

/** Watches the champion of propensity on labels as they mature. */
export class PropensityMonitor {
  readonly metrics: HealthMetrics;
  readonly #options: MonitorOptions;

  constructor(options: MonitorOptions) {
    this.#options = options;
    this.metrics = options.metrics ?? new HealthMetrics();
  }

  /**
   * Replays EVENTS and judges the champion: a record in the object store, metrics, and a warning for each breach. Undefined while there is no champion, or too little data.
   * The record is written before a retrain begins, so that a process that dies meanwhile does not open it again. Throws what the broker throws.
   */
  async check(signal?: AbortSignal): Promise<HealthCheck | undefined> {
    const { broker, events = broker, clock, logger } = this.#options;
    const { model } = await propensityRegistry(broker).champion(logger);
    if (model === undefined) return undefined;
    try {
      const dataset = await replayPropensityDataset(events, await fixRange(events), () => undefined, signal);
      const check = recordHealth(healthOf(dataset, model), await readHealth(broker), clock.now_ms());
      await writeHealth(broker, check.health);
      this.metrics.update(check.health);
      for (const breach of check.health.breaches) logger.warn({ ...breach, model_version: model.version, opens_retrain: check.opens_retrain }, "a figure of the propensity champion is beyond its limit");
      return check;
    } catch (error) {
      if (error instanceof TidemarkError && error.code === "too_little_data") return undefined;
      throw error;
    }
  }
}
