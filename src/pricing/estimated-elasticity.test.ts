import { describe, expect, test } from "vitest";
import type { Artifact } from "../contracts/artifact.ts";
import { estimatedElasticitySchema } from "../contracts/catalogue.ts";
import type { CompiledModel } from "../models/compiled.ts";
import { categoryElasticityAnswer, courseElasticityAnswer, globalElasticityAnswer } from "./estimated-elasticity.ts";
import { demandPrior } from "./prior.ts";
import { testInputs, testModel } from "./testing.ts";

const elasticity: Artifact["elasticity"] = {
  global: { value: -1.6, se: 0.1, sales: 900, identified: true, source: "global" },
  tau_category: 0.3,
  tau_course: 0.4,
  categories: {
    art: { value: -0.5, se: 0.2, sales: 300, identified: true, source: "category" },
    music: { value: -1.5, se: 0.6, sales: 2, identified: false, source: "prior" },
  },
  courses: { C1: { value: -1.9, se: 0.3, sales: 80, identified: true, source: "course", prior: { value: -1.7, se: 0.35 } } },
};
const base = testModel();
const model: CompiledModel = { ...base, artifact: { ...base.artifact, elasticity } };

describe("an estimated elasticity", () => {
  test("has its 95 % interval, not cut, and the side of −1 that it lies on", () => {
    expect(globalElasticityAnswer(model)).toEqual({ value: -1.6, type: "elastic", ci95: [-1.796, -1.404], source: "global", sales: 900, identified: true });
    expect(categoryElasticityAnswer(model, "art")).toEqual({ value: -0.5, type: "inelastic", ci95: [-0.892, -0.108], source: "category", sales: 300, identified: true });
    expect(courseElasticityAnswer(model, "art", "C1")).toEqual({ value: -1.9, type: "elastic", ci95: [-2.488, -1.312], source: "course", sales: 80, identified: true });
    // As wide as courses differ: half the width is 1.96 √(0.2² + 0.4²).
    expect(courseElasticityAnswer(model, "art", "C2")).toEqual({ value: -0.5, type: "unit", ci95: [-1.3765, 0.3765], source: "category", sales: 300, identified: true });
  });

  test("says that it is not identified, of a category, of its courses, and of what training did not know", () => {
    expect(categoryElasticityAnswer(model, "music")).toMatchObject({ identified: false, source: "prior", sales: 2, type: "unit" });
    expect(courseElasticityAnswer(model, "music", "C3")).toMatchObject({ identified: false, source: "prior" });
    for (const unknown of ["", "new", "__proto__", "constructor"]) expect(categoryElasticityAnswer(model, unknown)).toMatchObject({ identified: false, source: "global", sales: 0 });
  });

  test("without a model is the prior that prices use", () => {
    const prior = demandPrior(testInputs({ features: { category_conversion_90d: 0.08 } }), null);
    for (const answer of [globalElasticityAnswer(null), categoryElasticityAnswer(null, "art"), courseElasticityAnswer(null, "art", "C1")]) {
      estimatedElasticitySchema.strict().parse(answer);
      expect(answer).toEqual({ value: -1.5, type: "unit", ci95: [-2.676, -0.324], source: "prior", sales: 0, identified: false });
      expect(prior.slope * (1 - 0.08)).toBeCloseTo(-answer.value, 12);
      expect(prior.source).toBe(answer.source);
    }
  });
});
