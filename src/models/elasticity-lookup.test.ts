import { describe, expect, test } from "vitest";
import type { Artifact, ElasticityEstimate } from "../contracts/artifact.ts";
import { categoryElasticity, courseElasticity, ownElasticity } from "./elasticity-lookup.ts";

const art: ElasticityEstimate = { value: -1.2, se: 0.2, sales: 500, identified: true, source: "category" };
const report: Artifact["elasticity"] = {
  global: { value: -1.5, se: 0.1, sales: 900, identified: true, source: "global" },
  tau_category: 0.3,
  tau_course: 0.4,
  categories: { art },
  courses: { C1: { value: -1.1, se: 0.25, sales: 80, identified: true, source: "category", prior: { value: -1.15, se: 0.3 } } },
};

describe("reading an artifact's elasticities", () => {
  test("a course with an estimate of its own", () => {
    expect(courseElasticity(report, "art", "C1")).toEqual({ value: -1.1, se: 0.25, sales: 80, identified: true, source: "category" });
    expect(ownElasticity(report, "C1")?.prior).toEqual({ value: -1.15, se: 0.3 });
  });

  test("any other course: its category's, as wide as courses differ", () => {
    for (const other of ["C2", "constructor", "__proto__", null]) {
      expect(courseElasticity(report, "art", other)).toEqual({ ...art, se: Math.hypot(0.2, 0.4) });
      expect(ownElasticity(report, other)).toBeUndefined();
    }
  });

  test("a category that training did not know is not identified: the common one, as wide as categories differ", () => {
    for (const other of ["new", "constructor", "__proto__"]) {
      expect(categoryElasticity(report, other)).toEqual({ value: -1.5, se: Math.hypot(0.1, 0.3), sales: 0, identified: false, source: "global" });
      const { se, ...rest } = courseElasticity(report, other, "C2");
      expect(se).toBeCloseTo(Math.hypot(0.1, 0.3, 0.4), 12);
      expect(rest).toEqual({ value: -1.5, sales: 0, identified: false, source: "global" });
    }
  });

  test("an artifact from before courses had estimates", () => {
    const { courses: _, ...before } = report;
    expect(courseElasticity(before, "art", "C1")).toEqual({ ...art, se: Math.hypot(0.2, 0.4) });
  });
});
