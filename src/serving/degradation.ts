import type { DegradedReason } from "../contracts/api.ts";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import type { Clock } from "../lib/clock.ts";
import type { BrokerPort } from "./broker-link.ts";
import type { FeatureSource } from "./feature-source.ts";
import type { PolicySource } from "./policy-source.ts";

/** What is wrong around a price, besides the price itself. */
export interface Degradation {
  /** The same array as long as nothing changes: caches compare it by identity. */
  readonly reasons: readonly DegradedReason[];
  /** EVENTS messages that the store has not folded yet, as last seen; null before the broker said. */
  readonly lag_events: number | null;
}

/** Every combination, built once. Bit 0: the broker is away; bit 1: the features are stale. */
const combinations: readonly (readonly DegradedReason[])[] = [[], ["broker_unreachable"], ["features_stale"], ["broker_unreachable", "features_stale"]];

/**
 * Watches the broker and the fold. Features are stale when EVENTS is ahead of the store's cursor and the cursor has not
 * moved for longer than the platform's policy allows: a fold that is behind but catching up is late, not dead.
 */
export class DegradationMonitor implements Degradation {
  readonly #broker: BrokerPort;
  readonly #features: FeatureSource;
  readonly #clock: Clock;
  readonly #policies: Pick<PolicySource, "platform">;
  #lag_events: number | null = null;
  #stale = false;
  #seen_sequence = -1;
  #progress_at_ms: number;

  constructor(broker: BrokerPort, features: FeatureSource, clock: Clock, policies: Pick<PolicySource, "platform">) {
    this.#broker = broker;
    this.#features = features;
    this.#clock = clock;
    this.#policies = policies;
    this.#progress_at_ms = clock.now_ms();
  }

  get reasons(): readonly DegradedReason[] {
    return combinations[(this.#broker.connected ? 0 : 1) + (this.#stale ? 2 : 0)]!;
  }

  get lag_events(): number | null {
    return this.#lag_events;
  }

  /** Called every second. Without an answer from the broker the last known state stands. */
  async check(): Promise<void> {
    const stream = await this.#broker.streamInfo(STREAM_EVENTS).catch(() => undefined);
    const now_ms = this.#clock.now_ms();
    const cursor = this.#features.current?.store.cursor(STREAM_EVENTS);
    const sequence = cursor?.sequence ?? 0;
    if (sequence !== this.#seen_sequence) {
      this.#seen_sequence = sequence;
      this.#progress_at_ms = now_ms;
    }
    if (stream === undefined) return;
    // A store folded from another stream than the one that is there is behind by all of it.
    const other = cursor !== undefined && cursor.stream_created !== stream.created;
    this.#lag_events = Math.max(0, stream.last_sequence - (other ? 0 : sequence));
    if (this.#lag_events === 0) this.#progress_at_ms = now_ms;
    this.#stale = this.#lag_events > 0 && now_ms - this.#progress_at_ms > this.#policies.platform.stale_after_ms;
  }
}
