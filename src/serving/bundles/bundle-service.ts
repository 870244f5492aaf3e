import { degradedReasons } from "../../contracts/api.ts";
import type { BundleBody, BundleInputs } from "../../contracts/bundle.ts";
import { bundleDecisionSubject } from "../../contracts/subjects.ts";
import type { Clock } from "../../lib/clock.ts";
import { encodeDoubles } from "../../lib/doubles.ts";
import { type BundleDecision, bundleRecordJson, decideBundle } from "../../pricing/bundles/bundle-decision.ts";
import { tasteCorrelation } from "../../pricing/bundles/taste-correlation.ts";
import { courseDemand } from "../../pricing/course-demand.ts";
import { degradation } from "../../pricing/degradation.ts";
import { AnswerCache } from "../answer-cache.ts";
import { CourseLookup } from "../course-lookup.ts";
import type { DecisionLog } from "../decision-log.ts";
import { type FeatureSource, mustFeatures, type OpenFeatures, PerStore } from "../feature-source.ts";
import { minuteOf, type PricingContext, pricingOf } from "../pricing-inputs.ts";
import { ProblemError } from "../problem.ts";
import { Rebuilt } from "../rebuilt.ts";
import type { Turns } from "../turns.ts";
import { type CoEnrollment, surveyCoEnrollment } from "./co-enrollment.ts";

/** About 8 KB each at most. */
const DECISIONS_KEPT_MAX = 512;

export interface BundleServiceDeps extends PricingContext {
  readonly features: FeatureSource;
  readonly decisions: Pick<DecisionLog, "add">;
  readonly turns: Turns;
  readonly clock: Clock;
}

/** Answers POST /bundle_price: identical inputs share one decision, recorded once, as with courses. */
export class BundleService {
  readonly #deps: BundleServiceDeps;
  readonly #lookups = new PerStore(({ reader }) => new CourseLookup(reader));
  readonly #co_enrollment: Rebuilt<CoEnrollment>;
  /** By the JSON of their inputs. */
  readonly #kept = new AnswerCache<BundleDecision>(DECISIONS_KEPT_MAX);

  #priced = 0;

  constructor(deps: BundleServiceDeps) {
    this.#deps = deps;
    this.#co_enrollment = new Rebuilt(deps, ({ store }) => surveyCoEnrollment(store));
  }

  /** Bundles that were priced anew. */
  get priced(): number {
    return this.#priced;
  }

  /** The answer's JSON. Throws ProblemError. */
  async answer({ course_ids, learner_id }: BundleBody): Promise<string> {
    const { turns, features, clock } = this.#deps;
    mustFeatures(features);
    return turns.admit(async () => {
      for (;;) {
        const open = mustFeatures(features);
        const survey = await this.#co_enrollment.of(open);
        // Another store took its place meanwhile.
        if (survey === undefined || features.current !== open) continue;
        const left_out = learner_id === undefined ? [] : course_ids.filter((course_id) => open.store.sequence("learner_course", `${learner_id}/${course_id}`) !== undefined);
        const wanted = course_ids.filter((course_id) => !left_out.includes(course_id)).toSorted();
        if (wanted.length < 2) throw new ProblemError("invalid_field", `Learner ${learner_id} has ${left_out.join(", ")} already: a bundle needs two courses that are new to the learner.`, { field: "course_ids" });
        const inputs = this.#inputs(open, survey.value, wanted);
        const decision = await turns.run(this.#decide(inputs, clock.now_ms()), () => true);
        return JSON.stringify({ ...decision!.answer, left_out });
      }
    });
  }

  *#decide(inputs: BundleInputs, now_ms: number): Generator<void, BundleDecision> {
    const key = JSON.stringify(inputs);
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const decision = yield* decideBundle(inputs);
    this.#priced++;
    this.#kept.set(key, decision);
    this.#deps.decisions.add({ id: decision.id, subject: bundleDecisionSubject(decision.id), json: () => bundleRecordJson(decision, now_ms) });
    return decision;
  }

  #inputs(open: OpenFeatures, survey: CoEnrollment, course_ids: readonly string[]): BundleInputs {
    const { policies, models, clock } = this.#deps;
    const lookup = this.#lookups.of(open);
    const now_ms = clock.now_ms();
    const degraded = new Set<string>();
    const parts = course_ids.map((course_id) => {
      const found = lookup.known(course_id, now_ms, minuteOf(course_id, now_ms));
      if (found === undefined) throw new ProblemError("unknown_course", `No event of course ${course_id} has arrived.`, { field: "course_ids" });
      const { inputs, model } = pricingOf(this.#deps, found);
      const { posterior } = courseDemand(inputs, model);
      for (const reason of degradation(inputs, posterior)) degraded.add(reason);
      const { cost_tokens, floor_tokens } = inputs.terms;
      return { course_id, price: inputs.current_price, cost_tokens, floor_tokens, slopes: encodeDoubles(posterior.nodes.slopes), odds: encodeDoubles(posterior.nodes.odds) };
    });
    const n = parts.length;
    const correlations = new Float64Array(n * n).fill(1);
    let co_enrollments = 0;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < i; j++) {
        const counts = survey.counts(course_ids[i]!, course_ids[j]!);
        co_enrollments += counts.both;
        correlations[i * n + j] = correlations[j * n + i] = tasteCorrelation(counts);
      }
    }
    const { objective, revenue_floor_share, weights, personalisation, rounding, version } = policies.platform;
    return {
      parts,
      correlations: encodeDoubles(correlations),
      co_enrollments,
      learners: survey.learners,
      objective,
      revenue_floor_share,
      weight: weights.bundle,
      max_discount: personalisation.max_discount,
      rounding,
      policy_version: version,
      model: models.current?.model.version ?? "none",
      degraded: degradedReasons.filter((reason) => degraded.has(reason)),
    };
  }
}
