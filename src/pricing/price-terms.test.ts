import { describe, expect, test } from "vitest";
import { policySchema } from "../contracts/policy.ts";
import { noBand } from "../features/teacher-band.ts";
import { costOf, termsFor } from "./price-terms.ts";

const policy = policySchema.parse({
  floor_tokens: 10,
  ceiling_tokens: 500,
  bounds: { categories: { art: { floor_tokens: 40, ceiling_tokens: 900 } }, courses: { c1: { ceiling_tokens: 200 }, c2: { floor_tokens: 5 } } },
  cost_per_enrollment: { default: 1, categories: { art: 2 }, courses: { c1: 0 } },
});

describe("termsFor", () => {
  test("the strictest of the bounds that apply holds, and says whose it is", () => {
    expect(termsFor(policy, "c1", "art", noBand)).toEqual({ floor_tokens: 40, floor_by: "category", ceiling_tokens: 200, ceiling_by: "course", cost_tokens: 0 });
    expect(termsFor(policy, "c2", "music", noBand)).toEqual({ floor_tokens: 10, floor_by: "policy", ceiling_tokens: 500, ceiling_by: "policy", cost_tokens: 1 });
    expect(termsFor(policy, null, "art", noBand)).toMatchObject({ floor_tokens: 40, ceiling_tokens: 500, cost_tokens: 2 });
  });

  test("the teacher's band narrows them, as far as it can, unless the policy does not respect it", () => {
    const band = { min_price_tokens: 60, max_price_tokens: 90 };
    expect(termsFor(policy, "c3", "music", band)).toMatchObject({ floor_tokens: 60, floor_by: "teacher", ceiling_tokens: 90, ceiling_by: "teacher" });
    expect(termsFor({ ...policy, respect_teacher_band: false }, "c3", "music", band)).toMatchObject({ floor_tokens: 10, ceiling_tokens: 500 });
    expect(termsFor(policy, "c3", "music", { min_price_tokens: 2, max_price_tokens: 5 })).toMatchObject({ floor_tokens: 10, ceiling_tokens: 10 });
    expect(termsFor(policy, "c3", "music", { min_price_tokens: 600, max_price_tokens: 0 })).toMatchObject({ floor_tokens: 500, ceiling_tokens: 500 });
    expect(termsFor(policy, "c3", "music", { min_price_tokens: 90, max_price_tokens: 60 })).toMatchObject({ floor_tokens: 60, ceiling_tokens: 60 });
  });

  test("where a policy's bounds contradict each other the ceiling wins", () => {
    const contradictory = { ...policy, bounds: { categories: {}, courses: { c1: { floor_tokens: 300, ceiling_tokens: 100 } } } };
    expect(termsFor(contradictory, "c1", "art", noBand)).toMatchObject({ floor_tokens: 100, ceiling_tokens: 100 });
  });

  test("an id that every object has a property of is an id like any other", () => {
    for (const id of ["constructor", "__proto__", "toString"]) expect(termsFor(policy, id, id, noBand)).toEqual(termsFor(policy, "c3", "music", noBand));
    expect(costOf(policy, "constructor", "__proto__")).toBe(1);
  });
});
