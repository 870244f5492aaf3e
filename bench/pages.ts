import { access } from "node:fs/promises";
import type { Browser, Page } from "playwright-core";
import { type Platform, startPlatform } from "./platform.ts";
import { load } from "./processes.ts";
import type { BenchOptions, BenchResult, Metric } from "./report.ts";
import { quantile } from "./stats.ts";

const CHROMIUM = "/usr/bin/chromium";
const DASHBOARDS = 50;
const PATHS = ["/admin", "/admin/prices", "/admin/prices/C00001", "/admin/models", "/admin/operations", "/admin/policies", "/admin/experiments", "/teacher/T0001", "/learner/L000001"];
/** What the pages are to keep, on loopback. */
const PAINT_MS_MAX = 300;
const INTERACTIVE_MS_MAX = 600;

interface Timing {
  readonly paint_ms: number;
  readonly interactive_ms: number;
  readonly script_bytes: number;
}

/** First contentful paint, the end of the page's script, and the bytes of script that came over the wire, of one visit with an empty cache. */
async function visit(browser: Browser, url: string): Promise<Timing> {
  const context = await browser.newContext({ viewport: { width: 1_360, height: 900 } });
  const page = await context.newPage();
  await page.goto(url, { waitUntil: "load" });
  await page.waitForFunction(() => performance.getEntriesByName("tidemark-interactive").length > 0 && performance.getEntriesByName("first-contentful-paint").length > 0);
  const timing = await page.evaluate(() => ({
    paint_ms: performance.getEntriesByName("first-contentful-paint")[0]!.startTime,
    interactive_ms: performance.getEntriesByName("tidemark-interactive")[0]!.startTime,
    script_bytes: performance
      .getEntriesByType("resource")
      .filter(({ name }) => name.endsWith(".js"))
      .reduce((sum, entry) => sum + (entry as unknown as { encodedBodySize: number }).encodedBodySize, 0),
  }));
  await context.close();
  return timing;
}

/** First contentful paint of a page without data and script: what this machine's browser takes for anything. */
async function barePaint(browser: Browser, url: string): Promise<number> {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${url}/`, { waitUntil: "load" });
  await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length > 0);
  const paint_ms = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]!.startTime);
  await context.close();
  return paint_ms;
}

/** Milliseconds between frames while the table of all courses is scrolled from its first row to its last. */
async function frames(page: Page, url: string): Promise<readonly number[]> {
  await page.goto(`${url}/admin/prices`, { waitUntil: "load" });
  await page.waitForSelector("[data-board] tr.space", { state: "attached", timeout: 60_000 });
  return page.evaluate<number[]>(`new Promise((resolve) => {
    const box = document.querySelector("[data-board]");
    const gaps = [];
    let last = performance.now();
    const step = (now) => {
      gaps.push(now - last);
      last = now;
      box.scrollTop += 400;
      if (box.scrollTop + box.clientHeight >= box.scrollHeight - 1) resolve(gaps.slice(2));
      else requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  })`);
}

/** Dashboards as the server sees them: each asks for its page every five seconds, with the tag of what it has. */
function openDashboards(url: string): () => void {
  const timers = Array.from({ length: DASHBOARDS }, (_, i) => {
    let tag = "";
    const ask = async (): Promise<void> => {
      const response = await fetch(`${url}${PATHS[i % 5]!}`, { headers: { "if-none-match": tag } }).catch(() => undefined);
      tag = response?.headers.get("etag") ?? tag;
      await response?.arrayBuffer();
    };
    return setInterval(() => void ask(), 5_000 + i);
  });
  return () => timers.forEach((timer) => clearInterval(timer));
}

async function pricesPerSecond({ url, courses }: Platform, seconds: number): Promise<number> {
  return (await load({ url, path: "/optimize_price", bodies: "course", courses, connections: 64, seconds, warmup_s: 1, seed: 1 })).rps;
}

/** How soon pages are there, whether the table keeps up with a hand, and what fifty open dashboards cost prices. */
export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  if (!(await access(CHROMIUM).then(() => true, () => false))) {
    return { metrics: { paint_ms: { unavailable: "no Chromium at /usr/bin/chromium" } }, check: "0", notes: [], failure: "needs Chromium" };
  }
  const { chromium } = await import("playwright-core");
  const platform = await startPlatform(quick);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  try {
    const rounds = quick ? 3 : 7;
    const pages: Record<string, number | null>[] = [];
    const paints: number[] = [];
    const interactives: number[] = [];
    const bare: number[] = [];
    let script_bytes = 0;
    for (const [i, path] of PATHS.entries()) {
      await visit(browser, `${platform.url}${path}`);
      const timings: Timing[] = [];
      for (let round = 0; round < rounds; round++) {
        bare.push(await barePaint(browser, platform.url));
        timings.push(await visit(browser, `${platform.url}${path}`));
      }
      const paint_ms = quantile(timings.map((timing) => timing.paint_ms), 0.5);
      const interactive_ms = quantile(timings.map((timing) => timing.interactive_ms), 0.5);
      paints.push(paint_ms);
      interactives.push(interactive_ms);
      script_bytes = Math.max(script_bytes, ...timings.map((timing) => timing.script_bytes));
      pages.push({ page: i, paint_ms, interactive_ms });
    }
    const context = await browser.newContext({ viewport: { width: 1_360, height: 900 } });
    const gaps = await frames(await context.newPage(), platform.url);
    await context.close();
    const seconds = quick ? 6 : 15;
    const ratios: number[] = [];
    for (let pair = 0; pair < 3; pair++) {
      const alone = await pricesPerSecond(platform, seconds);
      const close = openDashboards(platform.url);
      ratios.push((await pricesPerSecond(platform, seconds)) / alone);
      close();
    }
    const worst_paint_ms = Math.max(...paints);
    const worst_interactive_ms = Math.max(...interactives);
    const metrics: Record<string, Metric> = {
      bare_paint_ms: quantile(bare, 0.5),
      paint_ms: worst_paint_ms,
      interactive_ms: worst_interactive_ms,
      script_kib: script_bytes / 1_024,
      scroll_fps: 1_000 / (gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length),
      scroll_frame_p99_ms: quantile([...gaps], 0.99),
      dashboards_ratio: quantile(ratios, 0.5),
      pages,
    };
    const failures = [
      ...(worst_paint_ms > PAINT_MS_MAX ? [`first paint ${worst_paint_ms.toFixed(0)} ms, more than ${PAINT_MS_MAX}`] : []),
      ...(worst_interactive_ms > INTERACTIVE_MS_MAX ? [`interactive after ${worst_interactive_ms.toFixed(0)} ms, more than ${INTERACTIVE_MS_MAX}`] : []),
    ];
    return {
      metrics,
      check: String(PATHS.length),
      notes: [
        `medians of ${rounds} visits with an empty cache each, of the slowest page; pages: ${PATHS.map((path, i) => `${i} ${path}`).join(", ")}`,
        "interactive: the page's script has run to its end; browser and engine share the machine, and the browser draws without a GPU",
        `dashboards_ratio: prices a second beside ${DASHBOARDS} dashboards that ask every five seconds, over prices a second without them; median of three pairs`,
        "bare_paint_ms: the landing page's, which has neither data nor script, between the same visits",
      ],
      ...(failures.length === 0 ? {} : { failure: failures.join("; ") }),
    };
  } finally {
    await browser.close();
    await platform.stop();
  }
}
