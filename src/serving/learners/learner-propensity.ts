import type { Context } from "hono";
import type { ScoreDegradedReason } from "../../contracts/learner-scores.ts";
import { must } from "../../lib/assert.ts";
import { jsonInit } from "../headers.ts";
import { type Drivers, explainScores, learnerAnswer } from "./learner-answer.ts";
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
  /** Gone with what they were made from. */
  readonly #kept = new WeakMap<ScoredLearner, KeptAnswer>();
  readonly #drivers = new WeakMap<ScoredLearner, Promise<Drivers>>();

  constructor(desk: LearnerDesk) {
    this.#desk = desk;
  }

  async answer(context: Context): Promise<Response> {
    const scored = this.#desk.asked(context);
    const population = await this.#desk.standard();
    const { reasons } = this.#desk;
    const kept = this.#kept.get(scored);
    if (kept !== undefined && kept.population === population && kept.reasons === reasons) return this.#response(scored, kept.head);
    const drivers = await this.#driversOf(scored);
    const head = JSON.stringify(learnerAnswer(scored, { terciles: population.terciles, rules: this.#desk.deps.rules, reasons }, drivers)).slice(0, -1);
    this.#kept.set(scored, { population, reasons, head });
    return this.#response(scored, head);
  }

  /** Whoever asks meanwhile waits for the same ones. */
  #driversOf(scored: ScoredLearner): Promise<Drivers> {
    const under_way = this.#drivers.get(scored);
    if (under_way !== undefined) return under_way;
    const { turns } = this.#desk.deps;
    const drivers = turns.admit(async () => must(await turns.run(explainScores(scored), () => true), "reasons hold whatever happens"));
    this.#drivers.set(scored, drivers);
    // Turned away because too many were under way: the next one tries again.
    drivers.catch(() => this.#drivers.delete(scored));
    return drivers;
  }

  #response({ updated_at_ms }: ScoredLearner, head: string): Response {
    const freshness_ms = Math.max(0, Math.round(this.#desk.deps.clock.now_ms() - updated_at_ms));
    return new Response(`${head},"freshness_ms":${freshness_ms}}`, jsonInit);
  }
}
