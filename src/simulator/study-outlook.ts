import type { Prng } from "../lib/prng.ts";
import { DAY_MS } from "../lib/time.ts";
import { ACTIVITIES, completionProbability, DAYS_BEFORE, drawActivity, DROPPED_SHARE, DURATION_LOG_SD, DURATION_MEDIAN_DAYS, type PlanStudy, REFUND_DAYS, refundProbability } from "./studies.ts";
import type { ObservedStudy } from "./study-log.ts";
import type { WorldParameters } from "./world.ts";

const ACTIVITIES_MEAN = ACTIVITIES.session + ACTIVITIES.assignment + ACTIVITIES.forum;
/** Durations that stand for all: the middles of slices of the log-normal, to four standard deviations on both sides. */
const SLICES = 240;
const SLICE_Z = 8 / SLICES;
const duration = (slice: number, within = 0.5): number => DURATION_MEDIAN_DAYS * Math.exp(DURATION_LOG_SD * (-4 + SLICE_Z * (slice + within)));
const durations = Float64Array.from({ length: SLICES }, (_, slice) => duration(slice));
const densities = Float64Array.from({ length: SLICES }, (_, slice) => Math.exp(-((-4 + SLICE_Z * (slice + 0.5)) ** 2) / 2));
const densityTotal = densities.reduce((sum, density) => sum + density, 0);
const DURATION_MAX = duration(SLICES - 1, 1);

const fates = ["completes", "drops", "stops"] as const;
type Fate = (typeof fates)[number];
const share = (part: number): number => Math.min(1, Math.max(0, part));

/**
 * What is to become of a study, given everything that showed of it by `at_ms`: the law of `planStudy` conditioned on a study that has not ended (or was dropped, of
 * which activities may still be heard), on its age and on the number and the last time of its activities. The history itself drew its fate on the first day; nothing here
 * knows of that. Of a learner who has not left.
 */
export class StudyOutlook {
  readonly study: ObservedStudy;
  readonly #at_ms: number;
  /** Cumulative weights: refund, then slice × fate. */
  readonly #cumulative = new Float64Array(1 + SLICES * fates.length);

  constructor(world: WorldParameters, study: ObservedStudy, at_ms: number) {
    this.study = study;
    this.#at_ms = at_ms;
    const studied = this.#studied;
    const refund = refundProbability(world, study);
    const completes = completionProbability(world, study);
    let sum = study.status === "open" && study.activities === 0 ? refund * densityTotal * share(1 - studied / REFUND_DAYS) : 0;
    this.#cumulative[0] = sum;
    for (let slice = 0; slice < SLICES; slice++) {
      const weight = (1 - refund) * densities[slice]! * this.#likelihood(durations[slice]!);
      for (let fate = 0; fate < fates.length; fate++) {
        sum += weight * this.#fateWeight(fates[fate]!, durations[slice]!, completes);
        this.#cumulative[1 + slice * fates.length + fate] = sum;
      }
    }
  }

  /** Whether anything can be heard of a study after `at_ms`. */
  static lively(study: ObservedStudy, at_ms: number): boolean {
    return (study.status === "open" || study.status === "dropped") && (at_ms - study.at_ms) / DAY_MS - DAYS_BEFORE < DURATION_MAX;
  }

  /** Days since activities can be heard of; negative before. */
  get #studied(): number {
    return (this.#at_ms - this.study.at_ms) / DAY_MS - DAYS_BEFORE;
  }

  /** Of the activities so far: a Poisson process of even rate while the study lasts. */
  #likelihood(days: number): number {
    const { activities, active_ms, at_ms } = this.study;
    if (activities > 0 && (active_ms - at_ms) / DAY_MS - DAYS_BEFORE > days) return 0;
    return Math.exp((-ACTIVITIES_MEAN * Math.min(days, Math.max(0, this.#studied))) / days) * (DURATION_MEDIAN_DAYS / days) ** activities;
  }

  /** Of what has ended the study, or has not. */
  #fateWeight(fate: Fate, days: number, completes: number): number {
    const { status, ended_ms, at_ms } = this.study;
    if (status === "dropped") {
      const dropped_after = (ended_ms - at_ms) / DAY_MS - DAYS_BEFORE;
      return fate === "drops" && dropped_after <= days ? DURATION_MEDIAN_DAYS / days : 0;
    }
    if (fate === "completes") return this.#studied < days ? completes : 0;
    return fate === "drops" ? (1 - completes) * DROPPED_SHARE * share(1 - Math.max(0, this.#studied) / days) : (1 - completes) * (1 - DROPPED_SHARE);
  }

  /**
   * Probability that it is completed within (gap, gap + days] after at_ms, given that it does not end before; each moment weighed by `staying`, the probability that
   * its learner is still there.
   */
  completion(gap_days: number, days: number, staying: (days: number) => number): number {
    if (this.study.status !== "open") return 0;
    const cumulative = this.#cumulative;
    const studied = Math.max(0, this.#studied);
    const total = cumulative[cumulative.length - 1]!;
    // Of what comes evenly until a time on the study's clock: what comes within the gap.
    const soon = (until: number): number => (until > studied ? share((this.#studied + gap_days - studied) / (until - studied)) : 1);
    let completed = 0;
    let ended = cumulative[0]! * soon(REFUND_DAYS);
    for (let slice = 0; slice < SLICES; slice++) {
      const at = 1 + slice * fates.length;
      const completes = cumulative[at]! - cumulative[at - 1]!;
      const left = durations[slice]! - this.#studied;
      if (left <= gap_days) ended += completes;
      else if (left <= gap_days + days) completed += completes * staying(left);
      ended += (cumulative[at + 1]! - cumulative[at]!) * soon(durations[slice]!);
    }
    return total > ended ? completed / (total - ended) : 0;
  }

  /** Draws a fate and what will be heard of it, after `at_ms`. */
  plan(random: Prng, plan: PlanStudy): void {
    const cumulative = this.#cumulative;
    const total = cumulative[cumulative.length - 1]!;
    if (total === 0) return;
    const target = random.uniform() * total;
    let low = 0;
    let high = cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cumulative[middle]! > target) high = middle;
      else low = middle + 1;
    }
    const { study } = this;
    const after = (days: number): number => Math.max(this.#at_ms + 1, study.at_ms + (DAYS_BEFORE + days) * DAY_MS);
    const studied = Math.max(0, this.#studied);
    if (low === 0) return plan(after(studied + (REFUND_DAYS - studied) * random.uniform()), "refunded", study, study.price);
    const slice = Math.floor((low - 1) / fates.length);
    const fate = fates[(low - 1) % fates.length]!;
    const days = duration(slice, random.uniform());
    if (study.status === "open" && fate === "completes") plan(after(days), "completed", study, study.price);
    if (study.status === "open" && fate === "drops") plan(after(studied + (days - studied) * random.uniform()), "dropped", study, study.price);
    if (days <= studied) return;
    for (const kind of ["session", "assignment", "forum"] as const) {
      for (let n = random.poisson((ACTIVITIES[kind] * (days - studied)) / days); n > 0; n--) plan(after(studied + (days - studied) * random.uniform()), kind, study, drawActivity(random, kind));
    }
  }
}
