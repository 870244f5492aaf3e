/** Of one period: what its groups have saved up. */
interface Period {
  readonly index: number;
  readonly credits: Map<string, number>;
}

/** Discounts of one learner as the account of fairness sees them; to be settled once it is known whether the quote came to be. */
export interface FairnessShare {
  readonly period: number;
  readonly groups: readonly string[];
  /** By quote: δ + log(price / anchor). */
  readonly balance: number;
}

/**
 * Keeps the mean log price of any two declared groups within δ of each other, across all processes and hosts without a word between them: in each process, the mean
 * personal log discount of each group is at most δ at every moment, so it is over all processes together; and of two numbers in [−δ, 0] neither is further than δ
 * from the other. Every quote adds δ to its groups' credit and takes its own log discount from it; credit never falls below 0.
 *
 * That bounds more than the difference of groups, from the first quote on: it is what needs no shared counter.
 */
export class FairnessCredit {
  #period: Period = { index: -1, credits: new Map() };

  /** The largest log discount that every group of a learner can bear now. */
  allowance(period: number, groups: readonly string[], delta_log: number): number {
    const { credits } = this.#of(period);
    return groups.reduce((least, group) => Math.min(least, (credits.get(group) ?? 0) + delta_log), Number.POSITIVE_INFINITY);
  }

  /** Takes at once what a quote spends; what it saves counts only when `settle` says that it came to be. */
  reserve(period: number, groups: readonly string[], delta_log: number, log_discount: number): FairnessShare {
    const share = { period, groups, balance: delta_log - log_discount };
    if (share.balance < 0) this.#add(share, share.balance);
    return share;
  }

  /** `made`: the quote is in force; `lost`: certainly not; `unknown`: perhaps, so nothing is given back and nothing saved. */
  settle(share: FairnessShare, outcome: "made" | "lost" | "unknown"): void {
    if (outcome === "made" && share.balance > 0) this.#add(share, share.balance);
    if (outcome === "lost" && share.balance < 0) this.#add(share, -share.balance);
  }

  #add({ period, groups }: FairnessShare, amount: number): void {
    if (this.#period.index !== period) return;
    for (const group of groups) this.#period.credits.set(group, (this.#period.credits.get(group) ?? 0) + amount);
  }

  #of(index: number): Period {
    if (this.#period.index !== index) this.#period = { index, credits: new Map() };
    return this.#period;
  }
}
