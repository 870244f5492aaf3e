import type { Experiment } from "../../contracts/experiment.ts";
import { CourseDays } from "../../features/course-days.ts";
import { LearnerPurchases, type Purchase } from "../../features/learner-purchases.ts";
import type { LearnerExposure } from "../../features/store.ts";
import { hash32 } from "../../lib/prng.ts";
import { DAY_MS } from "../../lib/time.ts";
import { lifetimeOf } from "../../models/propensity/lifetime-value.ts";
import { learnerPosition } from "../../models/propensity/learner-vector.ts";
import type { ExperimentState } from "../../pricing/experiments/experiment-state.ts";
import type { LearnerUnit } from "../../pricing/experiments/learner-results.ts";
import type { OpenFeatures } from "../feature-source.ts";
import type { LearnerScores } from "../learners/learner-scores.ts";

/** About 100 bytes each. Of more than so many an even sample is read. */
export const UNITS_MAX = 100_000;
const IDS_PER_STEP = 128;
/** Some tenths of a millisecond. */
const READ_PER_STEP = 8;
/** Who was not seen for so long has gone, as far as one can tell within an experiment. */
const GONE_DAYS = 30;

const LAST_ACTIVITY = learnerPosition("last_activity_ms");

export interface ReadUnits {
  readonly units: readonly LearnerUnit[];
  /** Of the learners who were exposed. */
  readonly share_read: number;
}

/** Courses that an experiment asks about, each looked up once. */
class Scope {
  readonly #categories: ReadonlySet<string> | undefined;
  readonly #courses: ReadonlySet<string> | undefined;
  readonly #days: CourseDays;
  readonly #known = new Map<string, boolean>();

  constructor({ categories, courses }: Experiment, days: CourseDays) {
    this.#categories = categories && new Set(categories);
    this.#courses = courses && new Set(courses);
    this.#days = days;
  }

  holds(course_id: string): boolean {
    if (this.#courses !== undefined) return this.#courses.has(course_id);
    if (this.#categories === undefined) return true;
    let known = this.#known.get(course_id);
    if (known === undefined) this.#known.set(course_id, (known = this.#categories.has(this.#days.read(course_id) ?? "")));
    return known;
  }
}

/** What a learner bought in scope from the first quote on, for `outcome_ms`. */
function outcomeOf(purchases: readonly Purchase[], scope: Scope, from_ms: number, outcome_ms: number): Pick<LearnerUnit, "revenue_tokens" | "enrollments" | "refunds" | "drops"> {
  const until_ms = from_ms + outcome_ms;
  let [revenue_tokens, enrollments, refunds, drops] = [0, 0, 0, 0];
  for (const { course_id, enrolled_ms, price_tokens, refunded_ms, dropped_ms } of purchases) {
    if (enrolled_ms < from_ms || enrolled_ms >= until_ms || !scope.holds(course_id)) continue;
    const within = (time_ms: number): boolean => time_ms >= enrolled_ms && time_ms < until_ms;
    enrollments++;
    if (within(dropped_ms)) drops++;
    if (within(refunded_ms)) refunds++;
    else revenue_tokens += price_tokens;
  }
  return { revenue_tokens, enrollments, refunds, drops };
}

/**
 * The learners who were exposed to an experiment, with what they did since, read in steps. Exposures come from the quotes, outcomes from learners' own records: the two
 * streams meet here and nowhere else. Of more than `units_max` an even sample, by a hash of the id.
 */
export function* learnerUnits(open: OpenFeatures, state: ExperimentState, scores: LearnerScores, now_ms: number, units_max = UNITS_MAX): Generator<void, ReadUnits> {
  const { store } = open;
  const scope = new Scope(state.experiment, new CourseDays(store));
  const purchases = new LearnerPurchases(store);
  const arms = new Set(state.arms.map(({ name }) => name));
  const outcome_ms = state.experiment.outcome_days * DAY_MS;
  let sample: { readonly hash: number; readonly exposure: LearnerExposure }[] = [];
  let [exposed, every] = [0, 1];
  for (let after = ""; ; ) {
    const ids: string[] = [];
    for (const id of store.exposedTo(state.experiment_id, after)) if (ids.push(id) >= IDS_PER_STEP) break;
    if (ids.length === 0) break;
    after = ids.at(-1)!;
    for (const id of ids) {
      const exposure = store.exposure(state.experiment_id, id);
      if (exposure === undefined || !arms.has(exposure.arm)) continue;
      exposed++;
      const hash = hash32(id);
      if (hash % every === 0) sample.push({ hash, exposure });
    }
    while (sample.length > units_max) {
      every *= 2;
      sample = sample.filter(({ hash }) => hash % every === 0);
    }
    yield;
  }
  const units: LearnerUnit[] = [];
  for (const [i, { exposure }] of sample.entries()) {
    if (i % READ_PER_STEP === 0) yield;
    const { learner_id, arm, exposed_ms, covariate } = exposure;
    const scored = scores.score(open, learner_id, now_ms);
    const bought = purchases.of(learner_id);
    const last_seen_ms = Math.max(scored?.features[LAST_ACTIVITY] ?? 0, ...bought.map(({ enrolled_ms }) => enrolled_ms));
    units.push({
      arm,
      exposed_ms,
      covariate,
      ...outcomeOf(bought, scope, exposed_ms, outcome_ms),
      churned: exposed_ms + GONE_DAYS * DAY_MS > now_ms ? null : last_seen_ms < now_ms - GONE_DAYS * DAY_MS,
      lifetime_tokens: scored === undefined ? null : lifetimeOf(scored.features, scored.scores, scored.scorer),
    });
  }
  return { units, share_read: exposed === 0 ? 1 : sample.length / exposed };
}
