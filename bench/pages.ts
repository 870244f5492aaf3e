import { access } from "node:fs/promises";
import type { Browser, Page } from "playwright-core";
import { TidemarkError } from "../src/lib/errors.ts";
import { type Platform, startPlatform } from "./platform.ts";
import { load } from "./processes.ts";
import type { BenchOptions, BenchResult, Metric } from "./report.ts";
import { quantile } from "./stats.ts";

const CHROMIUM = "/usr/bin/chromium";
const DASHBOARDS = 50;
/** As the table's script has it. */
const ROWS_EVERY_MS = 15_000;
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
  await page.waitForSelector("[data-board] table.virtual", { state: "attached", timeout: 60_000 });
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

/** What the i-th of many people has open: the platform's pages are the same for all, courses, teachers and learners are different ones. */
function pathOf(i: number): string {
  const path = PATHS[i % PATHS.length]!;
  return path.replace(/\d+$/, (digits) => String(1 + Math.floor(i / PATHS.length)).padStart(digits.length, "0"));
}

/** A page as a browser keeps it open: loaded, then brought up to date by the engine; the table of prices asks for its rows by itself. Resolves once it is open. */
async function openDashboard(url: string, path: string, signal: AbortSignal, onUpdate: () => void): Promise<void> {
  const html = await (await fetch(`${url}${path}`, { signal })).text();
  const tag = /data-live-tag="(\w+)"/.exec(html)?.[1];
  const mark = /class="[^"]*\bpending\b/.test(html) ? "" : (/data-live-mark="([\d.]+)"/.exec(html)?.[1] ?? "");
  if (tag === undefined) {
    let etag = "";
    const ask = async (): Promise<void> => {
      const response = await fetch(`${url}/admin/prices.json`, { headers: { "if-none-match": etag }, signal });
      etag = response.headers.get("etag") ?? etag;
      await response.arrayBuffer();
    };
    const timer = setInterval(() => void ask().catch(() => undefined), ROWS_EVERY_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
    return ask();
  }
  const { status, body } = await fetch(`${url}/live?page=${encodeURIComponent(path)}&tag=${tag}&mark=${mark}`, { headers: { accept: "text/event-stream" }, signal });
  if (status !== 200 || body === null) throw new TidemarkError("bench_pages", `GET /live of ${path} answered ${status}`);
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const bytes of body) if (decoder.decode(bytes, { stream: true }).includes("event: page")) onUpdate();
  };
  read().catch(() => undefined);
}

interface Dashboards {
  readonly updates: number;
  close(): void;
}

export async function openDashboards(url: string): Promise<Dashboards> {
  const stop = new AbortController();
  let updates = 0;
  await Promise.all(Array.from({ length: DASHBOARDS }, (_, i) => openDashboard(url, pathOf(i), stop.signal, () => void updates++)));
  return {
    get updates() {
      return updates;
    },
    close: () => stop.abort(),
  };
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
    const updates: number[] = [];
    for (let pair = 0; pair < 3; pair++) {
      const alone = await pricesPerSecond(platform, seconds);
      const dashboards = await openDashboards(platform.url);
      ratios.push((await pricesPerSecond(platform, seconds)) / alone);
      updates.push(dashboards.updates);
      dashboards.close();
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
      dashboard_updates: quantile(updates, 0.5),
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
        `dashboards_ratio: prices a second beside ${DASHBOARDS} pages that are open (a connection of GET /live each; all platform pages, and courses, teachers and learners that differ), over prices a second without them; median of three pairs; dashboard_updates: what they were sent meanwhile`,
        "bare_paint_ms: the landing page's, which has neither data nor script, between the same visits",
      ],
      ...(failures.length === 0 ? {} : { failure: failures.join("; ") }),
    };
  } finally {
    await browser.close();
    await platform.stop();
  }
}
