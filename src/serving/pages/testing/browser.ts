import { accessSync, constants, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { systemClock } from "../../../lib/clock.ts";
import { HttpServer } from "../../http-server.ts";
import type { TestEngine } from "../../testing.ts";

const TICK_MS = 100;
/** Nobody sees so little move. */
const STILL = 0.005;
const NAMES = ["chromium", "chromium-browser", "google-chrome"];

function executable(): string | undefined {
  for (const directory of (process.env["PATH"] ?? "").split(delimiter)) {
    for (const name of NAMES) {
      const path = join(directory, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not here.
      }
    }
  }
  return undefined;
}

/** undefined: there is no Chromium on PATH, and tests in a browser are skipped. */
export const chromiumPath = executable();

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export interface Finding {
  readonly rule: string;
  readonly where: string;
}

/** A page that a person looks at, and everything that should not happen meanwhile. */
export class Visit {
  readonly page: Page;
  readonly origin: string;
  /** Errors and warnings of the console, failed requests, requests that left the host. */
  readonly complaints: string[] = [];

  constructor(page: Page, origin: string) {
    this.page = page;
    this.origin = origin;
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.complaints.push(`${message.type()}: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.complaints.push(`thrown: ${error.message}`));
    page.on("request", (request) => {
      if (!request.url().startsWith(`${origin}/`)) this.complaints.push(`left the host: ${request.url()}`);
    });
  }

  async open(path: string): Promise<void> {
    await this.page.goto(`${this.origin}${path}`, { waitUntil: "load" });
    await this.page.waitForFunction(() => performance.getEntriesByName("tidemark-interactive").length > 0);
  }

  /** Serious and critical findings of axe-core. */
  async accessibility(): Promise<Finding[]> {
    await this.page.evaluate(axeSource);
    return this.page.evaluate(async () => {
      const axe = (globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; impact: string | null; nodes: { target: unknown[]; failureSummary?: string }[] }[] }> } }).axe;
      const { violations } = await axe.run();
      return violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => ({ rule: id, where: `${target.join(" ")}: ${failureSummary ?? ""}` })));
    });
  }

  /** What has moved by itself since the page was opened, so that somebody would see it, and by how much of the window (web.dev/cls). */
  moved(): Promise<string[]> {
    return this.page.evaluate<string[]>(`new Promise((resolve) => {
      const moved = [];
      const what = ({ node, previousRect, currentRect }) => (node?.nodeName ?? "?") + "." + (node?.className ?? node?.textContent ?? "") + " from " + previousRect.y + " to " + currentRect.y;
      const add = (list) => list.getEntries().filter((entry) => !entry.hadRecentInput && entry.value > ${STILL}).forEach((entry) => moved.push(entry.value.toFixed(3) + ": " + entry.sources.map(what).join(", ")));
      new PerformanceObserver(add).observe({ type: "layout-shift", buffered: true });
      requestAnimationFrame(() => setTimeout(() => resolve(moved), 50));
    })`);
  }

  /** Whether something is wider than the window. */
  overflows(): Promise<boolean> {
    return this.page.evaluate<boolean>("document.documentElement.scrollWidth > document.documentElement.clientWidth");
  }
}

export interface VisitOptions {
  readonly theme?: "light" | "dark";
  readonly width?: number;
  readonly height?: number;
  /** Of another application than the engine's own. */
  readonly origin?: string;
}

/** An engine behind a socket, and a browser that visits it. */
export class BrowserEngine {
  readonly engine: TestEngine;
  readonly #server: HttpServer;
  #browser: Browser | undefined;
  #origin = "";
  readonly #contexts: BrowserContext[] = [];
  /** The engine's time goes on like the browser's. */
  #ticking: ReturnType<typeof setInterval> | undefined;

  constructor(engine: TestEngine) {
    this.engine = engine;
    this.#server = new HttpServer(engine.app, systemClock);
  }

  async start(): Promise<void> {
    this.#origin = `http://127.0.0.1:${await this.#server.listen("127.0.0.1", 0)}`;
    this.#ticking = setInterval(() => {
      this.engine.clock.time_ms += TICK_MS;
      this.engine.watch.check();
    }, TICK_MS);
    this.#browser = await chromium.launch({ executablePath: chromiumPath!, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  }

  async visit({ theme = "light", width = 1280, height = 800, origin = this.#origin }: VisitOptions = {}): Promise<Visit> {
    const context = await this.#browser!.newContext({ viewport: { width, height }, colorScheme: theme });
    context.setDefaultTimeout(30_000);
    this.#contexts.push(context);
    return new Visit(await context.newPage(), origin);
  }

  async leave(): Promise<void> {
    for (const context of this.#contexts.splice(0)) await context.close();
  }

  async stop(): Promise<void> {
    clearInterval(this.#ticking);
    await this.leave();
    await this.#browser?.close();
    this.engine.watch.close();
    await this.#server.drain();
  }
}
