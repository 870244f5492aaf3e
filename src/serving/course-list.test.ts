import * as fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { optimizeAnswerSchema } from "../contracts/api.ts";
import { coursesAnswerSchema } from "../contracts/catalogue.ts";
import { formatTime } from "../lib/time.ts";
import { CatalogueClient, catalogueEngine, ids, rated, repriced, upserted, viewed } from "./catalogue-testing.ts";
import { START_MS, TestEngine } from "./testing.ts";

let engine: TestEngine;
let client: CatalogueClient;

function use(other: TestEngine): void {
  engine = other;
  client = new CatalogueClient(engine);
}

beforeEach(async () => use(await catalogueEngine()));

describe("GET /courses", () => {
  test("shows of a course what its features, its model and its profile say", async () => {
    engine.fold(upserted("c4", "design", "t2", 70), rated("c1", 4));
    const answer = await client.courses();
    expect(ids(answer)).toEqual(["c1", "c2", "c3", "c4"]);
    expect(answer).toMatchObject({ next: null, model: "v1" });
    expect(answer).not.toHaveProperty("indexed_at");
    expect(answer.courses[0]).toEqual({
      course_id: "c1",
      title: null,
      category: "programming",
      teacher_id: "t1",
      list_price: 100,
      elasticity: { value: -2.1, type: "elastic", ci95: [-2.688, -1.512], source: "course", sales: 40, identified: true },
      enrollments_30d: 3,
      exposures_30d: 30,
      revenue_30d_tokens: 300,
      conversion_30d: 0.1,
      rating_mean: 4,
      ratings: 1,
    });
    // Without sales of its own, as wide as courses of its category differ.
    expect(answer.courses[1]!.elasticity).toMatchObject({ value: -1.4, source: "category", type: "unit", sales: 300, identified: true });
    expect(answer.courses[3]).toMatchObject({ title: "About c4", teacher_id: "t2", category: "design", list_price: 70, rating_mean: null, ratings: 0, elasticity: { identified: false } });
  });

  test("leaves out what has no price, and shows what was never described", async () => {
    engine.fold(rated("b1", 4), viewed("b2", 30, START_MS));
    expect(ids(await client.courses())).toEqual(["b2", "c1", "c2", "c3"]);
    expect((await client.courses("/courses?limit=1")).courses[0]).toMatchObject({ course_id: "b2", category: null, teacher_id: null, title: null, list_price: 30, elasticity: { identified: false, source: "global" } });
    expect(ids(await client.courses("/courses?sort=price"))).toEqual(["b2", "c3", "c2", "c1"]);
  });

  test("ends a page early that passes over too much without a price, and goes on from there", async () => {
    engine.fold(...Array.from({ length: 2_500 }, (_, i) => rated(`b${i}`, 4)));
    const all = await client.pages("/courses?limit=2");
    expect(all.map((page) => page.courses.length)).toEqual([0, 2, 1]);
    expect(all.flatMap(ids)).toEqual(["c1", "c2", "c3"]);
  });

  test("recommends what a price call answers, and records nothing of it", async () => {
    engine.fold(repriced("c3", 45, START_MS));
    const { courses: list } = await client.courses("/courses?with=recommendation");
    expect(engine.decisions.pending + engine.broker.published.length).toBe(0);
    for (const { course_id, recommendation } of list) {
      const answer = optimizeAnswerSchema.parse(await (await engine.post("/optimize_price", { course_id })).json());
      expect(recommendation).toEqual({ optimal_price: answer.optimal_price, increase_pct: answer.expected.increase_pct, ...answer.recommendation });
    }
    engine.broker.connected = false;
    const degraded = await client.courses("/courses?with=recommendation&sort=price");
    expect(degraded.degraded).toEqual(["broker_unreachable"]);
    for (const { recommendation } of degraded.courses) expect(recommendation?.degraded).toEqual(["broker_unreachable"]);
  });

  test("filters by category and teacher, and sorts either way; among equals by id", async () => {
    engine.fold(upserted("d1", "design", "t2", 60), upserted("d2", "design", "t1", 90), upserted("d3", "design", "t2", 60));
    expect(ids(await client.courses("/courses?category=design"))).toEqual(["c3", "d1", "d2", "d3"]);
    expect(ids(await client.courses("/courses?teacher_id=t2&category=design"))).toEqual(["d1", "d3"]);
    expect(ids(await client.courses("/courses?category=design&sort=price"))).toEqual(["c3", "d1", "d3", "d2"]);
    expect(ids(await client.courses("/courses?category=design&sort=-price"))).toEqual(["d2", "d3", "d1", "c3"]);
    expect(ids(await client.courses("/courses?sort=-enrollments&limit=1"))).toEqual(["c1"]);
    expect(ids(await client.courses("/courses?sort=-id&limit=2"))).toEqual(["d3", "d2"]);
    for (const nobody of ["category=none", "teacher_id=nobody", "category=__proto__", "category=constructor"]) expect(ids(await client.courses(`/courses?${nobody}`))).toEqual([]);
    const answer = await client.courses("/courses?sort=revenue");
    expect(answer.indexed_at).toBe(formatTime(START_MS));
  });

  test("shows a filtered course as it is now, and leaves out what has left the filter since it was indexed", async () => {
    engine.fold(upserted("d1", "design"));
    expect(ids(await client.courses("/courses?category=design"))).toEqual(["c3", "d1"]);
    engine.clock.time_ms += 999;
    engine.fold(repriced("c3", 75, START_MS), { ...upserted("d1", "art"), id: "moved" }, upserted("d2", "design"));
    const still = await client.courses("/courses?category=design");
    expect(still.courses.map(({ course_id, list_price }) => [course_id, list_price])).toEqual([["c3", 75]]);
    engine.clock.time_ms += 1_001;
    expect(ids(await client.courses("/courses?category=design"))).toEqual(["c3", "d2"]);
  });

  test("every page leads to the next, in the body and as a link, with the parameters that were asked with", async () => {
    const response = await client.get("/courses?limit=2&sort=-price&category=programming&with=recommendation&unknown=1");
    const answer = coursesAnswerSchema.parse(await response.json());
    expect(answer.next).toBeNull();
    expect(response.headers.get("link")).toBeNull();
    const first = await client.get("/courses?limit=1&sort=-price&category=programming&with=recommendation&unknown=1");
    const { next } = coursesAnswerSchema.parse(await first.json());
    expect(next).toBe("/courses?limit=1&category=programming&sort=-price&with=recommendation&after=100%7Ec1");
    expect(first.headers.get("link")).toBe(`<${next}>; rel="next"`);
    expect(ids(await client.courses(next!))).toEqual(["c2"]);
  });

  const bad: readonly [string, string][] = [
    ["limit=0", "limit"],
    ["limit=501", "limit"],
    ["limit=-1", "limit"],
    ["limit=1.5", "limit"],
    ["limit=1e2", "limit"],
    ["limit=", "limit"],
    ["limit=99999999999999999999", "limit"],
    ["limit=%00", "limit"],
    ["after=a%20b", "after"],
    ["after=", "after"],
    [`after=${"x".repeat(65)}`, "after"],
    ["after=100~c1", "after"],
    ["after=c1&sort=price", "after"],
    ["after=e~c1&sort=price", "after"],
    ["after=1e999~c1&sort=price", "after"],
    ["after=1~2~c1&sort=price", "after"],
    ["category=a.b", "category"],
    ["category=", "category"],
    [`teacher_id=${"x".repeat(65)}`, "teacher_id"],
    ["sort=title", "sort"],
    ["sort=--price", "sort"],
    ["sort=__proto__", "sort"],
    ["sort=", "sort"],
    ["with=everything", "with"],
  ];
  test.each(bad)("%s is refused", async (query, field) => {
    expect(await client.problem(`/courses?${query}`)).toMatchObject({ status: 422, code: "invalid_field", field });
  });

  test("of a parameter that is given twice the first counts; unknown ones do not", async () => {
    expect(ids(await client.courses("/courses?limit=1&limit=3&limit=no&__proto__=1&constructor=2&x"))).toEqual(["c1"]);
    expect(await client.problem("/categories?limit=1001")).toMatchObject({ status: 422, field: "limit" });
    expect(await client.problem("/categories?after=a/b")).toMatchObject({ status: 422, field: "after" });
  });

  test("pages in order of ids have every course that was there from the first on exactly once, whatever is added meanwhile", async () => {
    const id = fc.string({ unit: fc.constantFrom("a", "B", "_", "-", "7", "z"), minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(id, { maxLength: 40 }), fc.array(fc.array(id, { maxLength: 4 }), { maxLength: 12 }), fc.integer({ min: 1, max: 9 }), async (before, added, limit) => {
        use(new TestEngine());
        engine.fold(...before.map((course_id) => upserted(course_id)));
        let page = 0;
        const found = (await client.pages(`/courses?limit=${limit}`, () => engine.fold(...(added[page++] ?? []).map((course_id) => upserted(course_id, "art"))))).flatMap(ids);
        expect(found).toEqual([...new Set(found)].toSorted((a, b) => (a < b ? -1 : 1)));
        expect(before.filter((course_id) => !found.includes(course_id))).toEqual([]);
        const known = new Set([...before, ...added.flat()]);
        expect(found.filter((course_id) => !known.has(course_id))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  test("pages in any other order are complete while nothing moves, and never show a course twice though new ones come", async () => {
    const sort = fc.constantFrom("price", "-price", "-id", "exposures", "-exposures", "-revenue", "rating");
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(60), { maxLength: 30 }), sort, fc.integer({ min: 1, max: 7 }), fc.boolean(), async (numbers, by, limit, added) => {
        use(new TestEngine());
        engine.fold(...numbers.flatMap((n) => [upserted(`c${n}`, n % 2 === 0 ? "even" : "odd", `t${n % 3}`, 1 + (n % 5)), ...(n % 4 === 0 ? [viewed(`c${n}`, 5, START_MS)] : [])]));
        let page = 0;
        const found = (
          await client.pages(`/courses?sort=${by}&category=even&limit=${limit}`, () => {
            engine.clock.time_ms += 1_000;
            if (added) engine.fold(upserted(`new${page}`, "even", "t1", 1 + (page++ % 5)));
          })
        ).flatMap(ids);
        expect(new Set(found).size).toBe(found.length);
        expect(numbers.filter((n) => n % 2 === 0 && !found.includes(`c${n}`))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  test("a page takes a turn of the event loop for every few courses", async () => {
    engine.fold(...Array.from({ length: 500 }, (_, i) => upserted(`x${i}`)));
    let turns = 0;
    let running = true;
    const tick = (): void => {
      turns++;
      if (running) setImmediate(tick);
    };
    setImmediate(tick);
    await client.courses("/courses?limit=500&with=recommendation");
    running = false;
    expect(turns).toBeGreaterThan(500 / 8);
  });
});
