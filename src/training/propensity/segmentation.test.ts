import fc from "fast-check";
import { expect, test } from "vitest";
import { dimensions } from "../../contracts/propensity.ts";
import { segmentRowSchema } from "../../contracts/training-analysis.ts";
import { lifetimeTokens } from "../../models/propensity/lifetime-value.ts";
import { generateHistory } from "../../simulator/history.ts";
import { smallPlatform } from "../../simulator/test-platform.ts";
import { createWorld } from "../../simulator/world.ts";
import { DAY_MS } from "../../lib/time.ts";
import { championOf, datasetOf } from "./health-testing.ts";
import { type ScoredLearners, segmentation, segmentsOf } from "./segmentation.ts";

function learners(rows: readonly { enrollment: number; churn: number; price: number; enrolled?: number }[]): ScoredLearners {
  return {
    scores: Float64Array.from(rows.flatMap(({ enrollment, churn }) => dimensions.map((dimension) => (dimension === "enrollment" ? enrollment : dimension === "churn" ? churn : 0.5)))),
    price_tokens: Float64Array.from(rows, ({ price }) => price),
    spent_tokens: Float64Array.from(rows, ({ price }) => 2 * price),
    enrolled: Uint8Array.from(rows.every(({ enrolled }) => enrolled !== undefined) ? rows.map(({ enrolled }) => enrolled!) : []),
    churned: new Uint8Array(0),
    enrollment_days: 30,
    churn_days: 60,
  };
}

test("by hand: sizes, means, what came of it, and the value of each learner", () => {
  const rows = [
    { enrollment: 0.9, churn: 0.05, price: 100, enrolled: 1 },
    { enrollment: 0.7, churn: 0.75, price: 50, enrolled: 0 },
    { enrollment: 0, churn: 0.9, price: 80, enrolled: 0 },
  ];
  const [hot, warm, , dormant] = segmentation(learners(rows));
  const value = ({ enrollment, churn, price }: (typeof rows)[number]): number => lifetimeTokens({ enrollment, churn, price_tokens: price, enrollment_days: 30, churn_days: 60 });
  expect(hot).toMatchObject({ segment: "hot", learners: 2, enrolled_share: 0.5, churned_share: null, spent_tokens: 300 });
  expect(hot!.scores.enrollment).toBeCloseTo(0.8, 12);
  expect(hot!.lifetime_tokens).toBeCloseTo(value(rows[0]!) + value(rows[1]!), 8);
  expect(hot!.risk).toEqual([{ level: "low", learners: 1 }, { level: "medium", learners: 0 }, { level: "high", learners: 1 }]);
  expect(warm).toMatchObject({ segment: "warm", learners: 0, enrolled_share: null, lifetime_tokens: 0 });
  // A score of exactly 0 is in a segment, too.
  expect(dormant).toMatchObject({ segment: "dormant", learners: 1, enrolled_share: 0 });
});

test("every learner is in one segment and one risk level, and nothing is lost", () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.record({ enrollment: share, churn: share, price: fc.integer({ min: 0, max: 500 }) }), { maxLength: 40 }), (rows) => {
      const found = segmentation(learners(rows));
      for (const row of found) expect(segmentRowSchema.parse(row)).toEqual(row);
      expect(found.reduce((sum, row) => sum + row.learners, 0)).toBe(rows.length);
      expect(found.flatMap(({ risk }) => risk).reduce((sum, row) => sum + row.learners, 0)).toBe(rows.length);
      expect(found.reduce((sum, row) => sum + row.spent_tokens, 0)).toBe(rows.reduce((sum, { price }) => sum + 2 * price, 0));
    }),
  );
});

test("of a dataset: everybody at the last cut-off whose windows have passed, with what came of them by its own labels", () => {
  const config = smallPlatform({ learners: 300, enrollments: 1_500, weeks: 40, late_share: 0 });
  const dataset = datasetOf([...generateHistory(createWorld(config))], config.end_ms - 40 * 7 * DAY_MS, config.end_ms);
  const { champion } = championOf(dataset, config.end_ms - 70 * DAY_MS);
  const last = dataset.at_ms.findLastIndex((at) => at + 61 * DAY_MS <= config.end_ms);
  const rows = [...dataset.period.keys()].filter((row) => dataset.period[row] === last);
  const found = segmentsOf(dataset, champion);
  expect(found.reduce((sum, { learners: own }) => sum + own, 0)).toBe(rows.length);
  const happened = (share: (row: (typeof found)[number]) => number | null): number => Math.round(found.reduce((sum, row) => sum + row.learners * (share(row) ?? 0), 0));
  const labelled = (dimension: "enrollment" | "churn", y: number): number => {
    const labels = dataset.labels[dimension];
    return [...labels.row.keys()].filter((i) => dataset.period[labels.row[i]!] === last && labels.y[i] === y).length;
  };
  expect(happened(({ enrolled_share }) => enrolled_share)).toBe(labelled("enrollment", 1));
  expect(happened(({ churned_share }) => churned_share)).toBe(labelled("churn", 0));
  expect(labelled("enrollment", 1)).toBeGreaterThan(0);
  // The hotter, the more of them enrolled.
  const shares = found.flatMap(({ learners: own, enrolled_share }) => (own >= 10 && enrolled_share !== null ? [enrolled_share] : []));
  expect(shares).toEqual(shares.toSorted((a, b) => b - a));
});

test("of a history without such a cut-off: none", () => {
  const config = smallPlatform({ learners: 200, enrollments: 900, weeks: 20, late_share: 0 });
  const dataset = datasetOf([...generateHistory(createWorld(config))], config.end_ms - 20 * 7 * DAY_MS, config.end_ms);
  expect(segmentsOf({ ...dataset, range: { ...dataset.range, to_ms: dataset.at_ms[0]! + 60 * DAY_MS } }, { score: () => undefined })).toEqual([]);
});
