import { leaseSubject, STREAM_LEASES } from "../contracts/subjects.ts";
import type { Clock } from "../lib/clock.ts";
import { TidemarkError } from "../lib/errors.ts";
import { SECOND_MS } from "../lib/time.ts";
import type { Broker } from "./nats.ts";

/** How long a holder that says nothing is believed to be there. */
export const LEASE_MS = 10 * SECOND_MS;
/** A holder says that it is there so often. */
const RENEW_MS = LEASE_MS / 4;
/** Before others may take the lease, its holder counts it as lost: clocks run at different paces. */
const MARGIN_MS = LEASE_MS / 5;
const DEADLINE_MS = 2 * SECOND_MS;

export interface LeaseOptions {
  readonly broker: Pick<Broker, "publish" | "getMessage">;
  readonly clock: Clock;
  readonly name: string;
  /** Unique to this process's life. */
  readonly holder: string;
}

/**
 * One of many processes, on any host, at a time. The lease is the last message of its subject; whoever takes or renews it says which message it takes the place of, so
 * that of two who try the broker refuses one. Nobody compares clocks: another's lease is over once the same message has stood there for its whole time by one's own.
 */
export class Lease {
  readonly #options: LeaseOptions;
  /** Of the own message; undefined while another holds the lease, or nobody does. */
  #sequence: number | undefined;
  #held_until_ms = 0;
  #renew_at_ms = 0;
  #seen = { sequence: -1, at_ms: 0 };
  #term = 0;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  get held(): boolean {
    return this.#sequence !== undefined && this.#options.clock.now_ms() < this.#held_until_ms;
  }

  /** Counts up whenever the lease was taken anew: what was known in another term may have changed since. */
  get term(): number {
    return this.#term;
  }

  /** Takes or renews the lease; whether it is held. Throws TidemarkError while the broker is away. */
  async hold(): Promise<boolean> {
    const { clock } = this.#options;
    if (this.held && clock.now_ms() < this.#renew_at_ms) return true;
    const lapsed = !this.held;
    const expected = this.#sequence ?? (await this.#free());
    if (expected === undefined) return false;
    const began_ms = clock.now_ms();
    try {
      this.#sequence = await this.#say(this.#options.holder, expected);
    } catch (error) {
      if (!(error instanceof TidemarkError && error.code === "wrong_last_sequence")) throw error;
      this.#sequence = undefined;
      return false;
    }
    if (lapsed) this.#term++;
    this.#held_until_ms = began_ms + LEASE_MS - MARGIN_MS;
    this.#renew_at_ms = began_ms + RENEW_MS;
    return true;
  }

  /** Lets others have it at once. */
  async release(): Promise<void> {
    const sequence = this.#sequence;
    this.#sequence = undefined;
    if (sequence !== undefined) await this.#say("", sequence).catch(() => undefined);
  }

  /** The message to take the place of (0: none), unless another holds the lease. */
  async #free(): Promise<number | undefined> {
    const { broker, clock, name, holder } = this.#options;
    const last = await broker.getMessage(STREAM_LEASES, { last_by_subject: leaseSubject(name) });
    if (last === undefined) return 0;
    const by = new TextDecoder().decode(last.data);
    // The own one: it was stored, and the broker's answer was lost.
    if (by === "" || by === holder) return last.sequence;
    const now_ms = clock.now_ms();
    if (last.sequence !== this.#seen.sequence) this.#seen = { sequence: last.sequence, at_ms: now_ms };
    return now_ms - this.#seen.at_ms < LEASE_MS ? undefined : last.sequence;
  }

  async #say(holder: string, expected: number): Promise<number> {
    const { broker, name } = this.#options;
    const { sequence } = await broker.publish(leaseSubject(name), new TextEncoder().encode(holder), { expected_last_subject_sequence: expected, deadline_ms: DEADLINE_MS });
    return sequence;
  }
}
