import type { StreamEvent } from "../contracts/events.ts";
import { must } from "../lib/assert.ts";
import { courseQuality } from "./course-features.ts";
import { Evaluator } from "./evaluator.ts";
import { publicFeatures } from "./feature-catalogue.ts";
import { featureDefinitions, offsetOf } from "./feature-set.ts";
import { FeatureWriter } from "./feature-writer.ts";
import { learnerBalance } from "./learner-features.ts";
import { LearnerHistories, UNKNOWN_TIER } from "./learner-history.ts";
import { LearnerOutcomes, NO_ROW } from "./learner-outcomes.ts";
import { LearnerTrialLog, type LearnerTrials, type View } from "./learner-trials.ts";
import { MemoryStore } from "./memory-store.ts";
import { ownerOf, type Partition } from "./partition.ts";
import type { ReplayOptions } from "./replay.ts";

/** The learner features of a dataset, in column order. */
export const learnerFeatureNames: readonly string[] = publicFeatures("learner").map(({ name }) => name);
const positions = featureDefinitions.learner.flatMap((definition, i) => (definition.internal ? [] : [i]));

/** All learners known at a cut-off. */
export interface LearnerBlock {
  /** Index into at_ms. */
  readonly period: number;
  /** Ascending. */
  readonly ids: readonly string[];
  /** ids.length × learnerFeatureNames.length, row by row. */
  readonly features: Float64Array;
}

export interface LearnerReplayOptions extends ReplayOptions {
  /** Only these learners; all unless given. */
  readonly partition?: Partition | undefined;
  /** Whether views of prices with a random part are followed to what became of them, for `trials`, and of how many views at a time. */
  readonly trials?: { readonly views_max: number } | undefined;
  /** Called as each cut-off is passed. */
  onBlock(block: LearnerBlock): void;
}

const QUALITY_SLOT = offsetOf(courseQuality);
const BALANCE_SLOT = offsetOf(learnerBalance);

/**
 * The point-in-time dataset of learners, by the rules of DatasetReplay: features of what was known before each cut-off, from the fold that serves;
 * labels of what happened in its window.
 *
 * Memory: a decoded record a learner (2 KB), 100 bytes an enrollment in progress, and 140 bytes a row for the labels, which are not final before the stream ends.
 * Features are handed over.
 */
export class LearnerReplay {
  readonly #options: LearnerReplayOptions;
  readonly #writer: FeatureWriter;
  readonly #evaluator = new Evaluator(featureDefinitions.learner);
  readonly #histories = new LearnerHistories();
  readonly #outcomes: LearnerOutcomes;
  readonly #trials: LearnerTrialLog | undefined;
  #period = 0;
  #duplicates = 0;

  constructor(options: LearnerReplayOptions) {
    const { at_ms, gap_ms, horizon_ms, partition, trials } = options;
    this.#options = options;
    this.#outcomes = new LearnerOutcomes(at_ms, gap_ms, horizon_ms);
    this.#writer = new FeatureWriter(new MemoryStore(), { entities: ["course", "learner"], partition });
    if (trials !== undefined) this.#trials = new LearnerTrialLog(trials.views_max);
  }

  /** Events that came a second time. */
  get duplicates(): number {
    return this.#duplicates;
  }

  /** A duplicate counts in neither features nor labels, nor does it reach a cut-off. */
  apply(stream: StreamEvent): void {
    if (!this.#writer.accept(stream)) {
      this.#duplicates++;
      return;
    }
    const { at_ms } = this.#options;
    while (this.#period < at_ms.length && stream.known_at_ms >= at_ms[this.#period]!) this.#emit(this.#period++);
    this.#writer.fold(stream);
    const { event, event_time_ms } = stream;
    // What was scanned has every field, most of them undefined.
    if ("learner_id" in event && event.learner_id !== undefined && this.#owns(event.learner_id)) {
      const tier = event.type === "enrollment.created" ? this.#tier(event.course_id) : UNKNOWN_TIER;
      this.#histories.apply(stream, tier);
      this.#outcomes.observe(event, event_time_ms, tier);
    }
    if (this.#trials !== undefined) this.#follow(this.#trials, stream);
  }

  /** Labels of a period's rows, in their order: rows × learnerOutcomeNames.length. Final once the stream has ended. */
  outcomes(period: number): Float64Array {
    return this.#outcomes.values(period);
  }

  /** Rows of a period whose learner was erased since: they are to be kept from everybody. Final once the stream has ended. */
  erased(period: number): ReadonlySet<number> {
    return this.#outcomes.erased(period);
  }

  /** Views of randomised prices, erased rows' among them, once the stream has ended at `to_ms`. */
  trials(to_ms: number): LearnerTrials {
    return must(this.#trials, "trials were not asked for").finish(to_ms);
  }

  #owns(learner_id: string): boolean {
    const { partition } = this.#options;
    return partition === undefined || ownerOf(learner_id, partition.count) === partition.index;
  }

  #tier(course_id: string): number {
    const slots = this.#writer.live("course").get(course_id)?.slots;
    return slots !== undefined && slots[QUALITY_SLOT]! > 0 ? slots[QUALITY_SLOT + 1]! : UNKNOWN_TIER;
  }

  #follow(log: LearnerTrialLog, { event, event_time_ms: time_ms, known_at_ms }: StreamEvent): void {
    if (event.type === "course.repriced") log.reprice(event, time_ms);
    else if (event.type === "enrollment.created") {
      log.enrollment(event, time_ms);
      if (this.#owns(event.learner_id)) log.enrolled(event, time_ms);
    } else if (event.type === "exposure.viewed") {
      if (this.#owns(event.learner_id)) log.view({ event, time_ms, known_at_ms, trial: this.#trial(event.learner_id, time_ms) });
      log.exposure(event, time_ms);
    }
  }

  #trial(learner_id: string, time_ms: number): View["trial"] {
    const period = this.#outcomes.periodAt(time_ms);
    const row = period < 0 ? NO_ROW : this.#outcomes.row(period, learner_id);
    return row === NO_ROW ? undefined : { period, row, balance_tokens: this.#balance(learner_id) };
  }

  #balance(learner_id: string): number {
    return must(this.#writer.live("learner").get(learner_id), "a learner who has a row has a record").slots[BALANCE_SLOT]!;
  }

  #emit(period: number): void {
    const now_ms = this.#options.at_ms[period]!;
    const known = [...this.#writer.live("learner")].filter(([, { sequence }]) => sequence > 0).sort(([a], [b]) => (a < b ? -1 : 1));
    const columns = positions.length;
    const features = new Float64Array(known.length * columns);
    for (const [row, [, { slots }]] of known.entries()) {
      const all = this.#evaluator.evaluate(slots, now_ms);
      for (let column = 0; column < columns; column++) features[row * columns + column] = all[positions[column]!]!;
    }
    const ids = known.map(([id]) => id);
    this.#outcomes.pass(ids, (id) => this.#histories.known(id));
    this.#options.onBlock({ period, ids, features });
  }
}
