import type { Personalisation } from "../../contracts/policy.ts";
import type { BudgetAnswer } from "../../contracts/quote.ts";
import { globalBudgetSubject, learnerBudgetSubject } from "../../contracts/subjects.ts";
import type { Logger } from "../../lib/log.ts";
import { errorMessage } from "../../lib/errors.ts";
import { HOUR_MS } from "../../lib/time.ts";
import { AnswerCache } from "../answer-cache.ts";
import { BudgetAccount, type BudgetBroker } from "./budget-account.ts";

/** Learners whose budget is in memory, some 350 bytes each; of one who is forgotten what was leased and not spent is lost. */
const LEARNERS_MAX = 32_768;
/** What is leased at a time, and what a process that dies takes along: a hundredth of the platform's budget, a thirty-second of a learner's, which is some ten quotes of the default policy. */
const CHUNK_SHARE = 0.01;
const LEARNER_CHUNK_SHARE = 1 / 32;
/** Once the platform's budget is exhausted, nobody asks again for this long: nothing comes back within a period. */
const EXHAUSTED_MS = 10_000;

type Limits = Personalisation["budget"];

export interface BudgetTaken {
  readonly answer: BudgetAnswer;
  /** The price was not given after all. */
  giveBack(): void;
}

const nothing = (): void => undefined;

/** The discounts that may be expected to be given away in a period, in all and to each learner, over all processes and hosts. */
export class DiscountBudget {
  readonly #broker: BudgetBroker;
  readonly #logger: Logger;
  readonly #learners = new AnswerCache<BudgetAccount>(LEARNERS_MAX);
  #global: { readonly period: string; readonly account: BudgetAccount } | undefined;
  #exhausted = { period: "", limit_milli: 0, until_ms: 0 };
  readonly counts = new Map<BudgetAnswer, number>();

  constructor(broker: BudgetBroker, logger: Logger) {
    this.#broker = broker;
    this.#logger = logger;
  }

  /** Takes an expected discount from both budgets, or from none. */
  async take(learner_id: string, amount_milli: number, limits: Limits, now_ms: number): Promise<BudgetTaken> {
    const taken = await this.#take(learner_id, amount_milli, limits, now_ms);
    this.counts.set(taken.answer, (this.counts.get(taken.answer) ?? 0) + 1);
    return taken;
  }

  async #take(learner_id: string, amount_milli: number, { period_hours, global_tokens, learner_tokens }: Limits, now_ms: number): Promise<BudgetTaken> {
    if (amount_milli === 0) return { answer: "not_needed", giveBack: nothing };
    // Periods of different lengths are different budgets; a dot would be another token of the subject.
    const period = `${Math.round(period_hours * 60)}m-${Math.floor(now_ms / (period_hours * HOUR_MS))}`;
    const global_milli = global_tokens === null ? null : global_tokens * 1_000;
    const exhausted = this.#exhausted;
    if (global_milli !== null && exhausted.period === period && exhausted.limit_milli >= global_milli && now_ms < exhausted.until_ms) return { answer: "global", giveBack: nothing };
    const learner = learner_tokens === null ? undefined : this.#learnerAccount(learner_id, period);
    const all = global_milli === null ? undefined : this.#globalAccount(period);
    try {
      if (learner !== undefined && !(await learner.take(amount_milli, learner_tokens! * 1_000))) return { answer: "learner", giveBack: nothing };
    } catch (error) {
      return this.#unavailable(error);
    }
    try {
      if (all !== undefined && !(await all.take(amount_milli, global_milli!))) {
        learner?.giveBack(amount_milli);
        this.#exhausted = { period, limit_milli: global_milli!, until_ms: now_ms + EXHAUSTED_MS };
        return { answer: "global", giveBack: nothing };
      }
    } catch (error) {
      learner?.giveBack(amount_milli);
      return this.#unavailable(error);
    }
    return {
      answer: "granted",
      giveBack: () => {
        learner?.giveBack(amount_milli);
        all?.giveBack(amount_milli);
      },
    };
  }

  #unavailable(error: unknown): BudgetTaken {
    this.#logger.warn({ error: errorMessage(error) }, "the discount budget could not be asked");
    return { answer: "unavailable", giveBack: nothing };
  }

  #learnerAccount(learner_id: string, period: string): BudgetAccount {
    const key = `${learner_id} ${period}`;
    const known = this.#learners.get(key);
    if (known !== undefined) return known;
    const account = new BudgetAccount({ broker: this.#broker, subject: learnerBudgetSubject(learner_id, period), chunk_share: LEARNER_CHUNK_SHARE });
    this.#learners.set(key, account);
    return account;
  }

  #globalAccount(period: string): BudgetAccount {
    if (this.#global?.period !== period) this.#global = { period, account: new BudgetAccount({ broker: this.#broker, subject: globalBudgetSubject(period), chunk_share: CHUNK_SHARE }) };
    return this.#global.account;
  }
}
