import type { Context } from "hono";
import type { SegmentsAnswer } from "../../contracts/learner-scores.ts";
import { formatTime } from "../../lib/time.ts";
import { roundTokens } from "../../pricing/money.ts";
import { validatedJson } from "../etag.ts";
import type { LearnerDesk } from "./learner-desk.ts";

/** Signals of changed segments, counted. */
export interface Movement {
  /** null while they could not be read. */
  readonly current: SegmentsAnswer["movement"];
}

/** GET /segments: the learners as of the last survey, and who moved in the last days. */
export class SegmentList {
  readonly #desk: LearnerDesk;
  readonly #movement: Movement;

  constructor(desk: LearnerDesk, movement: Movement) {
    this.#desk = desk;
    this.#movement = movement;
  }

  answer(context: Context): Promise<Response> {
    return this.#desk.deps.turns.admit(async () => {
      const { at_ms, model, learners, scored, terciles, segments } = await this.#desk.population();
      const { reasons } = this.#desk;
      const content: Omit<SegmentsAnswer, "as_of"> = {
        segments,
        learners,
        scored,
        priority_thresholds_tokens: { medium: roundTokens(terciles.medium), high: roundTokens(terciles.high) },
        movement: this.#movement.current,
        model,
        ...(reasons.length === 0 ? {} : { degraded: [...reasons] }),
      };
      const text = JSON.stringify(content);
      return validatedJson(context, text, `${text.slice(0, -1)},"as_of":"${formatTime(at_ms)}"}`);
    });
  }
}
