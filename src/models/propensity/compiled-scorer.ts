import {
  type BinaryDimension,
  binaryDimensions,
  type BinaryPropensity,
  type Dimension,
  dimensions,
  PROPENSITY_FORMAT,
  type PropensityArtifact,
  propensityArtifactSchema,
} from "../../contracts/propensity.ts";
import { assert } from "../../lib/assert.ts";
import { checkInputs, decodeArtifact } from "../compiled.ts";
import { incompatible } from "../tree-check.ts";
import { compileCalibration, type CalibrationFunction } from "./calibration.ts";
import { CompiledSensitivity } from "./compiled-sensitivity.ts";
import { eventLogOdds, logOdds } from "./hazard.ts";
import { explainHandScore } from "./hand-scorer.ts";
import { handScore, type HandScoredDimension, isHandScored } from "./hand-scores.ts";
import { fillPropensityRow, inputFeature, propensityInputNames, rawInput } from "./inputs.ts";
import { compileMargin, type Margin } from "./margin.ts";
import type { Contribution, PropensityScorer } from "./scorer.ts";

const Z95 = 1.959964;
const SENSITIVITY = dimensions.indexOf("price_sensitivity");

/** An artifact compiled to typed arrays. Not to be shared between threads: scoring writes to a row of its own. */
export interface CompiledPropensity extends PropensityScorer {
  readonly artifact: PropensityArtifact;
  /** One dimension's score alone. No allocation. */
  scoreOne(features: ArrayLike<number>, dimension: BinaryDimension): number;
}

/** A dimension's log-odds before calibration, of a learner's vector and the row made of it. */
export interface RawScore {
  logOdds(features: ArrayLike<number>, row: Float64Array): number;
  explain(features: ArrayLike<number>, row: Float64Array): Contribution[];
}

class ConstantScore implements RawScore {
  readonly #logOdds: number;

  constructor(rate: number) {
    this.#logOdds = logOdds(rate);
  }

  logOdds(): number {
    return this.#logOdds;
  }

  explain(): Contribution[] {
    return [];
  }
}

class HandWeightedScore implements RawScore {
  readonly #dimension: HandScoredDimension;

  constructor(dimension: HandScoredDimension) {
    this.#dimension = dimension;
  }

  logOdds(features: ArrayLike<number>): number {
    return logOdds(handScore(this.#dimension, features));
  }

  explain(features: ArrayLike<number>): Contribution[] {
    return explainHandScore(this.#dimension, features);
  }
}

/** The strongest first. */
export function contributionsOf(features: ArrayLike<number>, contributions: Float64Array, scale: number): Contribution[] {
  const found = propensityInputNames.map((name, i) => ({ input: inputFeature.get(name)!, value: rawInput(features, i), contribution: scale * contributions[i]! }));
  return found.sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
}

/** A window asked about as a whole: the margin is the log-odds. */
class MarginScore implements RawScore {
  readonly #margin: Margin;
  readonly #contributions: Float64Array = new Float64Array(propensityInputNames.length);

  constructor(margin: Margin) {
    this.#margin = margin;
  }

  logOdds(_features: ArrayLike<number>, row: Float64Array): number {
    return this.#margin.margin(row, 0);
  }

  explain(features: ArrayLike<number>, row: Float64Array): Contribution[] {
    this.#margin.contributions(row, 0, this.#contributions);
    return contributionsOf(features, this.#contributions, 1);
  }
}

/**
 * A window in steps: the score is the probability that it happens in none, which falls as the margin rises. Contributions to the margin are scaled by
 * what the log-odds moved for what the margin did, so that they sum to the log-odds less the average learner's.
 */
class StepsScore implements RawScore {
  readonly #margin: Margin;
  readonly #offsets: Float64Array;
  readonly #contributions: Float64Array = new Float64Array(propensityInputNames.length);

  constructor(margin: Margin, offsets: readonly number[]) {
    this.#margin = margin;
    this.#offsets = Float64Array.from(offsets);
  }

  logOdds(_features: ArrayLike<number>, row: Float64Array): number {
    return -eventLogOdds(this.#margin.margin(row, 0), this.#offsets);
  }

  explain(features: ArrayLike<number>, row: Float64Array): Contribution[] {
    const moved = this.#margin.margin(row, 0) - this.#margin.average;
    const change = this.logOdds(features, row) + eventLogOdds(this.#margin.average, this.#offsets);
    this.#margin.contributions(row, 0, this.#contributions);
    return contributionsOf(features, this.#contributions, Math.abs(moved) > 1e-12 ? change / moved : 0);
  }
}

/** Throws TidemarkError("incompatible_artifact"). */
export function compileRaw(dimension: BinaryDimension, { model, steps }: Pick<BinaryPropensity, "model" | "steps">): RawScore {
  switch (model.kind) {
    case "base_rate":
      return new ConstantScore(model.rate);
    case "hand_score":
      return isHandScored(dimension) ? new HandWeightedScore(dimension) : incompatible(`${dimension} has no hand score`);
    default: {
      const margin = compileMargin(model, propensityInputNames.length);
      return steps === null ? new MarginScore(margin) : new StepsScore(margin, steps.offsets);
    }
  }
}

class BinaryScore {
  readonly raw: RawScore;
  readonly calibrate: CalibrationFunction;
  readonly champion: string;
  readonly #upper: Float64Array;
  readonly #se: Float64Array;

  constructor(dimension: BinaryDimension, propensity: BinaryPropensity) {
    this.raw = compileRaw(dimension, propensity);
    this.calibrate = compileCalibration(propensity.calibration);
    this.champion = propensity.champion;
    this.#upper = Float64Array.from(propensity.uncertainty.upper);
    this.#se = Float64Array.from(propensity.uncertainty.se);
    if (this.#upper.length === 0 || this.#upper.length !== this.#se.length) incompatible(`the uncertainty of ${dimension} has ${this.#upper.length} bounds and ${this.#se.length} errors`);
  }

  /** Of a calibrated score. */
  se(score: number): number {
    let tenth = 0;
    while (tenth < this.#upper.length - 1 && score > this.#upper[tenth]!) tenth++;
    return this.#se[tenth]!;
  }
}

class CompiledScorer implements CompiledPropensity {
  readonly version: string;
  readonly digest: string;
  readonly artifact: PropensityArtifact;
  readonly windows: Readonly<Record<BinaryDimension, number>>;
  readonly #binary: readonly BinaryScore[];
  readonly #sensitivity: CompiledSensitivity;
  readonly #row: Float64Array = new Float64Array(propensityInputNames.length);

  constructor(artifact: PropensityArtifact, digest: string) {
    this.version = artifact.version;
    this.digest = digest;
    this.artifact = artifact;
    this.windows = Object.fromEntries(binaryDimensions.map((dimension) => [dimension, artifact.binary[dimension].definition.horizon_days])) as Record<BinaryDimension, number>;
    this.#binary = binaryDimensions.map((dimension) => new BinaryScore(dimension, artifact.binary[dimension]));
    this.#sensitivity = new CompiledSensitivity(artifact.price_sensitivity, propensityInputNames.length);
  }

  score(features: ArrayLike<number>, into: Float64Array): void {
    const row = this.#row;
    fillPropensityRow(features, row, 0);
    for (let i = 0; i < this.#binary.length; i++) {
      const { raw, calibrate } = this.#binary[i]!;
      into[i] = calibrate(raw.logOdds(features, row));
    }
    into[SENSITIVITY] = this.#sensitivity.rank(row);
  }

  scoreOne(features: ArrayLike<number>, dimension: BinaryDimension): number {
    fillPropensityRow(features, this.#row, 0);
    const { raw, calibrate } = this.#binary[binaryDimensions.indexOf(dimension)]!;
    return calibrate(raw.logOdds(features, this.#row));
  }

  intervals(features: ArrayLike<number>, scores: Float64Array, low: Float64Array, high: Float64Array): void {
    fillPropensityRow(features, this.#row, 0);
    for (let i = 0; i < this.#binary.length; i++) {
      const half = Z95 * this.#binary[i]!.se(scores[i]!);
      low[i] = Math.max(0, scores[i]! - half);
      high[i] = Math.min(1, scores[i]! + half);
    }
    const { identified } = this.#sensitivity;
    const half = Z95 * this.#sensitivity.se(this.#row);
    const effect = this.#sensitivity.effect(this.#row);
    low[SENSITIVITY] = identified ? this.#sensitivity.rankOf(effect + half) : 0;
    high[SENSITIVITY] = identified ? this.#sensitivity.rankOf(effect - half) : 1;
  }

  explain(features: ArrayLike<number>, dimension: Dimension): readonly Contribution[] {
    fillPropensityRow(features, this.#row, 0);
    if (dimension === "price_sensitivity") return contributionsOf(features, this.#sensitivity.contributions(this.#row), 1);
    return this.#binary[binaryDimensions.indexOf(dimension)]!.raw.explain(features, this.#row);
  }

  priceEffect(features: ArrayLike<number>): { readonly value: number; readonly se: number } | null {
    if (!this.#sensitivity.identified) return null;
    fillPropensityRow(features, this.#row, 0);
    return { value: this.#sensitivity.effect(this.#row), se: this.#sensitivity.se(this.#row) };
  }

  get average_price_effect(): number | undefined {
    return this.#sensitivity.identified ? this.#sensitivity.average : undefined;
  }

  model(dimension: Dimension): string {
    if (dimension === "price_sensitivity") return this.#sensitivity.identified ? "r_learner" : "not_identified";
    return this.#binary[binaryDimensions.indexOf(dimension)]!.champion;
  }
}

assert(binaryDimensions.every((dimension, i) => dimensions[i] === dimension), "scores of what happens or does not come first");

/**
 * Checks and compiles an artifact. Throws TidemarkError: `corrupt_artifact` when the bytes are not those that were promoted or are no artifact of this family,
 * `incompatible_artifact` when this version cannot serve it.
 */
export function compilePropensity(bytes: Uint8Array, expectedDigest: string): CompiledPropensity {
  const { artifact, digest } = decodeArtifact(bytes, expectedDigest, PROPENSITY_FORMAT, propensityArtifactSchema);
  checkInputs(digest, artifact.input_names, propensityInputNames);
  return new CompiledScorer(artifact, digest);
}
