import { describe, expect, test } from "vitest";
import type { Artifact, BoostingModel, ElasticityModel } from "../contracts/artifact.ts";
import { courseFeatureNames } from "../features/course-view.ts";
import { artifactDigest, compileArtifact, encodeArtifact } from "./compiled.ts";
import { elasticityFeatureNames, fillElasticityRow } from "./elasticity-features.ts";

const columns = elasticityFeatureNames.length;
const linear: ElasticityModel = { kind: "log_linear", mean: new Array(columns).fill(0.5), scale: new Array(columns).fill(2), coefficients: elasticityFeatureNames.map((_, i) => -0.1 + 0.02 * i), intercept: -2 };
const trees: BoostingModel = { kind: "boosting", base: -2.5, roots: [0, 3], feature: [0, -1, -1, -1], threshold: [0.25, 0, 0, 0], left: [1, 0, 0, 0], right: [2, 0, 0, 0], value: [0, 0.4, -0.3, 0.05] };
const estimate = { value: -1.5, se: 0.2, sales: 100, identified: true, source: "category" };

function artifact(change: Partial<Artifact> = {}): Artifact {
  return {
    format: 1,
    family: "elasticity",
    version: "v1",
    feature_names: [...elasticityFeatureNames],
    champion: "boosting",
    model: trees,
    candidates: [{ name: "boosting", metrics: { rows: 1, poisson_deviance: 1, skill: 0.1, r2_log: 0.1, rmse_log: 1, mape_log: 1, wape: 1 }, elasticity: -1, importance: {}, backend: "typed-arrays" }],
    elasticity: { global: { ...estimate, se: 0.1, source: "global" }, tau_category: 0.3, tau_course: 0.4, categories: { art: estimate, shy: { ...estimate, value: 0.2 }, thin: { ...estimate, source: "global" } } },
    level_sd: 0.5,
    dispersion: { "": 1.2, art: 1.7 },
    lineage: { seed: 1, stream: "EVENTS", stream_created: "2026-01-01T00:00:00Z", first_sequence: 1, last_sequence: 2, data_from: "2026-01-01T00:00:00Z", data_to: "2026-01-01T00:00:00Z", rows: 3, code_version: "test" },
    ...change,
  };
}

function compile(change: Partial<Artifact> = {}): ReturnType<typeof compileArtifact> {
  const bytes = encodeArtifact(artifact(change));
  return compileArtifact(bytes, artifactDigest(bytes));
}

const reference = courseFeatureNames.indexOf("reference_price_tokens");
const view = Float64Array.from(courseFeatureNames, (_, i) => (i === reference ? 100 : 0));

describe("compiled artifact", () => {
  test("walks trees and sums coefficients as the formulae say", () => {
    const boosted = compile();
    expect(boosted.conversionRate(view, Math.log(100) + 0.2)).toBeCloseTo(Math.exp(-2.5 + 0.4 + 0.05), 12);
    expect(boosted.conversionRate(view, Math.log(100) + 0.3)).toBeCloseTo(Math.exp(-2.5 - 0.3 + 0.05), 12);
    const row = new Float64Array(columns);
    fillElasticityRow(view, 5, row, 0);
    const sum = row.reduce((total, x, i) => total + linear.coefficients[i]! * ((x - 0.5) / 2), -2);
    expect(compile({ model: linear }).conversionRate(view, 5)).toBeCloseTo(Math.exp(sum), 12);
  });

  test("a rate stays inside (0, 1)", () => {
    const flat = (base: number): number => compile({ model: { ...trees, base } }).conversionRate(view, 4);
    expect(flat(50)).toBe(1 - 1e-6);
    expect(flat(800)).toBe(1 - 1e-6);
    expect(flat(-800)).toBe(1e-6);
  });

  /** Errors added up, with the drift that the prior allows for. */
  const wide = (...errors: number[]): number => Math.hypot(Math.hypot(...errors), 0.1);

  test("the prior of a course covers the spread between courses and drift, and is never upward", () => {
    const model = compile();
    expect(model.elasticityPrior("art", "C1")).toEqual({ value: -1.5, se: wide(0.2, 0.4), source: "category" });
    expect(model.elasticityPrior("shy", null).value).toBe(-0.05);
    expect(model.elasticityPrior("thin", "C1").source).toBe("global");
    for (const unknown of ["new", "constructor", "__proto__"]) {
      const { value, se, source } = model.elasticityPrior(unknown, unknown);
      expect([value, source]).toEqual([-1.5, "global"]);
      expect(se).toBeCloseTo(wide(0.1, 0.3, 0.4), 12);
    }
    const prior = compile({ elasticity: { ...artifact().elasticity, global: { ...estimate, identified: false, source: "prior" } } });
    expect(prior.elasticityPrior("new", "C1").source).toBe("prior");
  });

  test("the prior of a course that training knew leaves out what its demand cells held", () => {
    const own = { ...estimate, value: -1.1, source: "course", prior: { value: -1.2, se: 0.25 } };
    const courses = JSON.parse(JSON.stringify({ C1: own, up: { ...own, prior: { value: 0.4, se: 0.3 } } }));
    const model = compile({ elasticity: { ...artifact().elasticity, courses } });
    expect(model.elasticityPrior("art", "C1")).toEqual({ value: -1.2, se: wide(0.25), source: "course" });
    expect(model.elasticityPrior("art", "up")).toEqual({ value: -0.05, se: wide(0.3), source: "course" });
    for (const other of ["C2", null]) expect(model.elasticityPrior("art", other)).toEqual({ value: -1.5, se: wide(0.2, 0.4), source: "category" });
  });

  test("dispersion falls back to the pooled one", () => {
    expect([compile().dispersion("art"), compile().dispersion("new"), compile().dispersion("constructor"), compile({ dispersion: {} }).dispersion("art")]).toEqual([1.7, 1.2, 1.2, 1]);
    expect(compile().levelSd).toBe(0.5);
  });

  test("other bytes than those promoted, and bytes that are no artifact, are corrupt", () => {
    const bytes = encodeArtifact(artifact());
    const flipped = bytes.slice();
    flipped[100]! ^= 1;
    const text = (value: string): Uint8Array => new TextEncoder().encode(value);
    expect(() => compileArtifact(flipped, artifactDigest(bytes))).toThrow(expect.objectContaining({ code: "corrupt_artifact" }));
    for (const bad of [text("{"), Uint8Array.of(0xff, 0xfe), bytes.slice(0, -10), encodeArtifact({ ...artifact(), level_sd: -1 })]) {
      expect(() => compileArtifact(bad, artifactDigest(bad))).toThrow(expect.objectContaining({ code: "corrupt_artifact" }));
    }
    for (const bad of [text("null"), text("[]"), text('{"format":2}')]) {
      expect(() => compileArtifact(bad, artifactDigest(bad))).toThrow(expect.objectContaining({ code: "incompatible_artifact" }));
    }
  });

  test("a model that could loop, read past its arrays or wants other features is refused", () => {
    const bad: Record<string, Partial<Artifact>> = {
      "other features": { feature_names: elasticityFeatureNames.toReversed() },
      "fewer features": { feature_names: elasticityFeatureNames.slice(1) },
      "a cycle": { model: { ...trees, left: [0, 0, 0, 0] } },
      "a child before its parent": { model: { ...trees, feature: [-1, 0, -1, -1], left: [0, 0, 0, 0], right: [0, 2, 0, 0] } },
      "a child past the end": { model: { ...trees, right: [4, 0, 0, 0] } },
      "a root past the end": { model: { ...trees, roots: [4] } },
      "a column past the row": { model: { ...trees, feature: [columns, -1, -1, -1] } },
      "short arrays": { model: { ...trees, value: [0] } },
      "too few coefficients": { model: { ...linear, coefficients: [1] } },
      "too few scales": { model: { ...linear, scale: [1] } },
    };
    for (const [name, change] of Object.entries(bad)) expect(() => compile(change), name).toThrow(expect.objectContaining({ code: "incompatible_artifact" }));
  });

  test("encoding does not depend on the order of keys", () => {
    const shuffled = Object.fromEntries(Object.entries(artifact()).toReversed()) as Artifact;
    expect(encodeArtifact(shuffled)).toEqual(encodeArtifact(artifact()));
  });
});
