import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { formatTime, HOUR_MS } from "../../lib/time.ts";
import { repriced } from "../catalogue-testing.ts";
import { tokens } from "../learners/testing.ts";
import { START_MS } from "../testing.ts";
import { BrowserEngine, chromiumPath, type Visit } from "./testing/browser.ts";
import { KeyedEngine } from "./testing/keyed-engine.ts";

let keyed: KeyedEngine;
let browser: BrowserEngine;
let visit: Visit;

/** Refusals are told by the browser, too. */
const complaints = (): readonly string[] => visit.complaints.filter((text) => !/40[134] \(/.test(text));

/** As a person does: the page that was asked for, the log-in that stands in its way, the page. */
async function logIn(path: string, key: string): Promise<void> {
  visit = await browser.visit();
  await visit.page.goto(`${visit.origin}${path}`);
  await visit.page.getByLabel("Key").fill(key);
  await visit.page.getByRole("button", { name: "Log in" }).click();
  await visit.page.waitForURL(`**${path}`);
  await visit.page.waitForFunction(() => performance.getEntriesByName("tidemark-interactive").length > 0);
}

const statusOf = (path: string, method = "GET", body?: string): Promise<number> =>
  visit.page.evaluate(([path, method, body]) => fetch(path, { method, ...(body === undefined ? {} : { body, headers: { "content-type": "application/json" } }) }).then(({ status }) => status), [path, method, body] as const);

const places = (): Promise<string[]> => visit.page.getByRole("navigation", { name: "Pages" }).getByRole("link").allInnerTexts();

describe.skipIf(chromiumPath === undefined)("who may see what, in a browser (needs Chromium)", { timeout: 60_000 }, () => {
  beforeAll(async () => {
    keyed = new KeyedEngine();
    browser = new BrowserEngine(keyed.engine);
    await browser.start();
  });
  afterEach(() => browser.leave());
  afterAll(() => browser.stop());

  test("a key that is wrong is told so, and leads nowhere", async () => {
    visit = await browser.visit();
    await visit.open("/login");
    for (const wrong of ["tmk_0000000000000000_wrong", await keyed.keyOf("admin").then((key) => `${key.slice(0, -1)}${key.endsWith("A") ? "B" : "A"}`)]) {
      await visit.page.getByLabel("Key").fill(wrong);
      await visit.page.keyboard.press("Enter");
      await expect.poll(() => visit.page.locator("[data-told]").innerText()).toContain("no key that is in force");
    }
    expect(new URL(visit.page.url()).pathname).toBe("/login");
    await visit.page.goto(`${visit.origin}/admin`);
    expect(new URL(visit.page.url()).pathname).toBe("/login");
    expect(complaints()).toEqual([]);
  });

  test.each<[string, Parameters<KeyedEngine["keyOf"]>, string, readonly string[], readonly string[]]>([
    ["an administrator", ["admin"], "/admin", ["Portfolio", "Prices", "Models", "Experiments", "Policies", "Operations", "Teachers", "Learners"], ["/teacher/t1", "/learner/l1"]],
    ["an operator", ["operate"], "/admin/operations", ["Portfolio", "Prices", "Models", "Experiments", "Policies", "Operations", "Teachers", "Learners"], ["/admin", "/teacher/t2", "/learner/l2"]],
    ["a teacher", ["price", { teacher_id: "t1" }], "/teacher/t1", ["My courses"], []],
    ["a learner", ["price", { learner_id: "l1" }], "/learner/l1", ["My learning"], []],
  ])("%s logs in, is shown the ways that are open, and logs out", async (_, key, path, ways, others) => {
    await logIn(path, await keyed.keyOf(...key));
    expect(await places()).toEqual(ways);
    for (const other of others) expect((await visit.page.goto(`${visit.origin}${other}`))?.status()).toBe(200);
    await visit.page.getByRole("button", { name: "Log out" }).click();
    await visit.page.waitForURL("**/login");
    await visit.page.goto(`${visit.origin}${path}`);
    expect(new URL(visit.page.url()).pathname).toBe("/login");
    expect(await statusOf("/courses")).toBe(401);
    expect(complaints()).toEqual([]);
  });

  test("a teacher sees and changes nothing of another teacher, of learners and of the platform, by page or by API", async () => {
    await logIn("/teacher/t1", await keyed.keyOf("price", { teacher_id: "t1" }));
    for (const path of ["/teacher/t2", "/learner/l1", "/admin", "/admin/prices", "/admin/prices/c1", "/admin/models", "/admin/policies", "/admin/experiments", "/admin/operations", "/teacher", "/learner"]) {
      expect([path, (await visit.page.goto(`${visit.origin}${path}`))?.status()]).toEqual([path, 403]);
      expect(await visit.page.locator("h1").innerText()).toBe("Not for you");
    }
    for (const path of ["/features/teacher/t2", "/features/learner/l1", "/learner/l1/propensity", "/learners/l1/personalisation", "/courses", "/policies", "/experiments", "/segments", "/admin/prices.json", "/stream"]) expect([path, await statusOf(path)]).toEqual([path, 403]);
    expect(await statusOf("/teachers/t2/band", "PUT", '{"min_price":1,"max_price":2}')).toBe(403);
    expect(await statusOf("/courses/c1/price", "POST", '{"action":"accept","price":1,"reason":"mine"}')).toBe(403);
    expect(await statusOf("/personalized_pricing", "POST", '{"learner_id":"l1","course_id":"c1"}')).toBe(403);
    expect(await statusOf("/teachers/t1/band", "PUT", '{"min_price":1,"max_price":2000}')).toBeLessThan(300);
    expect(complaints()).toEqual([]);
  });

  test("a learner sees and changes nothing of another learner, of teachers and of the platform, by page or by API", async () => {
    await logIn("/learner/l1", await keyed.keyOf("price", { learner_id: "l1" }));
    for (const path of ["/learner/l2", "/teacher/t1", "/admin", "/admin/prices/c1", "/learner"]) expect([path, (await visit.page.goto(`${visit.origin}${path}`))?.status()]).toEqual([path, 403]);
    for (const path of ["/features/learner/l2", "/learner/l2/recommendations", "/learners/l2/personalisation", "/features/teacher/t1", "/courses", "/admin/prices.json", "/stream"]) expect([path, await statusOf(path)]).toEqual([path, 403]);
    expect(await statusOf("/learners/l2/personalisation", "PUT", '{"allowed":false,"reason":"not mine"}')).toBe(403);
    expect(await statusOf("/personalized_pricing", "POST", '{"learner_id":"l2","course_id":"c1"}')).toBe(403);
    expect(await statusOf("/learners/l1/personalisation")).toBe(200);
    expect(complaints()).toEqual([]);
  });

  describe("an event is on the page by itself", () => {
    /** What a figure says once something has happened, without a reload and without moving anything. */
    async function follows(selector: string, happen: () => void, after: number): Promise<string> {
      const figure = visit.page.locator(selector).first();
      await expect.poll(() => visit.page.locator(".pending").count()).toBe(0);
      await visit.page.evaluate("globalThis.notReloaded = true");
      const asked: string[] = [];
      visit.page.on("request", (request) => asked.push(new URL(request.url()).pathname));
      happen();
      await expect.poll(() => figure.innerText()).toBe(String(after));
      expect(await visit.page.evaluate("globalThis.notReloaded")).toBe(true);
      // It was sent: nobody asked for it.
      expect(asked).toEqual([]);
      expect(await visit.moved()).toEqual([]);
      expect(complaints()).toEqual([]);
      return figure.innerText();
    }

    test("of a teacher", async () => {
      await logIn("/teacher/t1", await keyed.keyOf("price", { teacher_id: "t1" }));
      const tile = ".tile:has(dt:text('Enrollments, 30 days')) strong";
      const before = Number(await visit.page.locator(tile).innerText());
      expect(await follows(tile, () => keyed.engine.fold({ id: "live-1", type: "enrollment.created", time: formatTime(START_MS - HOUR_MS), enrollment_id: "live-1", course_id: "c1", learner_id: "l2", price: 100 }), before + 1)).not.toBe(String(before));
    });

    test("of a learner", async () => {
      await logIn("/learner/l1", await keyed.keyOf("price", { learner_id: "l1" }));
      const tile = ".tile:has(dt:text('Balance')) strong";
      const before = Number(await visit.page.locator(tile).innerText());
      expect(await follows(tile, () => keyed.engine.fold(tokens("l1", "purchased", 70)), before + 70)).not.toBe(String(before));
    });

    test("of the platform", async () => {
      await logIn("/admin/prices/c1", await keyed.keyOf("operate"));
      expect(await follows(".price-change .now", () => keyed.engine.fold(repriced("c1", 137, START_MS)), 137)).not.toBe("100");
    });
  });

  test("a session that is over in the middle of it leads back to the log-in", async () => {
    const key = await keyed.keyOf("admin");
    await logIn("/admin", key);
    await keyed.revoke(key);
    await expect.poll(() => visit.page.url()).toContain("/login?next=%2Fadmin");
  });
});
