import type { Context } from "hono";
import type { ScoreDegradedReason } from "../../contracts/learner-scores.ts";
import { idSchema } from "../../contracts/fields.ts";
import type { Clock } from "../../lib/clock.ts";
import type { CompiledRules } from "../../pricing/learners/action-rules.ts";
import type { Degradation } from "../degradation.ts";
import { type FeatureSource, mustFeatures } from "../feature-source.ts";
import { ProblemError } from "../problem.ts";
import { Rebuilt } from "../rebuilt.ts";
import type { Turns } from "../turns.ts";
import type { LearnerScores, ScoredLearner } from "./learner-scores.ts";
import { type Population, surveyLearners } from "./population.ts";

export interface LearnerDeskDeps {
  readonly features: FeatureSource;
  readonly scores: LearnerScores;
  readonly rules: CompiledRules;
  readonly degradation: Degradation;
  readonly turns: Turns;
  readonly clock: Clock;
}

/** What every answer about learners is made with. */
export class LearnerDesk {
  readonly deps: LearnerDeskDeps;
  readonly #population: Rebuilt<Population>;
  #reasons: { readonly around: readonly string[]; readonly unmodelled: boolean; readonly reasons: readonly ScoreDegradedReason[] } | undefined;

  constructor(deps: LearnerDeskDeps) {
    this.deps = deps;
    this.#population = new Rebuilt(deps, (open, now_ms) => surveyLearners(deps.scores, open, now_ms));
  }

  /** Learners of the last survey. */
  get surveyed(): number {
    return this.#population.last?.scored ?? 0;
  }

  /** All learners as of a minute or two ago. Throws ProblemError without features. */
  population(): Promise<Population> {
    return this.#surveyed(false);
  }

  /** What a learner is compared with: of the last survey, however old, so that nobody waits for one but the first; while it is used the next one is made. Throws ProblemError without features. */
  standard(): Promise<Population> {
    return this.#surveyed(true);
  }

  async #surveyed(however_old: boolean): Promise<Population> {
    for (;;) {
      const built = await this.#population.of(mustFeatures(this.deps.features), however_old);
      if (built !== undefined) return built.value;
    }
  }

  /** What is wrong around the scores. The same array as long as nothing changes: caches compare it by identity. */
  get reasons(): readonly ScoreDegradedReason[] {
    const around = this.deps.degradation.reasons;
    const { unmodelled } = this.deps.scores;
    if (this.#reasons?.around !== around || this.#reasons.unmodelled !== unmodelled) {
      const told = around.filter((reason): reason is "broker_unreachable" | "features_stale" => reason === "broker_unreachable" || reason === "features_stale");
      this.#reasons = { around, unmodelled, reasons: [...(unmodelled ? (["no_propensity_model"] as const) : []), ...told] };
    }
    return this.#reasons.reasons;
  }

  /** The learner that a path names. Throws ProblemError. */
  asked(context: Context): ScoredLearner {
    const learner_id = context.req.param("id") ?? "";
    const scored = idSchema.safeParse(learner_id).success ? this.deps.scores.find(learner_id) : undefined;
    if (scored === undefined) throw new ProblemError("unknown_learner", "No event of a learner of this id has arrived, or the learner was erased.", { field: "learner_id" });
    return scored;
  }
}
