import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import { QuoteWriter } from "../../features/quote-writer.ts";
import { quoteAll } from "../experiments/testing.ts";
import { formatChange } from "./format.ts";
import { catalogueEngine, repriced, upserted } from "../catalogue-testing.ts";
import { registered, tokens } from "../learners/testing.ts";
import { createApp } from "../app.ts";
import { START_MS, type TestEngine } from "../testing.ts";
import type { BoardAnswer } from "./board-row.ts";
import { UPDATE_HEADER } from "./pages.tsx";

let engine: TestEngine;

const get = (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> => Promise.resolve(engine.app.request(path, { headers }));

/** What a page says once all of it is there; a document goes out without what takes longer than a first paint should. */
async function page(path: string): Promise<string> {
  const response = await get(path, { [UPDATE_HEADER]: "1" });
  expect([path, response.status]).toEqual([path, 200]);
  return response.text();
}

/** What a page says once nothing of it is being worked out any more. */
async function settled(path: string): Promise<string> {
  for (let looks = 0; looks < 50; looks++) {
    engine.clock.time_ms += 2_000;
    const html = await page(path);
    if (!html.includes('class="state pending')) return html;
  }
  throw new Error(`${path} goes on working things out`);
}

beforeEach(async () => {
  engine = await catalogueEngine();
  engine.fold(registered("l1"), tokens("l1", "purchased", 300));
});

const paths = ["/admin", "/admin/prices", "/admin/prices/c1", "/admin/models", "/admin/experiments", "/admin/policies", "/admin/policies/new?id=p1", "/admin/operations", "/teacher", "/teacher/t1", "/learner", "/learner/l1"];

describe("every page", () => {
  test.each(paths)("%s is a whole document under a strict policy", async (path) => {
    const response = await get(path);
    expect(response.status).toBe(200);
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    const html = await response.text();
    expect(html).toMatch(/^<!doctype html><html lang="en"/);
    expect(html).toMatch(/<main id="main"[^>]*>.+<\/main><\/body><\/html>$/s);
    expect(html.match(/<h1>/g)).toHaveLength(1);
    // Of style there is the sheet that the policy names, by its hash, and nothing else.
    const [style, ...others] = [...html.matchAll(/<style>(.*?)<\/style>/gs)].map(([, text]) => text!);
    expect(others).toEqual([]);
    expect(policy).toContain(`style-src 'sha256-${createHash("sha256").update(style!).digest("base64")}';`);
    // Nothing that the policy would refuse: no script of the page's own, nothing from elsewhere.
    expect(html.replace(style!, "")).not.toMatch(/<style(?!><\/style>)|<script(?! type="module" src="\/assets\/)|\sstyle=|\son\w+=|(?:src|href)="(?:https?:)?\/\//);
  });

  test.each(paths)("%s is not sent again to whoever has it, until it changes", async (path) => {
    await page(path);
    engine.clock.time_ms += 1_500;
    await page(path);
    const etag = (await get(path)).headers.get("etag") ?? "";
    expect(etag).toMatch(/^W\/"[0-9a-f]{32}"$/);
    const again = await get(path, { "if-none-match": etag });
    expect([again.status, await again.text()]).toEqual([304, ""]);
  });

  test("is made once for all who ask within a second", async () => {
    const before = engine.prices.hits + engine.prices.misses;
    await Promise.all(Array.from({ length: 20 }, () => page("/admin/prices/c1")));
    expect(engine.prices.hits + engine.prices.misses - before).toBe(1);
  });

  test("has the theme of its cookie", async () => {
    for (const [cookie, theme] of [["", "auto"], ["tidemark_theme=dark", "dark"], ["a=b; tidemark_theme=light", "light"], ["tidemark_theme=<script>", "auto"], ["xtidemark_theme=dark", "auto"]] as const) {
      expect(await (await get("/admin", { cookie })).text()).toContain(`data-theme="${theme}"`);
    }
  });
});

describe("what pages say", () => {
  test("a course's page says what its price call says", async () => {
    const answer = (await (await engine.post("/optimize_price", { course_id: "c1" })).json()) as { optimal_price: number; reasoning: string };
    const html = await page("/admin/prices/c1");
    expect(html).toContain(answer.reasoning.replaceAll("'", "&#39;"));
    expect(html).toContain(`<strong data-value="true">${answer.optimal_price}</strong>`);
  });

  test("the table's rows are those of GET /courses", async () => {
    const { rows, cut } = (await (await get("/admin/prices.json")).json()) as BoardAnswer;
    const { courses } = (await (await get("/courses?with=recommendation")).json()) as { courses: { course_id: string; list_price: number; recommendation: { optimal_price: number } }[] };
    expect(cut).toBe(false);
    expect(rows.map(({ id, price, optimal }) => [id, price, optimal])).toEqual(courses.map(({ course_id, list_price, recommendation }) => [course_id, list_price, recommendation.optimal_price]));
  });

  test("the portfolio says what prices are worth beside the hold-out, and until there is one, how to get it", async () => {
    expect(await settled("/admin")).toContain("No hold-out yet");
    const arms = [{ name: "engine", weight: 1, price: { kind: "active" } }];
    const experiment = { unit: { kind: "learner" }, arms, control_arm: "holdout", holdout_share: 0.5, salt: "s", metric: "revenue", minimum_effect: 5, outcome_days: 7, minimum_days: 1 };
    await engine.post("/experiments", { experiment_id: "worth", experiment });
    await engine.post("/experiments/worth/start", {});
    expect(await settled("/admin")).toContain("No outcome is final yet");
    quoteAll(engine, new QuoteWriter(engine.store), Array.from({ length: 400 }, (_, i) => `n${i}`), 0, (arm, i) => i % 10 < (arm === "engine" ? 6 : 2));
    engine.clock.time_ms += 10 * DAY_MS;
    await settled("/admin");
    const { results } = (await (await get("/experiments/worth")).json()) as { results: { business: { arms: { figures: { revenue_tokens: { holdout: { value: number }; difference: { value: number; low: number; high: number } } } }[] } } };
    const { holdout, difference } = results.business.arms[0]!.figures.revenue_tokens;
    expect(difference.low).toBeGreaterThan(0);
    const html = await settled("/admin");
    expect(html).toContain(`>${formatChange((difference.value / holdout.value) * 100)}</strong>`);
    expect(html).toContain(`${formatChange((difference.low / holdout.value) * 100)} to ${formatChange((difference.high / holdout.value) * 100)}`);
    expect(html).toContain("more than the hold-out");
  });

  test("an event is on the page within its second", async () => {
    expect(await page("/learner/l1")).toContain(">300</strong>");
    engine.fold(tokens("l1", "purchased", 77));
    engine.clock.time_ms += 1_000;
    expect(await page("/learner/l1")).toContain(">377</strong>");
  });

  test("a learner's transactions come from the stream, newest first", async () => {
    for (const [i, amount] of [11, 22].entries()) {
      const event = { id: `x${i}`, type: "token.purchased", time: formatTime(START_MS + i), learner_id: "l1", amount };
      engine.broker.messages.push({ subject: "events.token.l1", sequence: i + 1, time_ms: START_MS, data: new TextEncoder().encode(JSON.stringify(event)) });
    }
    expect(await page("/learner/l1")).toMatch(/\+22<.*\+11</s);
  });

  test("a course's prices stand among what happened around them: decisions, promotions, competitors, models", async () => {
    const time = formatTime(START_MS - DAY_MS);
    const event = { id: "m1", type: "market.competitor_price", time, category: "programming", price: 123 };
    engine.broker.messages.push({ subject: "events.market.programming", sequence: 1, time_ms: START_MS, data: new TextEncoder().encode(JSON.stringify(event)) });
    engine.fold(repriced("c1", 101, START_MS - 40 * DAY_MS), repriced("c1", 104, START_MS - 2 * DAY_MS));
    const promotions = [{ name: "spring", from: formatTime(START_MS - 20 * DAY_MS), to: formatTime(START_MS + 5 * DAY_MS), factor: 0.95, categories: ["programming"] }];
    await engine.post("/policies/season", { policy: { time: { promotions }, scope: { categories: ["programming"] } }, reason: "test" }, "PUT");
    expect((await engine.post("/policies/season/activate", { revision: 1, reason: "test" })).status).toBe(200);
    engine.documents.check();
    expect((await engine.post("/courses/c1/price", { action: "reject", price: 99, reason: "too low" })).status).toBe(200);
    const html = await page("/admin/prices/c1");
    for (const said of ["Competitor&#39;s price", "A promotion runs", "A model went into service", "list price, set by the platform", "promotion spring: price × 0.95", "a competitor&#39;s price for the category", "too low"]) expect(html).toContain(said);
  });

  test("without the broker everything but its own figures is there", async () => {
    engine.broker.connected = false;
    await engine.degradation.check();
    for (const path of paths) await page(path);
    expect(await page("/admin")).toContain("The broker is away");
  });

  test("without any event every page says what would bring something", async () => {
    const { TestEngine } = await import("../testing.ts");
    engine = new TestEngine();
    for (const path of ["/admin", "/admin/prices", "/admin/models", "/admin/operations", "/teacher", "/learner"]) await page(path);
    expect(await page("/admin/prices")).toContain("No course yet");
    expect(await page("/admin/models")).toContain("No model of demand yet");
  });
});

describe("a catalogue that is too large for one table", () => {
  const COURSES = 450;

  async function answer(query: string): Promise<BoardAnswer> {
    const response = await engine.app.request(`/admin/prices.json${query}`);
    expect(response.status).toBe(200);
    return (await response.json()) as BoardAnswer;
  }

  /** Ids of all pages, and how many pages they were on. */
  async function all(query: string): Promise<{ readonly ids: readonly string[]; readonly pages: number }> {
    const ids: string[] = [];
    let pages = 0;
    for (let next: string | null = ""; next !== null; pages++) {
      const page: BoardAnswer = await answer(`?${query}${next === "" ? "" : `&after=${encodeURIComponent(next)}`}`);
      ids.push(...page.rows.map(({ id }) => id));
      next = page.next;
    }
    return { ids, pages };
  }

  beforeEach(() => {
    for (let i = 0; i < COURSES; i++) {
      const id = `K${String(i).padStart(3, "0")}`;
      engine.fold({ ...upserted(id), teacher_id: `t${i % 9}`, base_price: 10 + i } as ReturnType<typeof upserted>);
    }
    const { pages } = engine.appDeps;
    engine = Object.assign(Object.create(engine) as TestEngine, { app: createApp({ ...engine.appDeps, pages: { ...pages!, board_courses_max: 100 } }) });
  });

  test("is given a page at a time, each course once, in the order that was asked for", async () => {
    const { ids, pages } = await all("sort=-price");
    expect([new Set(ids).size, ids.length, pages]).toEqual([COURSES + 3, COURSES + 3, 3]);
    expect(ids.filter((id) => id.startsWith("K"))).toEqual(Array.from({ length: COURSES }, (_, i) => `K${String(COURSES - 1 - i).padStart(3, "0")}`));
    expect((await all("sort=title")).ids).toEqual(ids.toSorted());
    expect(await page("/admin/prices?sort=-price")).toMatch(/More than 100 courses.*\/admin\/prices\/K449/s);
  });

  test("is searched by the beginning of an id, or a teacher, and filtered by category", async () => {
    expect((await all("search=K12")).ids).toEqual(Array.from({ length: 10 }, (_, i) => `K12${i}`));
    expect((await all("search=K")).ids).toHaveLength(COURSES);
    expect((await all("search=K449")).ids).toEqual(["K449"]);
    expect((await all("search=t3")).ids.toSorted()).toEqual(Array.from({ length: 50 }, (_, i) => `K${String(9 * i + 3).padStart(3, "0")}`));
    for (const nobody of ["search=nobody", "search=two%20words", "search=%00", "category=nothing"]) expect((await answer(`?${nobody}`)).rows).toEqual([]);
    expect((await all("category=programming")).ids.length).toBeGreaterThan(0);
  });
});

describe("what cannot be shown", () => {
  test.each([
    ["/admin/prices/nobody", 404],
    ["/teacher/nobody", 404],
    ["/learner/nobody", 404],
  ])("%s is a page of its own with status %i", async (path, status) => {
    const response = await get(path);
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toContain("text/html");
    expect(await response.text()).toContain("Nothing here");
  });

  test("a store that is gone comes back by itself", async () => {
    const { current } = engine.features;
    engine.features.current = undefined;
    engine.features.reason = "The store is being moved.";
    const response = await get("/admin");
    expect(response.status).toBe(503);
    const html = await response.text();
    expect(html).toContain("The store is being moved.");
    expect(html).toContain('data-live-seconds="5"');
    engine.features.current = current;
    engine.clock.time_ms += 1_000;
    await page("/admin");
  });

  test("other methods are told which one a page answers to", async () => {
    for (const path of [...paths, "/admin/models/runs/r1", "/assets/x.js"]) {
      const response = await engine.app.request(path, { method: "DELETE" });
      expect([path, response.status, response.headers.get("allow")]).toEqual([path, 405, "GET, HEAD"]);
    }
  });
});

describe("hostile data", () => {
  test("titles, ids and categories are text, wherever they stand", async () => {
    const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>'&`;
    engine.fold({ ...upserted("c9"), title: evil } as ReturnType<typeof upserted>);
    for (const path of ["/admin", "/admin/prices", "/admin/prices/c9", "/teacher/t1"]) {
      const html = await page(path);
      expect(html).not.toMatch(/<script>|<img/);
    }
    expect(await page("/admin/prices/c9")).toContain("&lt;script&gt;");
  });

  test("any path and query gets a document or a problem, never a stack", async () => {
    const text = fc.oneof(fc.constantFrom("c1", "t1", "l1", "__proto__", "constructor", "..", "%00", "<script>"), fc.string({ unit: "binary", maxLength: 40 }));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom("/admin/prices/", "/teacher/", "/learner/", "/assets/", "/admin/models/runs/", "/teacher?id=", "/learner?id=", "/admin/prices?sort=", "/admin/prices?search="), text, async (path, part) => {
        const response = await get(path + encodeURIComponent(part));
        expect([200, 404, 422]).toContain(response.status);
        expect(await response.text()).not.toMatch(/\.ts:|\.js:\d|<script>/);
      }),
      { numRuns: 150 },
    );
  });
});

describe("assets", () => {
  test("have names that hold their content, and are kept for ever", async () => {
    const html = await (await get("/admin")).text();
    const names = [...html.matchAll(/\/assets\/tidemark-[0-9a-f]{12}\.js/g)].map(([name]) => name);
    expect(names).toHaveLength(1);
    for (const name of names) {
      const response = await get(name);
      expect([response.status, response.headers.get("cache-control")]).toEqual([200, "public, max-age=31536000, immutable"]);
      const whole = Buffer.from(await response.arrayBuffer());
      for (const encoding of ["br", "gzip"]) {
        const compressed = await get(name, { "accept-encoding": `deflate, ${encoding}` });
        expect(compressed.headers.get("content-encoding")).toBe(encoding);
        expect((await compressed.arrayBuffer()).byteLength).toBeLessThan(whole.byteLength / 2);
      }
      expect((await get(name, { "accept-encoding": "br;q=0, gzip" })).headers.get("content-encoding")).toBe("gzip");
      expect((await get(name, { "if-none-match": response.headers.get("etag") ?? "" })).status).toBe(304);
    }
    expect((await get("/assets/manifest.json")).status).toBe(404);
  });

  test("a page's script is at most 150 KiB compressed", async () => {
    const name = /\/assets\/tidemark-\w+\.js/.exec(await (await get("/admin")).text())?.[0] ?? "";
    const compressed = await get(name, { "accept-encoding": "br" });
    expect((await compressed.arrayBuffer()).byteLength).toBeLessThan(150 * 1_024);
  });
});
