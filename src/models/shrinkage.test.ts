import { describe, expect, test } from "vitest";
import { Prng } from "../lib/prng.ts";
import { GROUP_SPREAD, shrink, shrinkEvidence, type Estimate } from "./shrinkage.ts";

function draw(seed: string, tau: number, groups = 9): { truth: number[]; estimates: Estimate[] } {
  const random = new Prng(seed);
  const truth = Array.from({ length: groups }, () => -1.5 + tau * random.normal());
  const estimates = truth.map((value) => {
    const variance = 0.01 + 0.1 * random.uniform();
    return { value: value + Math.sqrt(variance) * random.normal(), variance };
  });
  return { truth, estimates };
}

describe("shrinkage", () => {
  test("intervals of groups cover, and values are closer than the estimates themselves", () => {
    for (const tau of [0, 0.15, 0.4]) {
      let covered = 0;
      let own = 0;
      let shrunk = 0;
      for (let i = 0; i < 100; i++) {
        const { truth, estimates } = draw(`cover ${tau} ${i}`, tau, 6);
        for (const [j, group] of shrink(estimates).groups.entries()) {
          if (Math.abs(group.value - truth[j]!) <= 1.96 * Math.sqrt(group.variance)) covered++;
          own += (estimates[j]!.value - truth[j]!) ** 2;
          shrunk += (group.value - truth[j]!) ** 2;
        }
      }
      expect(covered / 600, `τ ${tau}`).toBeGreaterThan(0.925);
      expect(shrunk, `τ ${tau}`).toBeLessThan(own);
    }
  });

  test("agrees with an integral over τ and the mean together", () => {
    const { estimates } = draw("integral", 0.3, 4);
    let weight = 0;
    let first = 0;
    let mean = 0;
    for (let x = -2.5; x < 2.5; x += 0.05) {
      const tau = GROUP_SPREAD.median * Math.exp(x);
      for (let mu = -4; mu < 1; mu += 0.01) {
        let log = -0.5 * (x / GROUP_SPREAD.log_sd) ** 2;
        for (const { value, variance } of estimates) log -= 0.5 * (Math.log(variance + tau * tau) + (value - mu) ** 2 / (variance + tau * tau));
        const { value, variance } = estimates[1]!;
        weight += Math.exp(log);
        first += (Math.exp(log) * (value / variance + mu / (tau * tau))) / (1 / variance + 1 / (tau * tau));
        mean += Math.exp(log) * mu;
      }
    }
    const shrunk = shrink(estimates);
    expect(shrunk.groups[1]!.value).toBeCloseTo(first / weight, 3);
    expect(shrunk.mean.value).toBeCloseTo(mean / weight, 3);
  });

  test("finds the spread when there are many groups", () => {
    for (const tau of [0.1, 0.3, 0.6]) expect(Math.abs(shrink(draw("many", tau, 400).estimates).tau - tau)).toBeLessThan(0.06);
  });

  test("pulls every group towards the mean, the vaguer the more", () => {
    const { estimates } = draw("pull", 0.4);
    estimates.sort((a, b) => a.variance - b.variance);
    const { mean, groups } = shrink(estimates);
    for (const [i, group] of groups.entries()) {
      // Each is averaged over τ for itself: one that lies at the mean may seem to leave it by a hair.
      expect(Math.abs(group.value - mean.value)).toBeLessThan(Math.abs(estimates[i]!.value - mean.value) + 2e-3);
      expect(group.share).toBeGreaterThan(groups[i - 1]?.share ?? 0);
    }
  });

  test("one group keeps its own estimate, and says little of another", () => {
    const { groups, mean, tau } = shrink([{ value: -2, variance: 0.04 }]);
    expect(groups[0]!.value).toBeCloseTo(-2, 12);
    expect(groups[0]!.variance).toBeCloseTo(0.04, 12);
    expect(mean.variance).toBeCloseTo(0.04 + tau * tau, 6);
  });

  test("a group without evidence takes the mean, with the spread around it, and changes nothing for the others", () => {
    const { estimates } = draw("silent", 0.3, 5);
    const precision = estimates.map(({ variance }) => 1 / variance);
    const linear = estimates.map(({ value, variance }) => value / variance);
    const five = shrinkEvidence({ precision: Float64Array.from(precision), linear: Float64Array.from(linear) }, GROUP_SPREAD);
    const six = shrinkEvidence({ precision: Float64Array.of(...precision, 0), linear: Float64Array.of(...linear, 0) }, GROUP_SPREAD);
    expect(six.groups.mean.slice(0, 5)).toEqual(five.groups.mean);
    expect(six.log).toBe(five.log);
    expect(six.share[5]).toBeCloseTo(1, 12);
    expect(six.groups.mean[5]).toBeCloseTo(five.mean.value, 12);
    expect(six.groups.variance[5]).toBeCloseTo(five.mean.variance + five.tau2, 12);
  });
});
