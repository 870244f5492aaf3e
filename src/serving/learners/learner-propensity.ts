import type { Context } from "hono";
import type { ScoreDegradedReason } from "../../contracts/learner-scores.ts";
import { jsonInit } from "../headers.ts";
import { learnerAnswer } from "./learner-answer.ts";
import type { LearnerDesk } from "./learner-desk.ts";
import type { ScoredLearner } from "./learner-scores.ts";
import type { Population } from "./population.ts";

/** An answer up to where its age belongs, and what else must still hold for it. */
interface KeptAnswer {
  readonly population: Population;
  readonly reasons: readonly ScoreDegradedReason[];
  readonly head: string;
}

/** GET /learner/{id}/propensity. An answer that is kept is given at once; reasons are worked out in turns with everything else that takes its time. */
export class LearnerPropensity {
  readonly #desk: LearnerDesk;
  /** Gone with what it was made from. */
  readonly #kept = new WeakMap<ScoredLearner, KeptAnswer>();

  constructor(desk: LearnerDesk) {
    this.#desk = desk;
  }

  async answer(context: Context): Promise<Response> {
    const scored = this.#desk.asked(context);
    const population = await this.#desk.population();
    const { reasons } = this.#desk;
    const kept = this.#kept.get(scored);
    if (kept !== undefined && kept.population === population && kept.reasons === reasons) return this.#response(scored, kept.head);
    return this.#desk.deps.turns.once(() => {
      const answer = learnerAnswer(scored, { terciles: population.terciles, rules: this.#desk.deps.rules, reasons }, true);
      const head = JSON.stringify(answer).slice(0, -1);
      this.#kept.set(scored, { population, reasons, head });
      return this.#response(scored, head);
    });
  }

  #response({ updated_at_ms }: ScoredLearner, head: string): Response {
    const freshness_ms = Math.max(0, Math.round(this.#desk.deps.clock.now_ms() - updated_at_ms));
    return new Response(`${head},"freshness_ms":${freshness_ms}}`, jsonInit);
  }
}
