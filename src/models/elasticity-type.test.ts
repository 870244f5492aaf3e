import { expect, test } from "vitest";
import { readElasticity } from "./elasticity-type.ts";

test("an elasticity is elastic or inelastic only where its 95 % interval lies on one side of −1", () => {
  const cases: readonly [value: number, sd: number, type: string][] = [
    [-2, 0.5, "elastic"],
    [-2, 0.6, "unit"],
    [-0.5, 0.25, "inelastic"],
    [-0.5, 0.26, "unit"],
    [-1, 0.001, "unit"],
    [0.3, 0.1, "inelastic"],
  ];
  for (const [value, sd, type] of cases) expect(readElasticity(value, sd).type, `${value} ± ${sd}`).toBe(type);
  const { ci95 } = readElasticity(-1.5, 0.5);
  expect(ci95[0]).toBeCloseTo(-2.479982, 6);
  expect(ci95[1]).toBeCloseTo(-0.520018, 6);
});

test("an interval ends where the value is known to", () => {
  expect(readElasticity(-0.5, 0.5, 0).ci95[1]).toBe(0);
  expect(readElasticity(-0.5, 0.5).ci95[1]).toBeCloseTo(0.479982, 6);
  expect(readElasticity(-1.5, 0.5, 0)).toEqual(readElasticity(-1.5, 0.5));
});
