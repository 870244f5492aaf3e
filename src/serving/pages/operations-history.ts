import { STREAM_EVENTS } from "../../contracts/subjects.ts";
import type { Clock } from "../../lib/clock.ts";
import type { DegradationMonitor } from "../degradation.ts";
import type { FeatureSource } from "../feature-source.ts";
import { readMetrics, type Sample, sumOf } from "./metrics-text.ts";

const EVERY_MS = 5_000;
/** Half an hour. */
const POINTS_MAX = 360;

export interface OperationsPoint {
  readonly at_ms: number;
  readonly sequence: number;
  readonly lag_events: number;
  /** Age of the newest event folded, by the broker's time. */
  readonly freshness_ms: number;
  readonly calls: number;
  readonly degraded: number;
}

export interface OperationsState {
  readonly sequence: number;
  readonly lag_events: number;
  readonly watermark_ms: number | undefined;
}

export function operationsState(features: FeatureSource, degradation: Pick<DegradationMonitor, "lag_events">): OperationsState {
  const store = features.current?.store;
  return { sequence: store?.cursor(STREAM_EVENTS)?.sequence ?? 0, lag_events: degradation.lag_events ?? 0, watermark_ms: store?.watermark()?.broker_time_ms };
}

export interface OperationsHistoryDeps {
  readonly metricsText: () => Promise<string>;
  readonly state: () => OperationsState;
  readonly clock: Clock;
}

/**
 * The engine's figures every five seconds of the last half hour, as long as somebody looks: totals become rates. It is taken when a page asks, so that it costs nothing
 * while nobody does.
 */
export class OperationsHistory {
  readonly #deps: OperationsHistoryDeps;
  readonly #points: OperationsPoint[] = [];
  #samples: readonly Sample[] = [];
  #reading: Promise<void> | undefined;

  constructor(deps: OperationsHistoryDeps) {
    this.#deps = deps;
  }

  /** Oldest first, with a point of now. */
  async points(): Promise<readonly OperationsPoint[]> {
    const { clock } = this.#deps;
    const last = this.#points.at(-1);
    if (last === undefined || clock.now_ms() - last.at_ms >= EVERY_MS) {
      this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
      await this.#reading;
    }
    return this.#points;
  }

  /** Of the last point. */
  get samples(): readonly Sample[] {
    return this.#samples;
  }

  async #read(): Promise<void> {
    const { metricsText, state, clock } = this.#deps;
    this.#samples = readMetrics(await metricsText());
    const at_ms = clock.now_ms();
    const { sequence, lag_events, watermark_ms } = state();
    this.#points.push({
      at_ms,
      sequence,
      lag_events,
      freshness_ms: watermark_ms === undefined ? 0 : Math.max(0, at_ms - watermark_ms),
      calls: sumOf(this.#samples, "tidemark_http_request_duration_seconds_count"),
      degraded: sumOf(this.#samples, "tidemark_degraded_answers_total"),
    });
    if (this.#points.length > POINTS_MAX) this.#points.shift();
  }
}
