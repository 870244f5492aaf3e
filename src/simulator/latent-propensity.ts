import { assert } from "../lib/assert.ts";
import { Prng } from "../lib/prng.ts";
import { DAY_MS } from "../lib/time.ts";
import type { FactSink, FactType } from "./build-event.ts";
import { courseLogSensitivity } from "./demand.ts";
import { HistoryRun } from "./history-run.ts";
import { attention } from "./sampler.ts";
import { WEEK_MS } from "./shocks.ts";
import { type ObservedStudy, StudyLog } from "./study-log.ts";
import { StudyOutlook } from "./study-outlook.ts";
import type { World, WorldParameters } from "./world.ts";

/** Windows (at + gap, at + gap + days] of what the scores are probabilities of. */
export interface LatentHorizons {
  readonly gap_days: number;
  readonly enrollment_days: number;
  readonly churn_days: number;
  readonly completion_days: number;
  readonly upsell_days: number;
}

/**
 * True probabilities of what learners do next, given everything that there is to know at a moment: level, taste, purse, balance, who has left, hazard of leaving, studies
 * under way, and the prices and shocks to come. By learner; NaN where a learner is not asked about, or the window reaches beyond the history.
 */
export interface LatentPropensity {
  readonly at_ms: number;
  /** An enrollment at least. */
  readonly enrollment: Float64Array;
  /** No view, enrollment, purchase of tokens, session, assignment, forum post or rating. */
  readonly churn: Float64Array;
  /** Of the latest enrollment under way, given that it does not end within the gap. Exact but for a hazard of leaving that is held at today's. */
  readonly completion: Float64Array;
  /** An enrollment dearer than any before, or of a higher tier; of those who enrolled before. */
  readonly upsell: Float64Array;
  /** Learners who have left for good, of whom nobody knows it yet. */
  readonly left: Uint8Array;
  readonly replicates: number;
}

const isActivity: ReadonlySet<FactType> = new Set<FactType>(["exposure.viewed", "enrollment.created", "token.purchased", "activity.session", "activity.assignment", "activity.forum", "activity.rating"]);

interface Moment {
  readonly at_ms: number;
  readonly price_max: Float64Array;
  readonly tier_max: Int8Array;
  readonly outlooks: readonly StudyOutlook[];
}

/**
 * The latent scores at each of `at_ms` (ascending, whole days of the history). Enrollment, churn and upsell by Monte Carlo: the very simulation goes on from its
 * state at that moment `replicates` times with other draws, for all learners at once; the standard error of a probability p is √(p(1 − p)/replicates). Completion
 * is integrated. Replicates have numbers, from `first` on: others are other draws.
 */
export function latentPropensity(world: World, at_ms: readonly number[], horizons: LatentHorizons, replicates: number, first = 0): LatentPropensity[] {
  const log = new StudyLog(world);
  const run = new HistoryRun(world, world.calibration, log.observe);
  let day = 0;
  return at_ms.map((moment_ms) => {
    const until = (moment_ms - world.start_ms) / DAY_MS;
    assert(Number.isInteger(until) && until >= day && until <= run.days, "moments must ascend and lie between days of the history");
    for (; day < until; day++) run.runDay();
    return scoreMoment(world, run, log.studies, moment_ms, horizons, { from: first, count: replicates });
  });
}

function scoreMoment(world: World, run: HistoryRun, studies: readonly ObservedStudy[], at_ms: number, horizons: LatentHorizons, replicates: { readonly from: number; readonly count: number }): LatentPropensity {
  const n = world.learners.count;
  const { churned } = run.state;
  const moment: Moment = {
    at_ms,
    price_max: new Float64Array(n),
    tier_max: new Int8Array(n).fill(-1),
    outlooks: studies.filter((study) => churned[study.learner] === 0 && StudyOutlook.lively(study, at_ms)).map((study) => new StudyOutlook(world, study, at_ms)),
  };
  for (const { learner, course, price } of studies) {
    moment.price_max[learner] = Math.max(moment.price_max[learner]!, price);
    moment.tier_max[learner] = Math.max(moment.tier_max[learner]!, world.courses.tier[course]!);
  }
  const enrolled = new Float64Array(n);
  const active = new Float64Array(n);
  const upsold = new Float64Array(n);
  const until_end = (world.config.end_ms - at_ms) / DAY_MS;
  const whole = (horizon_days: number): boolean => horizons.gap_days + horizon_days <= until_end;
  const days = Math.ceil(horizons.gap_days + Math.max(...[horizons.enrollment_days, horizons.churn_days, horizons.upsell_days].filter(whole), 0));
  for (let replicate = replicates.from; replicate < replicates.from + replicates.count; replicate++) {
    const seen = { enrolled: new Uint8Array(n), active: new Uint8Array(n), upsold: new Uint8Array(n) };
    goOn(world, run, moment, horizons, days, replicate, seen);
    for (let i = 0; i < n; i++) {
      enrolled[i]! += seen.enrolled[i]! / replicates.count;
      active[i]! += seen.active[i]! / replicates.count;
      upsold[i]! += seen.upsold[i]! / replicates.count;
    }
  }
  const unasked = new Float64Array(n).fill(Number.NaN);
  return {
    at_ms,
    enrollment: whole(horizons.enrollment_days) ? enrolled : unasked,
    churn: whole(horizons.churn_days) ? active.map((share) => 1 - share) : unasked,
    completion: completions(world, run, studies, moment, horizons),
    upsell: whole(horizons.upsell_days) ? upsold.map((share, i) => (moment.tier_max[i]! < 0 ? Number.NaN : share)) : unasked,
    left: churned.slice(),
    replicates: replicates.count,
  };
}

interface Seen {
  readonly enrolled: Uint8Array;
  readonly active: Uint8Array;
  readonly upsold: Uint8Array;
}

/** One future: marks what each learner does in it. */
function goOn(world: World, run: HistoryRun, moment: Moment, horizons: LatentHorizons, days: number, replicate: number, seen: Seen): void {
  const { at_ms, price_max, tier_max, outlooks } = moment;
  const start_ms = at_ms + horizons.gap_days * DAY_MS;
  const within = (then_ms: number, horizon_days: number): boolean => then_ms > start_ms && then_ms <= start_ms + horizon_days * DAY_MS;
  const sink: FactSink = (type, then_ms, learner, course, value) => {
    if (type === "enrollment.created") {
      if (within(then_ms, horizons.enrollment_days)) seen.enrolled[learner] = 1;
      if (within(then_ms, horizons.upsell_days) && (value > price_max[learner]! || world.courses.tier[course]! > tier_max[learner]!)) seen.upsold[learner] = 1;
    }
    if (isActivity.has(type) && within(then_ms, horizons.churn_days)) seen.active[learner] = 1;
  };
  const fork = run.fork(`latent:${at_ms}:${replicate}`, sink);
  const random = new Prng(`${world.config.seed}:${world.config.population}:outlook:${at_ms}:${replicate}`);
  for (const outlook of outlooks) outlook.plan(random, fork.plan);
  for (let day = 0; day < days; day++) fork.runDay();
}

/** Of each learner's latest enrollment that is under way at the moment. */
function completions(world: World, run: HistoryRun, studies: readonly ObservedStudy[], { at_ms, outlooks }: Moment, { gap_days, completion_days }: LatentHorizons): Float64Array {
  const latest = new Map<number, ObservedStudy>();
  for (const study of studies) if (study.status === "open") latest.set(study.learner, study);
  const lively = new Map(outlooks.map((outlook) => [outlook.study, outlook]));
  const probability = new Float64Array(world.learners.count).fill(Number.NaN);
  for (const [learner, study] of latest) {
    const hazard = run.state.churnHazard(world, learner, at_ms);
    const weeks = (then_days: number): number => Math.ceil((at_ms + then_days * DAY_MS - world.start_ms) / WEEK_MS) - Math.ceil((at_ms - world.start_ms) / WEEK_MS);
    probability[learner] = lively.get(study)?.completion(gap_days, completion_days, (then_days) => (1 - hazard) ** weeks(then_days)) ?? 0;
  }
  return probability;
}

/** True price sensitivity of each learner at a moment: b_ic averaged over the courses that the learner sees, as often as they are seen. Exact. */
export function trueSensitivity(world: WorldParameters, at_ms: number): Float64Array {
  const { config, courses, categories, learners } = world;
  const sum = new Float64Array(categories.count);
  const weight = new Float64Array(categories.count);
  for (let c = 0; c < courses.count; c++) {
    const k = courses.category[c]!;
    const seen = courses.popularity[c]! * attention(at_ms - courses.launched_ms[c]!);
    sum[k]! += seen * Math.exp(courseLogSensitivity(world, c, at_ms));
    weight[k]! += seen;
  }
  return Float64Array.from({ length: learners.count }, (_, i) => {
    let b = 0;
    for (let k = 0; k < categories.count; k++) {
      const to = i * categories.count + k;
      const share = learners.category_cdf[to]! - (k === 0 ? 0 : learners.category_cdf[to - 1]!);
      b += (share * sum[k]!) / weight[k]!;
    }
    return config.elasticity_scale * Math.exp(learners.log_sensitivity[i]!) * b;
  });
}
