import { courseLogSensitivity, courseUtility, learnerUtility, topUpProbability, wantProbability } from "./demand.ts";
import { seasonAt } from "./shocks.ts";
import type { WorldParameters } from "./world.ts";

/** Balances kept per learner, of every fourth view. */
export const BALANCES_KEPT = 8;
const BALANCE_EVERY = 4;

/** Half a million short of what a Set can hold: live traffic adds for as long as it runs. */
export const OWNED_MAX = 2 ** 24 - 2 ** 19;
/** Token packs are multiples of this. */
const PACK_TOKENS = 50;

/** What a learner did with a view. `bought_tokens` > 0 when the purse had to be filled first. */
export interface Choice {
  readonly enrolled: boolean;
  readonly bought_tokens: number;
}

const LEFT: Choice = { enrolled: false, bought_tokens: 0 };
const ENROLLED: Choice = { enrolled: true, bought_tokens: 0 };

/** What changes while the platform runs. Mutated in place by history and live traffic alike. */
export class PlatformState {
  readonly balance: Int32Array;
  /** Balances that the learner's recent views met, learners × BALANCES_KEPT: the population that censors demand. */
  readonly balance_at_view: Int32Array;
  readonly #views: Int32Array;
  readonly churned: Uint8Array;
  readonly churned_ms: Float64Array;
  /** List price in force. */
  readonly price: Int32Array;
  /** Moving average of log(price paid / reference price). */
  readonly paid: Float64Array;
  readonly completed: Int32Array;
  readonly dropped: Int32Array;
  /** learner × courses + course of everything enrolled in; what comes after OWNED_MAX is forgotten, and may be bought again. */
  readonly owned: Set<number>;
  enrollments: number;

  constructor(world: WorldParameters, from?: PlatformState) {
    const n = world.learners.count;
    this.balance = from?.balance.slice() ?? new Int32Array(n);
    this.balance_at_view = from?.balance_at_view.slice() ?? new Int32Array(n * BALANCES_KEPT);
    this.#views = from === undefined ? new Int32Array(n) : from.#views.slice();
    this.churned = from?.churned.slice() ?? new Uint8Array(n);
    this.churned_ms = from?.churned_ms.slice() ?? new Float64Array(n).fill(Number.POSITIVE_INFINITY);
    this.price = from?.price.slice() ?? Int32Array.from(world.courses.base_price_tokens);
    this.paid = from?.paid.slice() ?? new Float64Array(n);
    this.completed = from?.completed.slice() ?? new Int32Array(n);
    this.dropped = from?.dropped.slice() ?? new Int32Array(n);
    this.owned = new Set(from?.owned);
    this.enrollments = from?.enrollments ?? 0;
  }

  /**
   * One view at `price`: the true choice model with two uniform draws, one for wanting the course and one for buying
   * missing tokens. An enrollment changes balance and ownership here; the caller tells the world of it.
   */
  consider(world: WorldParameters, level: number, learner: number, course: number, price: number, at_ms: number, u_want: number, u_top_up: number): Choice {
    const balance = this.balance[learner]!;
    this.#remember(learner, balance);
    const reference = world.courses.base_price_tokens[course]!;
    const utility = level + courseUtility(world, course, at_ms) + learnerUtility(world, learner, course);
    const b = world.config.elasticity_scale * Math.exp(courseLogSensitivity(world, course, at_ms) + world.learners.log_sensitivity[learner]!);
    if (u_want >= wantProbability(world.config.curve, utility, b, price / reference)) return LEFT;
    if (u_top_up >= topUpProbability(world, learner, price, balance)) return LEFT;
    if (this.owned.size < OWNED_MAX) this.owned.add(learner * world.courses.count + course);
    this.enrollments++;
    this.paid[learner]! += 0.3 * (Math.log(price / reference) - this.paid[learner]!);
    if (price <= balance) {
      this.balance[learner] = balance - price;
      return ENROLLED;
    }
    const bought_tokens = PACK_TOKENS * (Math.ceil((price - balance) / PACK_TOKENS) + (learner % 3));
    this.balance[learner] = balance + bought_tokens - price;
    return { enrolled: true, bought_tokens };
  }

  #remember(learner: number, balance: number): void {
    const views = this.#views[learner]!++;
    const from = learner * BALANCES_KEPT;
    if (views === 0) this.balance_at_view.fill(balance, from, from + BALANCES_KEPT);
    else if (views % BALANCE_EVERY === 0) this.balance_at_view[from + ((views / BALANCE_EVERY) % BALANCES_KEPT)] = balance;
  }

  owns(world: WorldParameters, learner: number, course: number): boolean {
    return this.owned.has(learner * world.courses.count + course);
  }

  /** Weekly hazard of leaving for good: rises with the price paid, falls with progress. */
  churnHazard(world: WorldParameters, learner: number, at_ms: number): number {
    const progress = (this.completed[learner]! + 1) / (this.completed[learner]! + this.dropped[learner]! + 2);
    const score = -5 + 1.2 * this.paid[learner]! + 1.6 * (0.5 - progress) + world.learners.restlessness[learner]! - 0.3 * seasonAt(at_ms);
    return 1 / (1 + Math.exp(-score));
  }
}
