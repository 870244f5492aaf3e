import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { binaryDimensions, dimensions, type PropensityArtifact } from "../../contracts/propensity.ts";
import { Prng } from "../../lib/prng.ts";
import { artifactDigest, encodeArtifact } from "../compiled.ts";
import { type CompiledPropensity, compilePropensity } from "./compiled-scorer.ts";
import { handScorer } from "./hand-scorer.ts";
import { handScore } from "./hand-scores.ts";
import { logistic, logOdds } from "./hazard.ts";
import { fillPropensityRow, propensityInputNames } from "./inputs.ts";
import { learnerPosition, learnerVector } from "./learner-vector.ts";
import { quantileRank, quantilesOf } from "./quantile-rank.ts";
import { binaryPropensity, propensityArtifact } from "./testing.ts";

function compile(artifact: PropensityArtifact): CompiledPropensity {
  const bytes = encodeArtifact(artifact);
  return compilePropensity(bytes, artifactDigest(bytes));
}

/** A learner's vector of plausible sizes. */
function learner(seed: string): Float64Array {
  const random = new Prng(seed);
  return Float64Array.from(learnerVector, ({ unit }) => (unit === "ratio" || unit === "score" ? random.uniform() : Math.floor(random.exponential(1 / 40))));
}

function scoresOf(model: CompiledPropensity, features: Float64Array): Float64Array {
  const into = new Float64Array(dimensions.length);
  model.score(features, into);
  return into;
}

const sum = (values: readonly { readonly contribution: number }[]): number => values.reduce((total, { contribution }) => total + contribution, 0);

describe("compiled propensity", () => {
  const artifact = propensityArtifact();
  const model = compile(artifact);
  const features = learner("one");
  const row = new Float64Array(propensityInputNames.length);
  fillPropensityRow(features, row, 0);
  const { coefficients, intercept } = artifact.binary.enrollment.model as Extract<PropensityArtifact["binary"]["enrollment"]["model"], { kind: "logistic" }>;
  const margin = row.reduce((total, x, i) => total + (coefficients[i]! * (x - 0.5)) / 2, intercept);

  test("five scores as the formulae say", () => {
    const scores = scoresOf(model, features);
    expect(scores[0]).toBeCloseTo(logistic(margin), 12);
    expect(scores[1]).toBeCloseTo([0.5, 0, -0.5].reduce((left, offset) => left * (1 - logistic(margin + offset)), 1), 10);
    const effect = model.priceEffect(features)!;
    expect(effect.value).toBeCloseTo(row.reduce((total, x, i) => total + (0.1 * Math.cos(i) * (x - 0.2)) / 2, -1.5), 12);
    expect(effect.se).toBeCloseTo(0.1 * Math.hypot(1, ...row.map((x) => (x - 0.2) / 2)), 10);
    expect(scores[4]).toBeCloseTo(quantileRank(Float64Array.of(0, 1, 2, 3), -effect.value), 12);
    for (const dimension of binaryDimensions) expect(model.scoreOne(features, dimension)).toBe(scores[dimensions.indexOf(dimension)]);
  });

  test("calibration, hand scores and base rates", () => {
    const other = compile({
      ...artifact,
      binary: {
        ...artifact.binary,
        enrollment: binaryPropensity("enrollment", { champion: "hand_score", model: { kind: "hand_score" }, calibration: { kind: "platt", slope: 0.5, intercept: 1 } }),
        completion: binaryPropensity("completion", { champion: "base_rate", model: { kind: "base_rate", rate: 0.2 }, calibration: { kind: "isotonic", x: [-5, 5], y: [0.1, 0.9] } }),
      },
    });
    const scores = scoresOf(other, features);
    expect(scores[0]).toBeCloseTo(logistic(0.5 * logOdds(handScore("enrollment", features)) + 1), 12);
    expect(scores[2]).toBeCloseTo(0.1 + (0.8 * (Math.log(0.25) + 5)) / 10, 12);
    expect(other.model("enrollment")).toBe("hand_score");
    expect(sum(other.explain(features, "enrollment"))).toBeCloseTo(logOdds(handScore("enrollment", features)), 9);
    expect(other.explain(features, "completion")).toEqual([]);
  });

  test("explanations sum to the log-odds less the average learner's, the strongest first, in the learner's own units", () => {
    const average = -[0.5, 0, -0.5].reduce((total, offset) => total + Math.log(1 + Math.exp(intercept + offset)), 0);
    for (const [dimension, reference] of [["enrollment", intercept], ["churn", logOdds(Math.exp(average))]] as const) {
      const found = model.explain(features, dimension);
      const score = scoresOf(model, features)[dimensions.indexOf(dimension)]!;
      expect(sum(found)).toBeCloseTo(logOdds(score) - reference, 9);
      for (let i = 1; i < found.length; i++) expect(Math.abs(found[i]!.contribution)).toBeLessThanOrEqual(Math.abs(found[i - 1]!.contribution));
      expect(found.find(({ input }) => input === "balance_tokens")!.value).toBe(features[learnerPosition("balance_tokens")]);
    }
    // What makes an activity likelier makes churn less likely.
    const [enrollment, churn] = (["enrollment", "churn"] as const).map((dimension) => model.explain(features, dimension).find(({ input }) => input === "exposures")!.contribution);
    expect(enrollment! * churn!).toBeLessThan(0);
    expect(sum(model.explain(features, "price_sensitivity"))).toBeCloseTo(-model.priceEffect(features)!.value - 1.5, 9);
  });

  test("intervals hold their score, and say everything of an effect that is not identified", () => {
    const low = new Float64Array(5);
    const high = new Float64Array(5);
    for (let i = 0; i < 50; i++) {
      const own = learner(`interval ${i}`);
      const scores = scoresOf(model, own);
      model.intervals(own, scores, low, high);
      for (let k = 0; k < 5; k++) expect(0 <= low[k]! && low[k]! <= scores[k]! && scores[k]! <= high[k]! && high[k]! <= 1).toBe(true);
    }
    const unknown = compile({ ...artifact, price_sensitivity: { ...artifact.price_sensitivity, identified: false } });
    const scores = scoresOf(unknown, features);
    unknown.intervals(features, scores, low, high);
    expect([scores[4], low[4], high[4], unknown.priceEffect(features), unknown.model("price_sensitivity")]).toEqual([0.5, 0, 1, null, "not_identified"]);
  });

  test("what cannot be served is refused with its code", () => {
    const bytes = encodeArtifact(artifact);
    expect(() => compilePropensity(bytes, "0".repeat(64))).toThrow(expect.objectContaining({ code: "corrupt_artifact" }) as Error);
    const { binary, price_sensitivity } = artifact;
    const broken: [string, unknown][] = [
      ["incompatible_artifact", { ...artifact, format: 99 }],
      ["incompatible_artifact", { ...artifact, input_names: artifact.input_names.toReversed() }],
      ["incompatible_artifact", { ...artifact, binary: { ...binary, upsell: binaryPropensity("upsell", { model: { kind: "hand_score" } }) } }],
      ["incompatible_artifact", { ...artifact, binary: { ...binary, upsell: binaryPropensity("upsell", { uncertainty: { upper: [1], se: [] } }) } }],
      ["incompatible_artifact", { ...artifact, binary: { ...binary, upsell: binaryPropensity("upsell", { calibration: { kind: "isotonic", x: [1, 0], y: [0, 1] } }) } }],
      ["incompatible_artifact", { ...artifact, price_sensitivity: { ...price_sensitivity, covariance: [1] } }],
      ["incompatible_artifact", { ...artifact, price_sensitivity: { ...price_sensitivity, quantiles: [1, 0] } }],
      ["corrupt_artifact", { ...artifact, family: "elasticity" }],
      ["corrupt_artifact", { ...artifact, binary: { enrollment: binary.enrollment } }],
      ["corrupt_artifact", { ...artifact, binary: { ...binary, churn: { ...binary.churn, base_rate: 2 } } }],
    ];
    for (const [code, value] of broken) expect(() => compile(value as PropensityArtifact)).toThrow(expect.objectContaining({ code }) as Error);
    const text = new TextEncoder().encode("not json");
    expect(() => compilePropensity(text, artifactDigest(text))).toThrow(expect.objectContaining({ code: "corrupt_artifact" }) as Error);
  });
});

describe("hand scorer", () => {
  test("gives what weights there are, and claims to know nothing more", () => {
    const features = learner("hand");
    const into = new Float64Array(5);
    const low = new Float64Array(5);
    const high = new Float64Array(5);
    handScorer.score(features, into);
    handScorer.intervals(features, into, low, high);
    expect([...into]).toEqual([handScore("enrollment", features), handScore("churn", features), 0.5, 0.5, 0.5]);
    expect([...low, ...high]).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    expect(handScorer.priceEffect(features)).toBeNull();
    expect(sum(handScorer.explain(features, "churn"))).toBeCloseTo(logOdds(handScore("churn", features)), 9);
    expect(handScorer.explain(features, "upsell")).toEqual([]);
    expect(dimensions.map((dimension) => handScorer.model(dimension))).toEqual(["hand_score", "hand_score", "base_rate", "base_rate", "base_rate"]);
  });
});

describe("ranks by quantiles", () => {
  test("rise with the value, and are the shares that the quantiles stand for", () => {
    const values = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 12 }), fc.double({ min: -25, max: 25, noNaN: true }), fc.double({ min: 0, max: 10, noNaN: true }), (given, n, at, step) => {
        const quantiles = Float64Array.from(quantilesOf(Float64Array.from(given), n));
        const [below, above] = [quantileRank(quantiles, at), quantileRank(quantiles, at + step)];
        expect(0 <= below && below <= above && above <= 1).toBe(true);
      }),
    );
    const even = Float64Array.from(quantilesOf(Float64Array.from({ length: 101 }, (_, i) => i), 20));
    for (const value of [0, 12.5, 50, 99, 100]) expect(quantileRank(even, value)).toBeCloseTo(value / 100, 12);
    expect(quantileRank(Float64Array.of(1, 1, 1), 1)).toBe(0.5);
  });
});
