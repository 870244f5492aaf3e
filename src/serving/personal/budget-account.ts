import { STREAM_BUDGETS } from "../../contracts/subjects.ts";
import type { Broker } from "../../ingest/nats.ts";
import { TidemarkError } from "../../lib/errors.ts";

const DEADLINE_MS = 1_000;
/** Somebody else was faster so often: the budget is busy, and the price is the list price. */
const ATTEMPTS_MAX = 16;

export type BudgetBroker = Pick<Broker, "publish" | "getMessage">;

export interface BudgetAccountOptions {
  readonly broker: BudgetBroker;
  readonly subject: string;
  /** What a lease takes at least, as a share of the limit, where there is so much. */
  readonly chunk_share: number;
}

/**
 * One budget that any number of processes spend from. What is leased in all is the last message of a subject; whoever leases more says which message the own one takes
 * the place of, so that of two the broker refuses one. A process spends from what it has leased without asking anybody. What a process that dies had leased and not
 * spent stays unspent: the sum of what is spent never exceeds the limit.
 */
export class BudgetAccount {
  readonly #options: BudgetAccountOptions;
  /** Leased here and not spent, thousandths of a token. */
  #left_milli = 0;
  /** The subject's last message as far as known (0: none), and what it says is leased. */
  #sequence = 0;
  #leased_milli = 0;
  #leasing: Promise<boolean> | undefined;

  constructor(options: BudgetAccountOptions) {
    this.#options = options;
  }

  /** Whether an amount could be had within the limit. Throws TidemarkError while the broker is away. */
  async take(amount_milli: number, limit_milli: number): Promise<boolean> {
    for (;;) {
      if (this.#left_milli >= amount_milli) {
        this.#left_milli -= amount_milli;
        return true;
      }
      // One lease at a time; whoever waited looks again.
      if (this.#leasing !== undefined) await this.#leasing.catch(() => false);
      else if (!(await this.#leaseOnce(amount_milli, limit_milli))) return false;
    }
  }

  /** Of what was taken for a price that was not given. */
  giveBack(amount_milli: number): void {
    this.#left_milli += amount_milli;
  }

  async #leaseOnce(amount_milli: number, limit_milli: number): Promise<boolean> {
    this.#leasing = this.#lease(amount_milli - this.#left_milli, limit_milli);
    try {
      return await this.#leasing;
    } finally {
      this.#leasing = undefined;
    }
  }

  async #lease(needed_milli: number, limit_milli: number): Promise<boolean> {
    const { broker, subject, chunk_share } = this.#options;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const room = limit_milli - this.#leased_milli;
      if (room < needed_milli) {
        // What is known may be old: only the broker's word counts for a refusal.
        if (!(await this.#read())) return false;
        if (limit_milli - this.#leased_milli < needed_milli) return false;
        continue;
      }
      const chunk = Math.min(room, Math.max(needed_milli, Math.floor(limit_milli * chunk_share)));
      const leased_milli = this.#leased_milli + chunk;
      try {
        const data = new TextEncoder().encode(JSON.stringify({ leased_milli }));
        const { sequence } = await broker.publish(subject, data, { expected_last_subject_sequence: this.#sequence, deadline_ms: DEADLINE_MS });
        this.#sequence = sequence;
        this.#leased_milli = leased_milli;
        this.#left_milli += chunk;
        return true;
      } catch (error) {
        if (!(error instanceof TidemarkError && error.code === "wrong_last_sequence")) throw error;
        await this.#read();
      }
    }
    throw new TidemarkError("broker_unreachable", `the budget ${subject} is taken from by too many at once`);
  }

  /** Whether there is anything new. */
  async #read(): Promise<boolean> {
    const { broker, subject } = this.#options;
    const last = await broker.getMessage(STREAM_BUDGETS, { last_by_subject: subject });
    const sequence = last?.sequence ?? 0;
    if (sequence === this.#sequence) return false;
    this.#sequence = sequence;
    const leased: unknown = last === undefined ? 0 : (JSON.parse(new TextDecoder().decode(last.data)) as { leased_milli?: unknown }).leased_milli;
    // What nobody of this version wrote leaves nothing.
    this.#leased_milli = typeof leased === "number" && leased >= 0 ? leased : Number.POSITIVE_INFINITY;
    return true;
  }
}
