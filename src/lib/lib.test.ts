import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeDoubles, encodeDoubles } from "./doubles.ts";
import { exp, log } from "./exp-log.ts";
import { choleskyInPlace, choleskySolveInPlace } from "./linear-algebra.ts";
import { Prng } from "./prng.ts";
import { formatTime, parseTime } from "./time.ts";

function ulps(a: number, b: number): number {
  return Math.abs(a - b) / (Math.abs(b) * Number.EPSILON || Number.MIN_VALUE);
}

describe("exp and log", () => {
  test("agree with the engine's within 2 units in the last place", () => {
    fc.assert(fc.property(fc.double({ min: -700, max: 700, noNaN: true }), (x) => ulps(exp(x), Math.exp(x)) <= 2));
    fc.assert(fc.property(fc.double({ min: 1e-300, max: 1e300, noNaN: true }), (x) => Math.abs(log(x) - Math.log(x)) <= 2 * Number.EPSILON * Math.max(1e-3, Math.abs(Math.log(x)))));
  });

  test("are right at the edges", () => {
    expect(exp(0)).toBe(1);
    expect(exp(1000)).toBe(Number.POSITIVE_INFINITY);
    expect(exp(-1000)).toBe(0);
    expect(log(1)).toBe(0);
    expect(log(0)).toBe(Number.NEGATIVE_INFINITY);
    expect(log(-1)).toBeNaN();
    expect(log(5e-324)).toBeCloseTo(Math.log(5e-324), 9);
  });
});

describe("time", () => {
  test("parses what Date formats, and nothing else", () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 4_102_444_800_000 }), (t) => parseTime(formatTime(t)) === t));
    expect(parseTime("2026-02-28T23:59:59Z")).toBe(Date.UTC(2026, 1, 28, 23, 59, 59));
    expect(parseTime("2024-02-29T00:00:00.5Z")).toBe(Date.UTC(2024, 1, 29, 0, 0, 0, 500));
    const bad = ["", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00+01:00", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1x3Z", "x026-01-01T00:00:00Z"];
    for (const text of bad) expect(parseTime(text), text).toBeNaN();
  });
});

describe("prng", () => {
  test("is the same for the same seed and different for another", () => {
    const draw = (seed: string): number[] => Array.from({ length: 5 }, ((r) => () => r.uint32())(new Prng(seed)));
    expect(draw("a")).toEqual(draw("a"));
    expect(draw("a")).not.toEqual(draw("b"));
  });

  test("has the moments of its distributions", () => {
    const random = new Prng("moments");
    const mean = (n: number, draw: () => number): number => {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += draw();
      return sum / n;
    };
    expect(mean(100_000, () => random.uniform())).toBeCloseTo(0.5, 2);
    expect(mean(100_000, () => random.normal() ** 2)).toBeCloseTo(1, 1);
    expect(mean(50_000, () => random.poisson(3.5))).toBeCloseTo(3.5, 1);
    expect(mean(20_000, () => random.poisson(80)) / 80).toBeCloseTo(1, 1);
    expect(mean(50_000, () => random.gamma(0.5, 2))).toBeCloseTo(1, 1);
  });
});

describe("cholesky", () => {
  test("solves a positive definite system and refuses another", () => {
    const a = Float64Array.of(4, 2, 0.6, 2, 5, 1, 0.6, 1, 3);
    const x = Float64Array.of(1, -2, 0.5);
    const b = Float64Array.from([0, 1, 2], (i) => a[i * 3]! * x[0]! + a[i * 3 + 1]! * x[1]! + a[i * 3 + 2]! * x[2]!);
    const factor = a.slice();
    expect(choleskyInPlace(factor, 3)).toBe(true);
    choleskySolveInPlace(factor, 3, b);
    for (let i = 0; i < 3; i++) expect(b[i]).toBeCloseTo(x[i]!, 12);
    expect(choleskyInPlace(Float64Array.of(1, 2, 2, 1), 2)).toBe(false);
  });
});

describe("doubles", () => {
  test("come back bit for bit, and nothing else is taken for them", () => {
    fc.assert(fc.property(fc.array(fc.double()), (values) => JSON.stringify(Array.from(decodeDoubles(encodeDoubles(values)) ?? [], bitsOf)) === JSON.stringify(values.map(bitsOf))));
    for (const text of ["AAAA", "AAAAAAAAAAA", "not base64!!", "AAAAAAAAAAB="]) expect(decodeDoubles(text), text).toBeUndefined();
  });
});

function bitsOf(value: number): string {
  return Buffer.from(Float64Array.of(value).buffer).toString("hex");
}
