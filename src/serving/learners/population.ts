import type { SegmentsAnswer } from "../../contracts/learner-scores.ts";
import { dimensions } from "../../contracts/propensity.ts";
import { type RiskLevel, type Segment, segments } from "../../contracts/segments.ts";
import { firstIds } from "../../features/first-ids.ts";
import { hash32 } from "../../lib/prng.ts";
import { learnerPosition } from "../../models/propensity/learner-vector.ts";
import { type Terciles, tercilesOf } from "../../pricing/learners/segments.ts";
import { roundRate, roundTokens } from "../../pricing/money.ts";
import type { OpenFeatures } from "../feature-source.ts";
import type { LearnerScores } from "./learner-scores.ts";

/** Learners that are scored: shares are then within 0.7 %, nineteen times in twenty, and a round takes some 2 s of work. */
const SAMPLE_MAX = 20_000;
/** Some tenths of a millisecond: ids that are passed over, and learners that are scored. */
const IDS_PER_STEP = 128;
const SCORED_PER_STEP = 8;
const SUMMED_PER_STEP = 2_048;

const BALANCE = learnerPosition("balance_tokens");
const COMPLETION_RATE = learnerPosition("completion_rate");

/** All learners at one moment. */
export interface Population {
  readonly at_ms: number;
  readonly model: string;
  readonly learners: number;
  readonly scored: number;
  readonly terciles: Terciles;
  readonly segments: SegmentsAnswer["segments"];
}

/** What is kept of one learner until all are counted. */
interface Sampled {
  readonly hash: number;
  readonly segment: Segment;
  readonly risk_level: RiskLevel;
  /** In the order of `averageNames`. */
  readonly values: Float64Array;
}

const averageNames = [...dimensions, "balance_tokens", "completion_rate", "expected_tokens", "value_at_risk_tokens"] as const;
type Averages = Record<(typeof averageNames)[number], number>;
const VALUE_AT_RISK = averageNames.indexOf("value_at_risk_tokens");

/**
 * Goes through all learners, in steps, and scores them: all of up to 20,000, else an even sample by a hash of the id, which is thinned as more learners
 * appear, so that one pass is enough.
 */
export function* surveyLearners(scores: LearnerScores, open: OpenFeatures, now_ms: number, sample_max = SAMPLE_MAX): Generator<void, Population> {
  let sample: Sampled[] = [];
  let learners = 0;
  /** One in so many is kept: those whose hash it divides. */
  let every = 1;
  let worked = 0;
  for (let ids = firstIds(open.store, "learner", "", IDS_PER_STEP); ids.length > 0; ids = firstIds(open.store, "learner", ids.at(-1)!, IDS_PER_STEP)) {
    for (const id of ids) {
      learners++;
      const hash = hash32(id);
      if (hash % every !== 0) continue;
      const sampled = sampleOf(scores, open, id, hash, now_ms);
      if (sampled === undefined) continue;
      if (sample.push(sampled) > sample_max) {
        every *= 2;
        sample = sample.filter((kept) => kept.hash % every === 0);
      }
      if (++worked % SCORED_PER_STEP === 0) yield;
    }
    yield;
  }
  yield;
  const terciles = tercilesOf(sample.map(({ values }) => values[VALUE_AT_RISK]!));
  const sums = yield* sumsOf(sample);
  const weight = sample.length === 0 ? 0 : learners / sample.length;
  const summaries = segments.toReversed().map((segment) => summaryOf(segment, sums.get(segment)!, sample.length, weight));
  return { at_ms: now_ms, model: scores.scorer.version, learners, scored: sample.length, terciles, segments: summaries };
}

function sampleOf(scores: LearnerScores, open: OpenFeatures, id: string, hash: number, now_ms: number): Sampled | undefined {
  const scored = scores.score(open, id, now_ms);
  if (scored === undefined) return undefined;
  const { standing, features } = scored;
  const values = Float64Array.of(...scored.scores, features[BALANCE]!, features[COMPLETION_RATE]!, standing.expected_tokens, standing.value_at_risk_tokens);
  return { hash, segment: standing.segment, risk_level: standing.risk_level, values };
}

/** Of the learners of one segment. */
interface Sums {
  learners: number;
  readonly risk_levels: Record<RiskLevel, number>;
  /** In the order of `averageNames`. */
  readonly values: Float64Array;
}

function* sumsOf(sample: readonly Sampled[]): Generator<void, ReadonlyMap<Segment, Sums>> {
  const sums = new Map(segments.map((segment): [Segment, Sums] => [segment, { learners: 0, risk_levels: { low: 0, medium: 0, high: 0 }, values: new Float64Array(averageNames.length) }]));
  for (const [i, { segment, risk_level, values }] of sample.entries()) {
    if (i % SUMMED_PER_STEP === 0) yield;
    const sum = sums.get(segment)!;
    sum.learners++;
    sum.risk_levels[risk_level]++;
    for (let k = 0; k < values.length; k++) sum.values[k]! += values[k]!;
  }
  return sums;
}

/** `scored` learners were sampled, each of whom stands for `weight`. */
function summaryOf(segment: Segment, { learners, risk_levels: { low, medium, high }, values }: Sums, scored: number, weight: number): SegmentsAnswer["segments"][number] {
  const averages = Object.fromEntries(averageNames.map((name, i) => [name, (name.endsWith("_tokens") ? roundTokens : roundRate)(values[i]! / learners)])) as Averages;
  return {
    segment,
    learners: Math.round(learners * weight),
    share: scored === 0 ? 0 : roundRate(learners / scored),
    risk_levels: { low: Math.round(low * weight), medium: Math.round(medium * weight), high: Math.round(high * weight) },
    averages: learners === 0 ? null : averages,
  };
}
