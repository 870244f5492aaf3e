import type { DegradedReason, HealthAnswer } from "../contracts/api.ts";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import type { Clock } from "../lib/clock.ts";
import { formatTime } from "../lib/time.ts";
import type { CompiledModel } from "../models/compiled.ts";
import type { BrokerPort } from "./broker-link.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { Degradation } from "./degradation.ts";
import { mustFeatures } from "./feature-source.ts";
import type { FeatureSource } from "./feature-source.ts";
import type { ModelHolder } from "./model-holder.ts";
import { ProblemError } from "./problem.ts";

export interface HealthDeps {
  readonly features: FeatureSource;
  readonly models: ModelHolder<CompiledModel>;
  readonly decisions: DecisionLog;
  readonly degradation: Degradation;
  readonly broker: BrokerPort;
  readonly clock: Clock;
  readonly version: string;
}

export interface ReadyAnswer {
  readonly status: "ready";
  readonly model: string | null;
  readonly degraded: readonly DegradedReason[];
}

/** What this process says about itself. */
export class HealthReport {
  readonly #deps: HealthDeps;
  readonly #started_ms: number;
  #draining = false;

  constructor(deps: HealthDeps) {
    this.#deps = deps;
    this.#started_ms = deps.clock.now_ms();
  }

  /** From now on: not ready. What arrives is still answered. */
  drain(): void {
    this.#draining = true;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Always answered with 200: the status is for people and dashboards, /readyz for load balancers. */
  health(): HealthAnswer {
    const { features, decisions, broker, clock, degradation, version } = this.#deps;
    const degraded = this.#degraded();
    return {
      status: features.current === undefined ? "unavailable" : degraded.length > 0 ? "degraded" : "ok",
      uptime_s: (clock.now_ms() - this.#started_ms) / 1000,
      version,
      model: this.#model(),
      broker: broker.connected ? "connected" : "disconnected",
      features: {
        available: features.current !== undefined,
        sequence: features.current?.store.cursor(STREAM_EVENTS)?.sequence ?? 0,
        lag_events: degradation.lag_events,
        watermark: this.#watermark(),
      },
      decisions: { recorded: decisions.recorded, pending: decisions.pending, dropped: decisions.dropped },
      degraded,
    };
  }

  /** Throws the 503 that says what is missing. A degraded engine is ready: it prices. */
  ready(): ReadyAnswer {
    if (this.#draining) throw new ProblemError("draining", "This process is stopping: send requests elsewhere.");
    mustFeatures(this.#deps.features);
    return { status: "ready", model: this.#model(), degraded: this.#degraded() };
  }

  #watermark(): HealthAnswer["features"]["watermark"] {
    const watermark = this.#deps.features.current?.store.watermark();
    return watermark === undefined ? null : { event_time: formatTime(watermark.event_time_ms), broker_time: formatTime(watermark.broker_time_ms) };
  }

  #model(): string | null {
    return this.#deps.models.current?.model.version ?? null;
  }

  #degraded(): DegradedReason[] {
    const reasons = [...this.#deps.degradation.reasons];
    if (this.#deps.models.current === undefined) reasons.push("no_model");
    return reasons;
  }
}
