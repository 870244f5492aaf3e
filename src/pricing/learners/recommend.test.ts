import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { enrollmentProbability, learnerLevel, tasteLift } from "./recommend.ts";

const count = fc.nat(1_000);
const rate = fc.double({ min: 0.001, max: 0.999, noNaN: true });

describe("what is known of a learner", () => {
  test("nothing: the course's own conversion", () => {
    fc.assert(
      fc.property(rate, rate, rate, (conversion, platform, share) => {
        expect(enrollmentProbability(conversion, learnerLevel(0, 0, platform), tasteLift({ enrollments: 0, share }, 0))).toBeCloseTo(conversion, 9);
      }),
    );
  });

  test("more enrollments, in all or in the category, never make another less likely", () => {
    fc.assert(
      fc.property(count, count, count, rate, rate, (enrolled, views, own, platform, share) => {
        expect(learnerLevel(enrolled + 1, enrolled + views + 1, platform)).toBeGreaterThanOrEqual(learnerLevel(enrolled, enrolled + views + 1, platform));
        const all = enrolled + own + 1;
        expect(tasteLift({ enrollments: own + 1, share }, all)).toBeGreaterThan(tasteLift({ enrollments: own, share }, all));
      }),
    );
  });

  test("stays a probability in extremes", () => {
    for (const conversion of [0, 1e-12, 1]) {
      const probability = enrollmentProbability(conversion, learnerLevel(1_000, 0, 0), tasteLift({ enrollments: 1_000, share: 1e-9 }, 1_000));
      expect(probability).toBeGreaterThanOrEqual(0);
      expect(probability).toBeLessThanOrEqual(1);
    }
    expect(tasteLift({ enrollments: 3, share: 0 }, 3)).toBe(0);
  });
});
