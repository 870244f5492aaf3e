import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Event } from "../../contracts/events.ts";
import { DAY_MS, formatTime, HOUR_MS } from "../../lib/time.ts";
import { systemClock } from "../../lib/clock.ts";
import { createApp } from "../app.ts";
import { encodeArtifact } from "../../models/compiled.ts";
import { compilePropensity } from "../../models/propensity/compiled-scorer.ts";
import { propensityArtifact } from "../../models/propensity/testing.ts";
import { QuoteWriter } from "../../features/quote-writer.ts";
import { catalogueEngine, repriced } from "../catalogue-testing.ts";
import { quoteAll, scope } from "../experiments/testing.ts";
import { recordHealth, store, tellTraining } from "../models/testing.ts";
import { propensityFamily } from "../learners/propensity-family.ts";
import { registered, tokens } from "../learners/testing.ts";
import { HttpServer } from "../http-server.ts";
import { START_MS, testArtifact } from "../testing.ts";
import type { ChartSpec } from "./chart.ts";
import { BrowserEngine, chromiumPath, type Visit, type VisitOptions } from "./testing/browser.ts";

const COURSES = 400;
const CATEGORIES = ["design", "music", "programming", "a-category-with-a-very-long-name"];

/** Some hundred courses with sales at several prices, two learners, a teacher. */
async function populated(): Promise<BrowserEngine> {
  const engine = await catalogueEngine();
  const events: Event[] = [];
  for (let i = 0; i < COURSES; i++) {
    const course_id = `K${String(i).padStart(4, "0")}`;
    const launched_at = formatTime(START_MS - 200 * DAY_MS);
    events.push({ id: `u${i}`, type: "course.upserted", time: launched_at, course_id, teacher_id: `t${i % 40}`, category: CATEGORIES[i % 4]!, difficulty_level: "beginner", quality_tier: "basic", base_price: 40 + (i % 90), launched_at, title: `Course ${i}` });
    for (let k = 0; k < 6; k++) {
      const time = formatTime(START_MS - (i % 70) * DAY_MS - k * HOUR_MS);
      events.push({ id: `x${i}-${k}`, type: "exposure.viewed", time, course_id, learner_id: `l${k}`, price: 40 + (i % 90) });
      if (k % 3 === i % 3) events.push({ id: `e${i}-${k}`, type: "enrollment.created", time, enrollment_id: `e${i}-${k}`, course_id, learner_id: `l${k}`, price: 40 + (i % 90) });
    }
  }
  for (let k = 1; k < 12; k++) events.push(repriced("c1", 90 + 2 * k, START_MS - (12 - k) * 7 * DAY_MS));
  engine.fold(registered("l1"), tokens("l1", "purchased", 300), ...events);
  store(engine, "older", true, 60);
  store(engine, "newer", false, 30);
  const learners = propensityArtifact({ version: "p1" });
  const model = compilePropensity(encodeArtifact(learners), engine.promote(learners));
  engine.propensity.current = { model, info: propensityFamily.info(model) };
  recordHealth(engine, "p1");
  return new BrowserEngine(engine);
}

const paths = ["/", "/admin", "/admin/prices", "/admin/prices/c1", "/admin/models", "/admin/experiments", "/admin/policies", "/admin/policies/new?id=p1", "/admin/operations", "/teacher", "/teacher/t1", "/learner", "/learner/l1", "/login", "/admin/prices/nobody"];
let browser: BrowserEngine;
let visit: Visit;

/** What a person would call a failure; a page that is not there is told by the browser, too. */
const complaints = (): readonly string[] => visit.complaints.filter((text) => !text.includes("404 (Not Found)"));

// Without Chromium on PATH they are skipped, which the report of the run says.
describe.skipIf(chromiumPath === undefined)("pages in a browser (needs Chromium)", { timeout: 90_000 }, () => {
  beforeAll(async () => {
    browser = await populated();
    await browser.start();
  });
  afterEach(() => browser.leave());
  afterAll(() => browser.stop());

  const text = (selector: string): Promise<string> => visit.page.locator(selector).first().innerText();

  async function look(path: string, options: VisitOptions): Promise<void> {
    visit = await browser.visit(options);
    if (path === "/") await visit.page.goto(`${visit.origin}/`);
    else await visit.open(path);
    // What was still being worked out is there after the first update.
    browser.engine.clock.time_ms += 2_000;
    await visit.page.waitForTimeout(path === "/admin" ? 1_500 : 100);
  }

  test.each(paths)("%s, wide and light: everybody can read it, it complains about nothing and asks nobody else", async (path) => {
    await look(path, { theme: "light" });
    expect(await visit.accessibility()).toEqual([]);
    expect(await visit.moved()).toEqual([]);
    expect(complaints()).toEqual([]);
  });

  test.each(paths)("%s, on a telephone and dark: the same, and nothing is wider than it", async (path) => {
    await look(path, { theme: "dark", width: 360, height: 780 });
    expect(await visit.accessibility()).toEqual([]);
    expect(await visit.overflows()).toBe(false);
    expect(await visit.moved()).toEqual([]);
    expect(complaints()).toEqual([]);
  });

  test("every chart of every page has a title, a legend, axes with their units and its figures as a table", async () => {
    visit = await browser.visit();
    // Figures of operations are taken while somebody looks.
    await visit.open("/admin/operations");
    browser.engine.clock.time_ms += 6_000;
    const charts: Record<string, number> = {};
    for (const path of paths.filter((known) => known !== "/")) {
      await visit.open(path);
      await expect.poll(() => visit.page.locator(".pending, [data-chart]:not([data-drawn])").count()).toBe(0);
      const figures = await visit.page.locator("figure.figure").all();
      if (figures.length > 0) charts[path] = figures.length;
      // None stands outside of a figure, and small lines beside a figure say what they are of.
      expect([path, await visit.page.locator("canvas, [data-chart]").count()]).toEqual([path, 2 * figures.length]);
      for (const spark of await visit.page.locator("svg:not([aria-hidden=true])").all()) expect(await spark.getAttribute("aria-label")).not.toBeNull();
      for (const figure of figures) {
        expect(await figure.locator("figcaption strong").innerText()).not.toBe("");
        expect(await figure.locator(".legend li").count()).toBeGreaterThan(0);
        const { x, y, series } = JSON.parse((await figure.locator("[data-chart]").getAttribute("data-chart")) ?? "{}") as ChartSpec;
        for (const label of [x.label, y.label, ...series.map((line) => line.label)]) expect(label).toMatch(/\S/);
        await figure.locator("summary").click();
        expect(await figure.locator("thead th").allInnerTexts()).toEqual(expect.arrayContaining([x.label, ...series.map((line) => `${line.label}, ${y.label}`)]));
        expect(await figure.locator("tbody tr").count()).toBeGreaterThan(Math.min(1, x.values.length - 1));
        expect((await figure.locator("canvas").boundingBox())?.height).toBeGreaterThan(150);
      }
    }
    expect(Object.keys(charts)).toEqual(["/admin", "/admin/prices/c1", "/admin/models", "/admin/operations", "/teacher/t1"]);
    expect(complaints()).toEqual([]);
  });

  describe("prices", () => {
    test("are searched, filtered and sorted, and the address keeps it", async () => {
      visit = await browser.visit();
      await visit.open("/admin/prices");
      const count = visit.page.locator("[data-board-count]");
      await expect.poll(() => count.innerText()).toBe(`${COURSES + 3} of ${COURSES + 3} courses`);
      const matching = Array.from({ length: COURSES }, (_, i) => i).filter((i) => `${i} t${i % 40}`.includes("39"));
      const music = matching.filter((i) => CATEGORIES[i % 4] === "music");
      await visit.page.getByLabel("Search").fill("course 39");
      await expect.poll(() => count.innerText()).toBe(`${matching.length} of ${COURSES + 3} courses`);
      await visit.page.getByLabel("Category").selectOption("music");
      await expect.poll(() => count.innerText()).toBe(`${music.length} of ${COURSES + 3} courses`);
      await visit.page.getByRole("button", { name: /^Price/ }).click();
      const prices = await visit.page.locator("tbody .col-price").allInnerTexts();
      expect(prices).toHaveLength(music.length);
      expect(prices.map(Number)).toEqual(prices.map(Number).toSorted((a, b) => b - a));
      expect(new URL(visit.page.url()).search).toBe("?search=course+39&category=music&sort=-price");
      await visit.page.reload();
      await expect.poll(() => count.innerText()).toBe(`${music.length} of ${COURSES + 3} courses`);
      await visit.page.getByLabel("Search").fill("no such course");
      await expect.poll(() => count.innerText()).toContain("No course matches");
      expect(complaints()).toEqual([]);
    });

    test("of every course are reached by scrolling, with as many rows in the page as can be seen", async () => {
      visit = await browser.visit();
      await visit.open("/admin/prices?sort=title");
      const board = visit.page.locator("[data-board]");
      await expect.poll(() => board.locator("table.virtual").count()).toBe(1);
      const seen = new Set<string>();
      for (let i = 0; i < 60; i++) {
        for (const title of await board.locator("tbody .col-title a").allInnerTexts()) seen.add(title);
        await board.evaluate((element) => element.scrollBy(0, 450));
        await visit.page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))");
      }
      expect(seen.size).toBe(COURSES + 3);
      expect(await board.locator("tbody tr").count()).toBeLessThan(50);
      // Those who go by keyboard, or listen, get the rows in the order in which they are seen.
      const order = async (): Promise<number[]> => (await board.locator("tbody tr").evaluateAll((rows) => rows.map((row) => Number(row.getAttribute("aria-rowindex")))));
      await expect.poll(async () => (await order()).every((index, i, all) => i === 0 || index === all[i - 1]! + 1)).toBe(true);
      expect(await board.locator("table").getAttribute("aria-rowcount")).toBe(String(COURSES + 4));
    });

    test("of a catalogue that is too large for one answer come as somebody scrolls, sorted by the server", async () => {
      const { appDeps } = browser.engine;
      const server = new HttpServer(createApp({ ...appDeps, pages: { ...appDeps.pages!, board_courses_max: 50 } }), systemClock);
      const origin = `http://127.0.0.1:${await server.listen("127.0.0.1", 0)}`;
      try {
        visit = await browser.visit({ origin });
        await visit.open("/admin/prices?sort=title");
        const count = visit.page.locator("[data-board-count]");
        await expect.poll(() => count.innerText()).toBe("200 courses, and more as you scroll");
        expect(await visit.page.getByRole("button", { name: /^Gain/ }).isDisabled()).toBe(true);
        const board = visit.page.locator("[data-board]");
        await expect.poll(() => (board.evaluate((element) => element.scrollTo(0, element.scrollHeight)), count.innerText())).toBe(`${COURSES + 3} courses`);
        await board.evaluate((element) => element.scrollTo(0, element.scrollHeight));
        await expect.poll(() => board.locator("tbody .col-title a").allInnerTexts()).toContain("c1");
        await visit.page.getByLabel("Search").fill("K0123");
        await expect.poll(() => board.locator("tbody .col-title a").allInnerTexts()).toEqual(["Course 123"]);
        await visit.page.getByLabel("Search").fill("");
        await visit.page.getByRole("button", { name: /^Price/ }).click();
        await expect.poll(() => count.innerText()).toBe("200 courses, and more as you scroll");
        const prices = (await board.locator("tbody .col-price").allInnerTexts()).map(Number);
        expect(prices).toEqual(prices.toSorted((a, b) => b - a));
        expect(complaints()).toEqual([]);
      } finally {
        await visit.page.close();
        await server.drain();
      }
    });

    test("lead to their course by a click, and the way back keeps the view", async () => {
      visit = await browser.visit();
      await visit.open("/admin/prices?search=c1&category=programming");
      await visit.page.locator("tbody a", { hasText: /^c1$/ }).click();
      await visit.page.waitForURL("**/admin/prices/c1");
      expect(await text(".price-change")).toMatch(/^112\s*→/);
      await visit.page.goBack();
      expect(await visit.page.getByLabel("Category").inputValue()).toBe("programming");
    });
  });

  describe("decisions", () => {
    test("a policy is written, checked, activated, changed and gone back from", async () => {
      visit = await browser.visit();
      await visit.open("/admin/policies");
      await visit.page.getByLabel("Id").fill("winter");
      await visit.page.getByRole("button", { name: "Write it" }).click();
      await visit.page.waitForURL("**/admin/policies/new?id=winter");
      const rules = visit.page.getByLabel("Rules, as JSON");
      const reason = visit.page.getByLabel("Reason").last();
      await rules.fill('{"floor_tokens": ');
      await visit.page.getByRole("button", { name: "Save as a draft" }).click();
      expect(await text("[data-told]")).toContain("This is no JSON");
      await rules.fill('{"floor_tokens": 20, "scope": {"categories": ["design"]}}');
      await reason.fill("the season");
      await visit.page.getByRole("button", { name: "Save as a draft" }).click();
      await visit.page.waitForURL("**/admin/policies/winter");
      await visit.page.getByLabel("Reason").first().fill("agreed");
      await visit.page.getByRole("button", { name: "Activate revision 1" }).click();
      await expect.poll(() => text("h1"), { timeout: 9_000 }).toContain("revision 1 in force");

      await visit.page.waitForLoadState("load");
      await rules.fill('{"floor_tokens": 30, "ceiling_tokens": 10, "scope": {"categories": ["design"]}}');
      await visit.page.getByRole("button", { name: "Check" }).click();
      await expect.poll(() => visit.page.locator(".card [data-told]").last().innerText(), { timeout: 9_000 }).toMatch(/floor|ceiling/i);
      await rules.fill('{"floor_tokens": 30, "scope": {"categories": ["design"]}}');
      await reason.fill("a little more");
      await visit.page.getByRole("button", { name: "Save as a draft" }).click();
      await expect.poll(() => visit.page.locator("ins").innerText(), { timeout: 9_000 }).toBe("30");
      await visit.page.getByLabel("Reason").first().fill("agreed again");
      await visit.page.getByRole("button", { name: "Activate revision 2" }).click();
      await expect.poll(() => text("h1"), { timeout: 9_000 }).toContain("revision 2 in force");
      await visit.page.getByLabel("Reason").first().fill("prices fell too far");
      await visit.page.getByRole("button", { name: "Go back to revision 1" }).click();
      await expect.poll(() => text("h1"), { timeout: 9_000 }).toContain("revision 1 in force");
      await expect.poll(() => visit.page.locator("#history + *, .section").last().innerText()).toContain("prices fell too far");
      expect(complaints()).toEqual([]);
    });

    test("a policy is written by its fields; what is wrong is said at the field, by the engine", async () => {
      visit = await browser.visit();
      await visit.open("/admin/policies/new?id=summer");
      const field = (label: string): ReturnType<Visit["page"]["getByLabel"]> => visit.page.getByLabel(label).first();
      const fault = (path: string): Promise<string> => visit.page.locator(`[data-error="${path}"]`).innerText();
      const rules = async (): Promise<unknown> => JSON.parse(await visit.page.getByLabel("Rules, as JSON").inputValue());
      await field("Floor").fill("50");
      await field("Ceiling").fill("20");
      await expect.poll(() => fault("ceiling_tokens"), { timeout: 9_000 }).not.toBe("");
      expect(await fault("floor_tokens")).not.toBe("");
      expect(await field("Ceiling").getAttribute("aria-invalid")).toBe("true");
      await field("Ceiling").fill("200");
      await expect.poll(() => fault("ceiling_tokens"), { timeout: 9_000 }).toBe("");
      await field("Largest change").fill("9");
      await field("Rounding").selectOption("charm");
      await expect.poll(() => fault("step_log_max"), { timeout: 9_000 }).toContain("<=2");
      expect(await fault("rounding.endings")).toBe("is needed");
      await field("Largest change").fill("");
      await field("Endings").fill("9, 99");
      await field("Categories").fill("design");
      await field("Within the teacher's band").uncheck();
      await expect.poll(rules).toEqual({ floor_tokens: 50, ceiling_tokens: 200, rounding: { kind: "charm", endings: [9, 99] }, scope: { categories: ["design"] }, respect_teacher_band: false });
      // The other way round: the text moves the fields, and its unknown parts stay.
      await visit.page.getByLabel("Rules, as JSON").fill('{"floor_tokens": 60, "cost_per_enrollment": {"courses": {"K0001": 5}}, "scope": {"categories": ["design"]}, "schedule": {"to": "2026-01-01T00:00:00Z"}}');
      expect(await field("Floor").inputValue()).toBe("60");
      expect(await field("Rounding").inputValue()).toBe("");
      expect(await field("In force until").inputValue()).toBe("2026-01-01T00:00");
      await field("Ceiling").fill("300");
      await visit.page.getByLabel("Reason").last().fill("the summer");
      await visit.page.getByRole("button", { name: "Save as a draft" }).click();
      await visit.page.waitForURL("**/admin/policies/summer");
      expect(await rules()).toMatchObject({ floor_tokens: 60, ceiling_tokens: 300, cost_per_enrollment: { courses: { K0001: 5 } } });
      expect(visit.complaints.filter((complaint) => !complaint.includes("422 ("))).toEqual([]);
    });

    test("an experiment is planned by its fields, with what it takes told meanwhile, and by them alone defined", async () => {
      visit = await browser.visit();
      await visit.open("/admin/experiments");
      await visit.page.getByLabel("Id").fill("three-arms");
      const power = visit.page.locator("[data-power-out]");
      await expect.poll(() => power.innerText(), { timeout: 9_000 }).toMatch(/units, .* days: then a difference of 2 tokens/);
      const before = await power.innerText();
      await visit.page.getByLabel("Smallest effect that matters").fill("4");
      await expect.poll(() => power.innerText(), { timeout: 9_000 }).toContain("a difference of 4 tokens");
      await visit.page.getByLabel("New units a day").fill("1000");
      await expect.poll(() => power.innerText(), { timeout: 9_000 }).not.toBe(before);
      const third = visit.page.locator("[data-rows=arms] [data-row]").nth(2);
      await third.getByLabel("Name").fill("bold");
      await third.getByLabel("Weight").fill("2");
      await third.getByLabel("Prices").selectOption("policy");
      await third.getByLabel("Policy").fill("default");
      await third.getByLabel("Revision").fill("7");
      const fault = (path: string): Promise<string> => visit.page.locator(`[data-error="${path}"]`).innerText();
      await expect.poll(() => fault("arms"), { timeout: 9_000 }).toContain("There is no policy default-7");
      await third.getByLabel("Revision").fill("1");
      await visit.page.getByLabel("Control arm").fill("nobody");
      await expect.poll(() => fault("control_arm"), { timeout: 9_000 }).toBe("is none of the arms");
      expect(await power.innerText()).toContain("a control arm that is one of them");
      await visit.page.getByRole("button", { name: "Define" }).click();
      await expect.poll(() => text("form [data-told]"), { timeout: 9_000 }).toContain("is none of the arms");
      await visit.page.getByLabel("Control arm").fill("list");
      await expect.poll(() => fault("control_arm"), { timeout: 9_000 }).toBe("");
      await visit.page.getByRole("button", { name: "Define" }).click();
      await visit.page.getByRole("link", { name: "three-arms" }).click({ timeout: 20_000 });
      await visit.page.locator("#definition ~ details summary, details summary").last().click();
      expect(JSON.parse(await text("pre.code"))).toMatchObject({ minimum_effect: 4, control_arm: "list", arms: [{ name: "list" }, { name: "engine" }, { name: "bold", weight: 2, price: { kind: "policy", policy_id: "default", revision: 1 } }] });
      expect(visit.complaints.filter((complaint) => !complaint.includes("422 ("))).toEqual([]);
    });

    test("an experiment is defined, started and stopped", async () => {
      visit = await browser.visit();
      await visit.open("/admin/experiments");
      await visit.page.getByLabel("Id").fill("engine-vs-list");
      await visit.page.getByRole("button", { name: "Define" }).click();
      await visit.page.getByRole("link", { name: "engine-vs-list" }).click({ timeout: 20_000 });
      await visit.page.getByRole("button", { name: "Start" }).click();
      await expect.poll(() => text("h1"), { timeout: 20_000 }).toContain("running");
      expect(await text(".hero")).toContain("Too early to say");
      await visit.page.getByLabel("What was concluded").fill("nothing");
      await visit.page.getByRole("button", { name: "Stop for good" }).click();
      await expect.poll(() => text("h1"), { timeout: 20_000 }).toContain("stopped");
      expect(complaints()).toEqual([]);
    });

    test("a model is promoted, pinned and gone back from, each after a dialog that says what it will do", async () => {
      visit = await browser.visit();
      await visit.open("/admin/models");
      const stored = visit.page.getByRole("region", { name: "Stored models of elasticity" });
      const standing = (version: string): Promise<string> => stored.getByRole("row", { name: version }).getByRole("cell").first().innerText();
      await expect.poll(() => standing("newer"), { timeout: 9_000 }).toBe("refused by its run");
      const promote = stored.getByRole("row", { name: "newer" }).getByRole("button");
      const dialog = visit.page.getByRole("dialog");
      await promote.click();
      expect(await dialog.innerText()).toContain("Its own run refused it");
      await visit.page.keyboard.press("Escape");
      expect(await dialog.count()).toBe(0);
      await promote.click();
      await dialog.getByRole("button", { name: "Promote" }).click();
      expect(await dialog.getByLabel("Reason").evaluate((input) => input.matches(":invalid"))).toBe(true);
      await dialog.getByLabel("Reason").fill("a trial");
      await dialog.getByRole("button", { name: "Promote" }).click();
      await expect.poll(() => text("[data-outcome]"), { timeout: 9_000 }).toBe("Promoted: it serves.");
      await expect.poll(() => standing("newer"), { timeout: 9_000 }).toBe("serves");

      await visit.page.getByRole("button", { name: "Pin…" }).first().click();
      await dialog.getByLabel("Reason").fill("until the sale is over");
      await dialog.getByRole("button", { name: "Confirm" }).click();
      await expect.poll(() => standing("newer"), { timeout: 9_000 }).toBe("serves, pinned");

      await visit.page.getByRole("button", { name: "Roll back…" }).first().click();
      await dialog.getByLabel("Reason").fill("conversion fell");
      // Meanwhile somebody else decides: what was looked at holds no more.
      browser.engine.promote(testArtifact("meanwhile"));
      await dialog.getByRole("button", { name: "Roll back" }).click();
      await expect.poll(() => dialog.locator("[data-told]").innerText(), { timeout: 9_000 }).toContain("Somebody else changed");
      await dialog.getByRole("button", { name: "Cancel" }).click();
      await expect.poll(() => standing("meanwhile"), { timeout: 20_000 }).toBe("serves");
      await visit.page.getByRole("button", { name: "Roll back…" }).first().click();
      expect(await dialog.innerText()).toContain("newer, which served before it");
      await dialog.getByLabel("Reason").fill("conversion fell");
      await dialog.getByRole("button", { name: "Roll back" }).click();
      await expect.poll(() => standing("newer"), { timeout: 9_000 }).toContain("serves");
      await visit.page.getByText("Who promoted what, and why").first().click();
      expect(await visit.page.getByRole("region", { name: "Promotions of elasticity" }).innerText()).toMatch(/conversion fell.*until the sale is over.*a trial/s);
      expect(visit.complaints.filter((complaint) => !complaint.includes("409 (Conflict)"))).toEqual([]);
    });

    test("training under way shows where it is, and goes on by itself", async () => {
      tellTraining(browser.engine, { done: 1 });
      visit = await browser.visit();
      await visit.open("/admin/models");
      const training = visit.page.getByRole("region", { name: "Training under way" });
      expect(await training.innerText()).toMatch(/elasticity: training, gradient_boosting.*Stage 4 of 6; 1/s);
      const before = await training.getByRole("progressbar").getAttribute("value");
      tellTraining(browser.engine, { stage: "evaluation", step: "champion", done: 1 });
      await expect.poll(() => training.innerText(), { timeout: 9_000 }).toContain("Stage 5 of 6");
      expect(Number(await training.getByRole("progressbar").getAttribute("value"))).toBeGreaterThan(Number(before));
      tellTraining(browser.engine, { status: "completed", stage: "report" });
      await expect.poll(() => text("main"), { timeout: 9_000 }).toContain("The last training of elasticity ended");
      expect(complaints()).toEqual([]);
    });

    test("a price is proposed, and approved", async () => {
      visit = await browser.visit();
      await visit.open("/admin/prices/K0003");
      const price = Number(await visit.page.getByLabel("Price, tokens").inputValue());
      await visit.page.getByLabel("Reason").fill("as recommended");
      await visit.page.getByRole("button", { name: "Propose" }).click();
      await visit.page.getByRole("button", { name: "Approve" }).click({ timeout: 20_000 });
      await expect.poll(() => visit.page.getByRole("region", { name: "What happened around the price" }).innerText(), { timeout: 20_000 }).toMatch(new RegExp(`accepted.*${price}`, "s"));
      expect(complaints()).toEqual([]);
    });

    test("a learner sees a price of one's own, and opts out", async () => {
      visit = await browser.visit();
      browser.engine.clock.time_ms += 2_000;
      await visit.open("/learner/l1");
      const button = visit.page.getByRole("button", { name: "Show my price" }).first();
      const course_id = await button.getAttribute("data-ask-offer");
      await visit.page.locator(`[data-ask-offer=${course_id}]`).click();
      const offer = visit.page.locator(`#offer-${course_id}`);
      await expect.poll(() => offer.innerText(), { timeout: 9_000 }).toMatch(/tokens for you.*data was used.*Yours until/s);
      // At once, for the price that is shown, too: it is asked for again.
      const again = visit.page.waitForResponse("**/personalized_pricing");
      await visit.page.getByRole("button", { name: "Do not use my data for prices" }).click();
      expect((await again).status()).toBe(200);
      await expect.poll(() => text(".consent"), { timeout: 20_000 }).toContain("Your data does not move your prices.");
      await expect.poll(() => offer.innerText()).toContain("No personal data was used.");
      expect(await visit.page.locator("main").innerText()).not.toMatch(/the learner/i);
      expect(complaints()).toEqual([]);
    });
  });

  test("a teacher moves the slider by keys and sees what a price would bring", async () => {
    visit = await browser.visit();
    await visit.open("/teacher/t1");
    const slider = visit.page.getByRole("slider").first();
    const revenue = visit.page.locator("[data-out=revenue]").first();
    const before = await revenue.innerText();
    const price = Number(await text("[data-out=price]"));
    await slider.focus();
    for (let i = 0; i < 10; i++) await visit.page.keyboard.press("ArrowRight");
    expect(Number(await text("[data-out=price]"))).toBeGreaterThan(price);
    expect(await revenue.innerText()).not.toBe(before);
    expect(await slider.getAttribute("aria-valuetext")).toContain("enrollments");
  });

  test("a balance follows its event without a reload; what was opened and where the focus is stay", async () => {
    visit = await browser.visit();
    await visit.open("/learner/l1");
    await expect.poll(() => visit.page.locator(".pending").count(), { timeout: 20_000 }).toBe(0);
    const balance = visit.page.locator(".tile strong").first();
    const before = Number(await balance.innerText());
    const summary = visit.page.locator(".features summary");
    await summary.focus();
    await visit.page.keyboard.press("Enter");
    await visit.page.evaluate("globalThis.notReloaded = true");
    const place = await balance.boundingBox();
    browser.engine.fold(tokens("l1", "purchased", 45));
    browser.engine.clock.time_ms += 2_000;
    await expect.poll(() => balance.innerText(), { timeout: 9_000 }).toBe(String(before + 45));
    expect(await visit.page.evaluate("globalThis.notReloaded")).toBe(true);
    expect(await visit.page.locator(".features").getAttribute("open")).not.toBeNull();
    expect(await summary.evaluate((element) => element.matches(":focus"))).toBe(true);
    expect(await balance.boundingBox()).toMatchObject({ x: place?.x, y: place?.y });
    expect(complaints()).toEqual([]);
  });

  test("the colours that somebody chose are there from the first paint of the next page", async () => {
    visit = await browser.visit();
    await visit.open("/admin/prices/c1");
    const theme = (): Promise<string | null> => visit.page.locator("html").getAttribute("data-theme");
    const background = (): Promise<string> => visit.page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
    const light = await background();
    const button = visit.page.getByRole("button", { name: /^Colours/ });
    await button.click();
    await button.click();
    expect(await theme()).toBe("dark");
    expect(await background()).not.toBe(light);
    await visit.open("/admin");
    expect(await theme()).toBe("dark");
  });

  test("without a mouse: past the navigation, through it, into a course", async () => {
    visit = await browser.visit();
    await visit.open("/admin/prices");
    const focused = (): Promise<string> => visit.page.evaluate<string>("(document.activeElement.getAttribute('href') ?? document.activeElement.getAttribute('name') ?? document.activeElement.id)");
    await visit.page.keyboard.press("Tab");
    expect(await focused()).toBe("#main");
    await visit.page.keyboard.press("Enter");
    await visit.page.keyboard.press("Tab");
    expect(await focused()).toBe("search");
    await visit.page.keyboard.type("c1 programming");
    await expect.poll(() => text("[data-board-count]")).toContain("1 of");
    // The filters, the table itself, which scrolls by arrows, its headings, which sort, its only row.
    const passed: string[] = [];
    for (let i = 0; i < 20 && !passed.includes("/admin/prices/c1"); i++) {
      await visit.page.keyboard.press("Tab");
      passed.push(await visit.page.evaluate<string>("document.activeElement.getAttribute('href') ?? document.activeElement.getAttribute('name') ?? document.activeElement.dataset.sort ?? document.activeElement.getAttribute('aria-label')"));
    }
    expect(passed).toEqual(["category", "action", "risk", "Courses and their prices", "title", "price", "optimal", "gain", "confidence", "risk", "revenue", "enrollments", "conversion", "elasticity", "/admin/prices/c1"]);
    await visit.page.keyboard.press("Enter");
    await visit.page.waitForURL("**/admin/prices/c1");
  });

  test("without a mouse: the table scrolls, and who is on a row stays on it while others come and go", async () => {
    visit = await browser.visit();
    await visit.open("/admin/prices?sort=title");
    const board = visit.page.locator("[data-board]");
    await expect.poll(() => board.locator("table.virtual").count()).toBe(1);
    await board.focus();
    const top = (): Promise<number> => board.evaluate((element) => element.scrollTop);
    for (let i = 0; i < 3; i++) await visit.page.keyboard.press("ArrowDown");
    expect(await top()).toBe(3 * 52);
    const on = (): Promise<string> => visit.page.evaluate<string>("document.activeElement.textContent");
    await board.locator("tbody a").filter({ hasText: /^Course 5$/ }).focus();
    await board.evaluate((element) => element.scrollBy(0, 156));
    await visit.page.waitForTimeout(300);
    expect(await on()).toBe("Course 5");
    await visit.page.keyboard.press("Tab");
    expect(await on()).toBe("Course 6");
    // Out of sight: the next Tab goes on in what is seen, not in whatever course took the row's place.
    await board.evaluate((element) => element.scrollBy(0, 5_200));
    await expect.poll(() => board.evaluate((element) => element.matches(":focus"))).toBe(true);
  });

  test("without a mouse: a dialog takes the focus, keeps it, and gives it back", async () => {
    visit = await browser.visit();
    await visit.open("/admin/models");
    const opener = visit.page.locator("button[data-open]").first();
    await opener.focus();
    await visit.page.keyboard.press("Enter");
    const dialog = visit.page.getByRole("dialog");
    const within = (): Promise<boolean> => dialog.evaluate((element) => element.matches(":focus-within"));
    expect(await within()).toBe(true);
    const fields = await dialog.locator("input, button").count();
    for (let i = 0; i < fields; i++) {
      // After the last one the browser's own controls come, and nothing of the page behind.
      expect(await visit.page.evaluate<boolean>("document.activeElement === document.body || document.querySelector('dialog[open]').contains(document.activeElement)")).toBe(true);
      await visit.page.keyboard.press("Tab");
    }
    expect(await visit.accessibility()).toEqual([]);
    await visit.page.keyboard.press("Escape");
    expect(await dialog.count()).toBe(0);
    expect(await opener.evaluate((element) => element.matches(":focus"))).toBe(true);
  });

  test("an experiment whose arms lose units raises an alarm by itself, gives no verdict, and is stopped by hand", async () => {
    const { engine } = browser;
    const arms = [{ name: "list", weight: 1, price: { kind: "list" } }, { name: "engine", weight: 1, price: { kind: "active" } }];
    const experiment = { unit: { kind: "learner" }, arms, control_arm: "list", salt: "s", metric: "revenue", minimum_effect: 5, outcome_days: 1, minimum_days: 1, categories: ["programming"] };
    expect((await engine.post("/experiments", { experiment_id: "lossy", experiment })).status).toBe(201);
    visit = await browser.visit();
    await visit.open("/admin/experiments/lossy");
    await visit.page.getByRole("button", { name: "Start" }).click();
    await expect.poll(() => text("h1"), { timeout: 20_000 }).toContain("running");
    const ids = Array.from({ length: 300 }, (_, i) => `s${i}`);
    const armOf = (id: string): string | undefined => engine.policies.personalPolicyFor(id, scope, engine.clock.time_ms).experiments[0]?.arm;
    quoteAll(engine, new QuoteWriter(engine.store), ids.filter((id, i) => armOf(id) === "engine" || i % 2 === 0), 0, (_, i) => i % 3 === 0);
    engine.clock.time_ms += 3 * DAY_MS;
    await visit.page.evaluate("dispatchEvent(new Event('tidemark-changed'))");
    const alarm = visit.page.getByRole("alert");
    await expect.poll(async () => {
      engine.clock.time_ms += 10_000;
      await visit.page.evaluate("dispatchEvent(new Event('tidemark-changed'))");
      return (await alarm.count()) === 0 ? "" : alarm.innerText();
    }, { timeout: 20_000, interval: 1_500 }).toContain("do not have the sizes");
    expect(await text(".hero")).toContain("Blocked");
    expect(await visit.page.locator('div[aria-label="Comparisons"]').innerText()).toContain("engine");
    await visit.page.getByLabel("What was concluded").fill("units were lost");
    await visit.page.getByRole("button", { name: "Stop for good" }).click();
    await expect.poll(() => text("h1"), { timeout: 20_000 }).toContain("stopped");
    expect(await text("main")).toContain("Concluded: units were lost");
    expect(complaints()).toEqual([]);
  });

  test("an engine that goes away is told, and what was there stays", async () => {
    visit = await browser.visit();
    await visit.open("/admin/prices/c1");
    const state = visit.page.locator("[data-live-text]");
    expect(await state.innerText()).toBe("Live");
    // As when the store is moved.
    const { current } = browser.engine.features;
    browser.engine.features.current = undefined;
    await expect.poll(() => state.innerText(), { timeout: 9_000 }).toBe("Offline");
    expect(await text(".price-change")).toMatch(/^112/);
    browser.engine.features.current = current;
    await expect.poll(() => state.innerText(), { timeout: 15_000 }).toBe("Live");
    // Where the engine sends nothing, the page asks by itself.
    await visit.page.route("**/live?*", (route) => route.abort());
    await visit.page.reload();
    const before = await text(".price-change .now");
    browser.engine.fold(repriced("c1", Number(before) + 1, START_MS));
    await expect.poll(() => text(".price-change .now"), { timeout: 15_000 }).toBe(String(Number(before) + 1));
  });
});
