import type { FeatureStore } from "../features/store.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Broker } from "./nats.ts";

export interface IngestProgress {
  /** Folded by this run, refused ones included. */
  readonly events: number;
  readonly batches: number;
  readonly dead_letters: number;
  /** Messages of EVENTS that are stored but not folded yet, as last seen. */
  readonly lag: number;
  readonly sequence: number;
  readonly control_sequence: number;
}

export interface IngestOptions {
  readonly broker: Broker;
  readonly store: FeatureStore;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly batch_events_max?: number;
  readonly signal: AbortSignal;
  /** Called after every commit, and once at boot. */
  readonly onProgress?: (progress: IngestProgress) => void;
}

export function runIngest(_options: IngestOptions): Promise<void> {
  throw new Error("being written");
}
