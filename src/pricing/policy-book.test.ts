import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { policySchema } from "../contracts/policy.ts";
import { parseTime } from "../lib/time.ts";
import { type ActiveDocument, compilePolicies, conflictBetween } from "./policy-book.ts";

const active = (version: string, document: z.input<typeof policySchema>): ActiveDocument => ({ version, document: policySchema.parse(document) });

const spring = { from: "2026-03-01T00:00:00Z", to: "2026-06-01T00:00:00Z" };
const march = parseTime(spring.from);

describe("compilePolicies", () => {
  const book = compilePolicies([
    active("course-1", { scope: { courses: ["c1"] } }),
    active("art-2", { scope: { categories: ["art"] } }),
    active("all-1", {}),
    active("spring-1", { scope: { categories: ["music"], courses: ["c9"] }, schedule: spring }),
  ]);
  const version = (course_id: string | null, category: string, now_ms = march): string | undefined => book.for({ course_id, category }, now_ms)?.version;

  test("the most specific scope wins: course, category, platform", () => {
    expect(version("c1", "art")).toBe("course-1");
    expect(version("c2", "art")).toBe("art-2");
    expect(version("c2", "cooking")).toBe("all-1");
    expect(version(null, "art")).toBe("art-2");
    expect(version("c9", "art")).toBe("spring-1");
    expect(version("c3", "music")).toBe("spring-1");
  });

  test("a schedule holds from its first moment until before its last, and says when answers may change", () => {
    const end = parseTime(spring.to);
    expect([version("c3", "music", march - 1), version("c3", "music", end - 1), version("c3", "music", end)]).toEqual(["all-1", "spring-1", "all-1"]);
    expect([book.changesAfter(march - 1), book.changesAfter(march), book.changesAfter(end)]).toEqual([march, end, Number.POSITIVE_INFINITY]);
  });

  test("one frozen object a version, whoever asks; undefined where nothing is in force", () => {
    expect(book.for({ course_id: "c2", category: "art" }, march)).toBe(book.for({ course_id: null, category: "art" }, march + 1));
    expect(book.byVersion("art-2")).toBe(book.for({ course_id: "c2", category: "art" }, march));
    expect(Object.isFrozen(book.byVersion("art-2"))).toBe(true);
    expect(book.byVersion("art-1")).toBeUndefined();
    expect(compilePolicies([active("art-2", { scope: { categories: ["art"] } })]).for({ course_id: "c1", category: "music" }, march)).toBeUndefined();
  });
});

describe("conflictBetween", () => {
  test("two policies for the same courses at the same time, neither the more specific", () => {
    const found = conflictBetween([active("a-1", {}), active("b-1", {})]);
    expect(found).toEqual({ versions: ["a-1", "b-1"], message: expect.stringContaining("every course") });
    expect(conflictBetween([active("a-1", { scope: { categories: ["art", "music"] } }), active("b-1", { scope: { categories: ["music"] } })])?.message).toContain("category music");
    expect(conflictBetween([active("a-1", { scope: { courses: ["c1"] } }), active("b-1", { scope: { courses: ["c1"], categories: ["art"] } })])?.message).toContain("course c1");
  });

  test("different levels, scopes or times are none", () => {
    expect(conflictBetween([active("a-1", {}), active("b-1", { scope: { categories: ["art"] } }), active("c-1", { scope: { courses: ["c1"] } })])).toBeUndefined();
    expect(conflictBetween([active("a-1", { scope: { courses: ["c1"] } }), active("b-1", { scope: { courses: ["c2"] } })])).toBeUndefined();
    expect(conflictBetween([active("a-1", { schedule: spring }), active("b-1", { schedule: { from: spring.to } })])).toBeUndefined();
    expect(conflictBetween([active("a-1", { schedule: spring }), active("b-1", { schedule: { from: "2026-05-31T23:59:59Z" } })])).toBeDefined();
  });
});
