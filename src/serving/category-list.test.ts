import { beforeEach, describe, expect, test } from "vitest";
import type { CategoriesAnswer } from "../contracts/catalogue.ts";
import type { Event } from "../contracts/events.ts";
import { DAY_MS, formatTime } from "../lib/time.ts";
import { CatalogueClient, catalogueArtifact, catalogueEngine, upserted } from "./catalogue-testing.ts";
import { START_MS, TestEngine } from "./testing.ts";

let engine: TestEngine;
let client: CatalogueClient;

function use(other: TestEngine): void {
  engine = other;
  client = new CatalogueClient(engine);
}

beforeEach(async () => use(await catalogueEngine()));

describe("GET /categories", () => {
  test("has every category by name, with windows, prices, trend and the elasticity that is known of it", async () => {
    engine.fold({ id: "m", type: "market.competitor_price", time: formatTime(START_MS), category: "programming", price: 60 }, { id: "m2", type: "market.competitor_price", time: formatTime(START_MS), category: "art", price: 7 });
    // Two of forty days ago, by when there were fewer.
    engine.fold(...[1, 2].map((i): Event => ({ id: `old${i}`, type: "enrollment.created", time: formatTime(START_MS - 45 * DAY_MS), enrollment_id: `old${i}`, course_id: "c2", learner_id: "l1", price: 80 })));
    const answer = await client.categories();
    expect(answer).toMatchObject({ next: null, model: "v1", elasticity: { value: -1.6, type: "elastic", ci95: [-1.796, -1.404], source: "global", sales: 1000, identified: true } });
    expect(answer.degraded).toBeUndefined();
    expect(answer.categories.map(({ category }) => category)).toEqual(["art", "design", "programming"]);
    const [art, design, programming] = answer.categories;
    expect(programming).toEqual({
      category: "programming",
      elasticity: { value: -1.4, type: "elastic", ci95: [-1.792, -1.008], source: "category", sales: 300, identified: true },
      courses: 2,
      average_price: 90,
      competitor_price: 60,
      competitive_index: 1.5,
      enrollments_30d: 3,
      enrollments_90d: 7,
      exposures_30d: 30,
      exposures_90d: 40,
      revenue_30d_tokens: 300,
      revenue_90d_tokens: 660,
      conversion_30d: 0.1,
      conversion_90d: 0.175,
      enrollments_previous_30d: 4,
      trend: -0.1429,
    });
    // Training did not know it: what is believed of any, not identified.
    expect(design).toMatchObject({ courses: 1, average_price: 60, competitor_price: null, competitive_index: null, trend: 0, elasticity: { identified: false, source: "global", sales: 0, value: -1.6, type: "elastic" } });
    expect(art).toMatchObject({ courses: 0, average_price: null, competitor_price: 7, competitive_index: null, conversion_90d: 0 });
  });

  test("says what is not identified, and what comes from priors because there is no model", async () => {
    const unknown = { value: -1.5, se: 0.6, sales: 12, identified: false, source: "prior" };
    engine.promote({ ...catalogueArtifact, version: "v2", elasticity: { ...catalogueArtifact.elasticity, global: unknown, categories: { programming: unknown }, courses: {} } });
    await engine.models.check();
    const answer = await client.categories();
    expect(answer).toMatchObject({ model: "v2", elasticity: { identified: false, source: "prior", type: "unit", sales: 12 } });
    expect(answer.categories.map(({ elasticity }) => elasticity.identified)).toEqual([false, false]);
    use(new TestEngine());
    engine.foldCatalogue();
    const bare = await client.categories();
    expect(bare).toMatchObject({ model: "none", degraded: ["no_model"], elasticity: { value: -1.5, identified: false, source: "prior", sales: 0 } });
    for (const { elasticity } of bare.categories) expect(elasticity).toEqual(bare.elasticity);
  });

  test("is complete page by page", async () => {
    engine.fold(...Array.from({ length: 40 }, (_, i) => upserted(`x${i}`, `k${i}`)));
    const all = await client.categories();
    expect(all.categories).toHaveLength(42);
    const found: string[] = [];
    for (let next: string | null = "/categories?limit=5"; next !== null; ) {
      const answer: CategoriesAnswer = await client.categories(next);
      expect(answer.categories.length).toBe(Math.min(5, 42 - found.length));
      found.push(...answer.categories.map(({ category }) => category));
      next = answer.next;
    }
    expect(found).toEqual(all.categories.map(({ category }) => category));
    expect((await client.categories("/categories?after=programming")).categories).toEqual([]);
  });

  test("has no more on one page than anybody would compare", async () => {
    engine.fold(...Array.from({ length: 1_001 }, (_, i) => upserted(`x${i}`, `k${i}`)));
    const { categories: list, next } = await client.categories();
    expect(list).toHaveLength(1_000);
    expect((await client.categories(next!)).categories).toHaveLength(3);
  });
});
