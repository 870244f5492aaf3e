import type { Context } from "hono";
import { idSchema } from "../../contracts/fields.ts";
import { type PropensityBatchBody, propensityBatchBodySchema } from "../../contracts/learner-scores.ts";
import { readBody } from "../body.ts";
import { mustFeatures } from "../feature-source.ts";
import { jsonInit } from "../headers.ts";
import { type AnswerContext, explainScores, learnerAnswer } from "./learner-answer.ts";
import type { LearnerDesk } from "./learner-desk.ts";

/** Learners of one turn, some tenths of a millisecond; their reasons take turns of their own. */
const LEARNERS_PER_TURN = 4;

interface Batch {
  readonly items: readonly string[];
  readonly failed: number;
}

/** POST /propensity_batch: up to 500 learners, each answered or refused for itself. */
export class PropensityBatch {
  readonly #desk: LearnerDesk;

  constructor(desk: LearnerDesk) {
    this.#desk = desk;
  }

  async answer(context: Context): Promise<Response> {
    const body = await readBody(context, propensityBatchBodySchema);
    const { turns, features, rules } = this.#desk.deps;
    return turns.admit(async () => {
      for (;;) {
        const { terciles } = await this.#desk.standard();
        const open = mustFeatures(features);
        const batch = await turns.run(this.#items(body, { terciles, rules, reasons: this.#desk.reasons }), () => features.current === open);
        if (batch === undefined) continue;
        const { items, failed } = batch;
        return new Response(`{"scored":${items.length - failed},"failed":${failed},"results":[${items.join(",")}]}`, jsonInit);
      }
    });
  }

  *#items({ learner_ids, drivers }: PropensityBatchBody, context: AnswerContext): Generator<void, Batch> {
    const { scores, clock } = this.#desk.deps;
    const items: string[] = [];
    let failed = 0;
    for (const [i, learner_id] of learner_ids.entries()) {
      if (i % LEARNERS_PER_TURN === 0) yield;
      const { error } = idSchema.safeParse(learner_id);
      const scored = error === undefined ? scores.find(learner_id) : undefined;
      if (scored === undefined) {
        failed++;
        const refusal = error === undefined ? { code: "unknown_learner", detail: "No event of a learner of this id has arrived, or the learner was erased." } : { code: "invalid_field", detail: error.issues[0]?.message ?? "is no id" };
        items.push(JSON.stringify({ learner_id, error: refusal }));
      } else {
        const freshness_ms = Math.max(0, Math.round(clock.now_ms() - scored.updated_at_ms));
        const explained = drivers ? yield* explainScores(scored) : undefined;
        items.push(JSON.stringify({ ...learnerAnswer(scored, context, explained), freshness_ms }));
      }
    }
    return { items, failed };
  }
}
