import { describe, expect, test } from "vitest";
import type { ErrorKind } from "./covariance.ts";
import { chiSquareTail, fQuantileUpper, fTail, tQuantileTwoSided, tTwoSided } from "./distributions.ts";
import type { Fit, NotIdentified } from "./estimate.ts";
import { leastSquares } from "./least-squares.ts";
import { poissonRegression } from "./poisson-regression.ts";
import { identified } from "./testing/drawn-sample.ts";
import { reference, referenceSample, type ReferenceFit } from "./testing/reference-sample.ts";
import { type InstrumentalFit, twoStage } from "./two-stage.ts";

const RELATIVE = 1e-8;

/** Says where a number is not what it should be: nothing where it is. */
function near(actual: number, expected: number, what: string, scale = Math.max(Math.abs(expected), 1e-6)): string[] {
  return Math.abs(actual - expected) < RELATIVE * scale ? [] : [`${what}: ${actual} for ${expected}`];
}

/** Every coefficient and every element of the covariance. */
function disagreements(fit: Fit, expected: ReferenceFit, what: string): string[] {
  const place = (name: string): number => fit.coefficients.findIndex((own) => own.name === (name === "(Intercept)" ? "(constant)" : name));
  if (fit.coefficients.length !== expected.names.length) return [`${what}: ${fit.coefficients.length} coefficients`];
  return expected.names.flatMap((name, i) => [
    ...near(fit.coefficients[place(name)]!.estimate, expected.estimates[i]!, `${what} ${name}`),
    ...near(fit.coefficients[place(name)]!.se, Math.sqrt(expected.covariance[i]![i]!), `${what} error of ${name}`),
    ...expected.names.flatMap((other, j) => {
      const scale = Math.sqrt(expected.covariance[i]![i]! * expected.covariance[j]![j]!);
      return near(fit.covariance[place(name) * fit.coefficients.length + place(other)]!, expected.covariance[i]![j]!, `${what} ${name}, ${other}`, scale);
    }),
  ]);
}

type Parts = Parameters<typeof referenceSample>[0];
/** What errors are clustered by, under the name that the reference has them. */
const clusters: Readonly<Record<string, readonly string[]>> = { course: ["course"], nested: ["course"], week: ["week"], two_way: ["course", "week"] };

/** Disagreements over every kind of errors that the reference has of one specification. */
function against(estimate: (sample: ReturnType<typeof referenceSample>, options: { errors: ErrorKind }) => Fit | NotIdentified, parts: Parts, fits: object): string[] {
  const kinds = Object.entries(fits as Record<string, ReferenceFit>).filter(([, own]) => typeof own === "object");
  if (kinds.length === 0) return ["the reference has nothing"];
  return kinds.flatMap(([kind, expected]) => {
    const own = clusters[kind];
    return disagreements(identified(estimate(referenceSample({ ...parts, clusters: own ?? [] }), { errors: own === undefined ? (kind as ErrorKind) : "clustered" })), expected, kind);
  });
}

describe("R and statsmodels on the same data", () => {
  test("least squares: each kind of errors, weighted, clustered by one and two", () => {
    expect(against(leastSquares, {}, reference.ols)).toEqual([]);
    expect(against(leastSquares, { weighted: true }, reference.wls)).toEqual([]);
    expect(near(identified(leastSquares(referenceSample())).r2, reference.ols.r2, "R²")).toEqual([]);
    expect(near(identified(leastSquares(referenceSample({ weighted: true }))).r2, reference.wls.r2, "weighted R²")).toEqual([]);
  });

  test("absorbed effects agree with dummies, their degrees of freedom and leverages included", () => {
    expect(against(leastSquares, { fixed_effects: ["course"] }, reference.fe1)).toEqual([]);
    expect(against(leastSquares, { fixed_effects: ["course"], weighted: true }, reference.wfe1)).toEqual([]);
    expect(against(leastSquares, { fixed_effects: ["course", "week"] }, reference.fe2)).toEqual([]);
    expect(against(leastSquares, { fixed_effects: ["week", "course"], weighted: true }, reference.wfe2)).toEqual([]);
    expect(near(identified(leastSquares(referenceSample({ fixed_effects: ["course", "week"] }))).r2, reference.fe2.r2, "R²")).toEqual([]);
  });

  test("two-stage least squares", () => {
    expect(against(twoStage, { instruments: ["z1"] }, reference.iv1)).toEqual([]);
    expect(against(twoStage, { instruments: ["z1", "z2", "z3"] }, reference.iv3)).toEqual([]);
    expect(against(twoStage, { instruments: ["z1", "z2", "z3"], weighted: true }, reference.iv3_weighted)).toEqual([]);
    expect(against(twoStage, { instruments: ["z1", "z2", "z3"], fixed_effects: ["course", "week"] }, reference.iv3_fe2)).toEqual([]);
  });

  const instrumental = (instruments: readonly string[], errors: ErrorKind, fixed_effects: readonly string[] = []): InstrumentalFit =>
    identified(twoStage(referenceSample({ instruments, fixed_effects, clusters: errors === "clustered" ? ["course"] : [] }), { errors }));

  test("first stage: F, and the effective one", () => {
    const three = ["z1", "z2", "z3"];
    const cases: [string, InstrumentalFit][] = [
      ["iv1_course", instrumental(["z1"], "clustered")],
      ["iv3_iid", instrumental(three, "iid")],
      ["iv3_HC1", instrumental(three, "HC1")],
      ["iv3_course", instrumental(three, "clustered")],
      ["iv3_fe2_course", instrumental(three, "clustered", ["course", "week"])],
    ];
    for (const [name, { first_stage }] of cases) {
      expect(near(first_stage.f, reference.first_stage[name]!.f, name)).toEqual([]);
      expect(near(first_stage.f_effective, reference.first_stage[name]!.f_effective, name)).toEqual([]);
      expect(near(first_stage.f_iid, instrumental(name.includes("iv1") ? ["z1"] : three, "iid", name.includes("fe2") ? ["course", "week"] : []).first_stage.f, name)).toEqual([]);
    }
  });

  test("Anderson–Rubin: the test of nothing and both ends, in closed form and searched for", () => {
    const cases: [string, InstrumentalFit][] = [
      ["iv1_course", instrumental(["z1"], "clustered")],
      ["iv3_iid", instrumental(["z1", "z2", "z3"], "iid")],
      ["iv3_course", instrumental(["z1", "z2", "z3"], "clustered")],
    ];
    for (const [name, { anderson_rubin }] of cases) {
      const expected = reference.anderson_rubin[name]!;
      expect(near(anderson_rubin.f, expected.f, name)).toEqual([]);
      expect(anderson_rubin.set.shape).toBe("interval");
      expect(near(anderson_rubin.set.parts[0]!.low!, expected.low, `${name} low`)).toEqual([]);
      expect(near(anderson_rubin.set.parts[0]!.high!, expected.high, `${name} high`)).toEqual([]);
    }
  });

  test("J: Sargan's, and Hansen's robust and clustered", () => {
    const three = ["z1", "z2", "z3"];
    const sargan = instrumental(three, "iid").over_identification!;
    expect(near(sargan.j, reference.sargan.j, "Sargan")).toEqual([]);
    expect(near(sargan.p, reference.sargan.p, "Sargan's p")).toEqual([]);
    expect(near(instrumental(three, "HC1").over_identification!.j, reference.hansen.robust, "Hansen")).toEqual([]);
    const clustered = instrumental(three, "clustered").over_identification!;
    expect(near(clustered.j, reference.hansen.course, "Hansen, clustered")).toEqual([]);
    expect(near(clustered.p, reference.hansen.p_course, "its p")).toEqual([]);
    expect(instrumental(["z1"], "HC1").over_identification).toBeNull();
  });

  test("Poisson regression with an offset: weighted, with one and two absorbed effects", () => {
    expect(against(poissonRegression, { outcome: "count", exposed: true }, reference.poisson)).toEqual([]);
    expect(against(poissonRegression, { outcome: "count", exposed: true, weighted: true }, reference.poisson_weighted)).toEqual([]);
    expect(against(poissonRegression, { outcome: "count", exposed: true, fixed_effects: ["course"] }, reference.poisson_fe1)).toEqual([]);
    expect(against(poissonRegression, { outcome: "count", exposed: true, fixed_effects: ["course", "week"] }, reference.poisson_fe2)).toEqual([]);
    const fit = identified(poissonRegression(referenceSample({ outcome: "count", exposed: true, fixed_effects: ["course", "week"] })));
    expect(near(fit.deviance, reference.poisson_fe2.deviance, "deviance")).toEqual([]);
    expect(near(fit.dispersion, reference.poisson_fe2.dispersion, "dispersion")).toEqual([]);
  });

  test("distributions: tails and quantiles", () => {
    const { t, f, chi_square, normal, t_quantile, f_quantile } = reference.distributions;
    const tail = (actual: number, p: number, what: string): string[] => (p > 0 ? near(actual / p, 1, what) : near(actual, 0, what, 1e-290));
    for (const [i, p] of t["p"]!.entries()) expect(tail(tTwoSided(t["x"]![i]!, t["df"]![i]!), p, "t")).toEqual([]);
    for (const [i, p] of f["p"]!.entries()) expect(tail(fTail(f["x"]![i]!, f["df1"]![i]!, f["df2"]![i]!), p, "F")).toEqual([]);
    for (const [i, p] of chi_square["p"]!.entries()) expect(tail(chiSquareTail(chi_square["x"]![i]!, chi_square["df"]![i]!), p, "χ²")).toEqual([]);
    for (const [i, p] of normal["p"]!.entries()) expect(tail(tTwoSided(normal["x"]![i]!, Number.POSITIVE_INFINITY), p, "normal")).toEqual([]);
    for (const [i, x] of t_quantile["x"]!.entries()) expect(near(tQuantileTwoSided(0.05, t_quantile["df"]![i]!), x, "quantile of t")).toEqual([]);
    for (const [i, x] of f_quantile["x"]!.entries()) expect(near(fQuantileUpper(0.05, f_quantile["df1"]![i]!, f_quantile["df2"]![i]!), x, "quantile of F")).toEqual([]);
  });
});
