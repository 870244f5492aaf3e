import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Prng } from "../lib/prng.ts";
import { calibrationBins } from "./calibration.ts";
import { bootstrapMean, clusterIndices } from "./cluster-bootstrap.ts";
import { correlations } from "./correlation.ts";
import { binAt, countByBin, histogramEdges, quantileEdges, stabilityIndex } from "./histogram.ts";

const values = fc.array(fc.oneof(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.integer({ min: 0, max: 3 })), { minLength: 1, maxLength: 200 });
const sum = (all: Iterable<number>): number => [...all].reduce((total, one) => total + one, 0);

describe("histograms", () => {
  test("edges ascend strictly, there are no more bins than asked for, and every finite value counts once", () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 2, max: 40 }), (own, bins) => {
        const data = Float64Array.from(own);
        const edges = histogramEdges(data, bins);
        expect(edges.length).toBeGreaterThanOrEqual(2);
        expect(edges.length).toBeLessThanOrEqual(bins + 1);
        for (let i = 1; i < edges.length; i++) expect(edges[i]).toBeGreaterThan(edges[i - 1]!);
        const { counts, missing } = countByBin([...own, Number.NaN, Number.POSITIVE_INFINITY], edges);
        expect([sum(counts), missing]).toEqual([own.length, 2]);
      }),
    );
  });

  test("a value lies in the bin whose edges enclose it, as a scan says", () => {
    fc.assert(
      fc.property(values, fc.double({ min: -2e6, max: 2e6, noNaN: true }), (own, value) => {
        const edges = quantileEdges(Float64Array.from(own), 10);
        const scanned = edges.slice(1, -1).filter((edge) => edge <= value).length;
        expect(binAt(edges, value)).toBe(scanned);
      }),
    );
  });

  test("few distinct values have a bin each, one alone too, and none at all is no error", () => {
    expect(histogramEdges(Float64Array.of(0, 1, 3, 1), 30)).toEqual([-0.5, 0.5, 2, 4]);
    expect(histogramEdges(Float64Array.of(7, 7), 30)).toEqual([6.5, 7.5]);
    expect(histogramEdges(new Float64Array(0), 30)).toEqual([0, 1]);
  });

  test("one outlier does not flatten the rest", () => {
    const random = new Prng("outlier");
    const own = Float64Array.from({ length: 1_000 }, (_, i) => (i === 0 ? 1e9 : random.normal()));
    expect(histogramEdges(own, 30).at(-1)).toBeLessThan(5);
  });

  test("quantile bins hold equal shares", () => {
    const random = new Prng("quantiles");
    const own = Float64Array.from({ length: 1_000 }, () => random.exponential(1));
    expect(countByBin(own, quantileEdges(own, 10)).counts).toEqual(new Array(10).fill(100));
  });
});

describe("the stability index", () => {
  const counts = fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 2, maxLength: 12 });

  test("is 0 for equal shares, symmetric, finite and never negative", () => {
    fc.assert(
      fc.property(counts, counts, (a, b) => {
        const other = a.map((_, i) => b[i] ?? 0);
        expect(stabilityIndex(a, a.map((count) => 3 * count))).toBeCloseTo(0, 12);
        expect(stabilityIndex(a, other)).toBeCloseTo(stabilityIndex(other, a), 12);
        expect(stabilityIndex(a, other)).toBeGreaterThanOrEqual(0);
        expect(Number.isFinite(stabilityIndex(a, other))).toBe(true);
      }),
    );
  });

  test("is what the formula gives", () => {
    // (0.5 − 0.2)·ln(0.5/0.2) + (0.5 − 0.8)·ln(0.5/0.8), but for the share that every bin is given.
    expect(stabilityIndex([20, 80], [50, 50])).toBeCloseTo(0.3 * Math.log(2.5) - 0.3 * Math.log(0.625), 3);
  });
});

test("correlations are Pearson's, within −1 and 1, and null with a constant", () => {
  const random = new Prng("correlation");
  const x = Float64Array.from({ length: 500 }, () => 1e6 + random.normal());
  const y = x.map((value) => -2 * (value - 1e6) + 0.5 * random.normal());
  const constant = new Float64Array(500).fill(1e6);
  const [first, second, third] = correlations([x, y, constant]);
  expect(first![0]).toBe(1);
  expect(first![1]).toBeCloseTo(-2 / Math.hypot(2, 0.5), 1);
  expect(second![0]).toBe(first![1]);
  expect([first![2], third![0], third![2]]).toEqual([null, null, null]);
  const mean = (own: Float64Array): number => sum(own) / own.length;
  const covariance = sum(x.map((value, i) => (value - mean(x)) * (y[i]! - mean(y))));
  const spread = (own: Float64Array): number => Math.sqrt(sum(own.map((value) => (value - mean(own)) ** 2)));
  expect(first![1]).toBeCloseTo(covariance / (spread(x) * spread(y)), 9);
});

describe("the cluster bootstrap", () => {
  test("numbers clusters in order of appearance", () => {
    expect([...clusterIndices(["b", "a", "b", "c"])]).toEqual([0, 1, 0, 2]);
  });

  test("is seeded, and its interval covers the truth about as often as it says, where rows of a cluster are alike", () => {
    const random = new Prng("bootstrap test");
    let covered = 0;
    const worlds = 200;
    for (let world = 0; world < worlds; world++) {
      const clusters = Int32Array.from({ length: 320 }, (_, i) => Math.floor(i / 8));
      const effects = Float64Array.from({ length: 40 }, () => random.normal());
      const own = Float64Array.from(clusters, (cluster) => effects[cluster]! + 0.2 * random.normal());
      const { mean, ci95 } = bootstrapMean(own, clusters, world, 300);
      expect(mean).toBeCloseTo(sum(own) / own.length, 12);
      expect(bootstrapMean(own, clusters, world, 300).ci95).toEqual(ci95);
      if (ci95[0] <= 0 && ci95[1] >= 0) covered++;
    }
    // 95 % less what percentile intervals lack with 40 clusters; as if rows were independent it would cover a third of them.
    expect(covered / worlds).toBeGreaterThan(0.88);
    expect(covered / worlds).toBeLessThanOrEqual(0.985);
  });

  test("with one cluster nothing is known", () => {
    const { ci95 } = bootstrapMean(Float64Array.of(1, 2), Int32Array.of(0, 0), 1);
    expect(ci95).toEqual([-Number.MAX_VALUE, Number.MAX_VALUE]);
  });
});

test("calibration bins hold every row once, ascend in what was predicted, and cover the truth of a calibrated forecast", () => {
  const random = new Prng("calibration");
  const exposure = Float64Array.from({ length: 4_000 }, () => 1 + random.integer(20));
  const mean = exposure.map((own) => own * Math.exp(-3 + 0.8 * random.normal()));
  const y = mean.map((own) => random.poisson(own));
  const bins = calibrationBins(y, exposure, mean, 1);
  expect(bins).toHaveLength(10);
  expect(sum(bins.map(({ rows }) => rows))).toBe(4_000);
  for (let i = 1; i < bins.length; i++) expect(bins[i]!.predicted).toBeGreaterThan(bins[i - 1]!.predicted);
  expect(bins.filter(({ predicted, ci95 }) => ci95[0] <= predicted && predicted <= ci95[1]).length).toBeGreaterThanOrEqual(8);
  const off = calibrationBins(y, exposure, mean.map((own) => 2 * own), 1);
  expect(off.filter(({ predicted, ci95 }) => ci95[0] <= predicted && predicted <= ci95[1])).toHaveLength(0);
  // Nothing sold: an interval all the same, which ends somewhere above 0.
  const none = calibrationBins(new Float64Array(3), Float64Array.of(1, 1, 1), Float64Array.of(0.1, 0.2, 0.3), 1);
  for (const { observed, ci95 } of none) expect([observed, ci95[0], ci95[1] > 0]).toEqual([0, 0, true]);
});
