import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BrowserEngine, chromiumPath } from "../pages/testing/browser.ts";
import { TestEngine } from "../testing.ts";

let browser: BrowserEngine;

// Without Chromium on PATH it is skipped, which the report of the run says.
describe.skipIf(chromiumPath === undefined)("the API's page in a browser (needs Chromium)", () => {
  beforeAll(async () => {
    const engine = new TestEngine();
    engine.foldCatalogue();
    browser = new BrowserEngine(engine);
    await browser.start();
  });
  afterAll(() => browser.stop());

  test("shows every endpoint and tries one, under its policy and without leaving the host", async () => {
    const { page, origin, complaints } = await browser.visit();
    await page.goto(`${origin}/docs`);
    await page.waitForSelector(".opblock");
    expect(await page.locator(".opblock").count()).toBe(browser.engine.app.endpoints.length);
    await page.locator("#operations-livez-get_livez .opblock-summary-control").click();
    await page.locator("#operations-livez-get_livez button.execute").click();
    await page.waitForSelector("#operations-livez-get_livez .live-responses-table .response");
    expect(await page.locator("#operations-livez-get_livez .live-responses-table .response").first().innerText()).toContain('"status": "ok"');
    expect(complaints).toEqual([]);
  });
});
