import { beforeEach, describe, expect, test } from "vitest";
import { silentLogger } from "../../lib/log.ts";
import { registered, tokens } from "../learners/testing.ts";
import { SentEvents } from "../stream/testing.ts";
import { catalogueEngine } from "../catalogue-testing.ts";
import { TestClock, type TestEngine } from "../testing.ts";
import { type PageUpdate, PageWatch, type WatchedPage, WATCHED_MAX, WATCHERS_MAX } from "./page-watch.ts";

/** What a browser is told, one event after the other. */
class Told {
  readonly #events: SentEvents;

  constructor(body: ReadableStream<Uint8Array>) {
    this.#events = new SentEvents(body);
  }

  /** undefined: nothing more comes. */
  async next(): Promise<{ readonly name: string; readonly html: string | undefined } | undefined> {
    const event = await this.#events.next();
    return event === undefined ? undefined : { name: event.name, html: (event.data as { html?: string }).html };
  }

  cancel(): Promise<void> {
    return this.#events.cancel();
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("open pages", () => {
  let clock: TestClock;
  let watch: PageWatch;
  let made: number;
  let mark: string;
  let status: number;

  beforeEach(() => {
    clock = new TestClock();
    watch = new PageWatch(clock, silentLogger);
    made = 0;
    mark = "";
    status = 200;
  });

  const page = (key: string): WatchedPage => ({
    key,
    every_ms: 5_000,
    mark: () => mark,
    make: (): Promise<PageUpdate> => {
      made++;
      return Promise.resolve({ status, tag: `${key}${mark}`, html: `<p>${key}${mark}</p>` });
    },
  });
  const open = (key = "a", tag = "", allowed = (): boolean => true): Told => new Told(watch.open(page(key), { tag, mark: "unknown" }, allowed));
  async function pass(ms: number): Promise<void> {
    clock.time_ms += ms;
    watch.check();
    await settled();
  }

  test("are made once for all, and sent to those that have another one", async () => {
    const [first, second, current] = [open(), open("a", "old"), open("a", "a")];
    expect(await first.next()).toEqual({ name: "page", html: "<p>a</p>" });
    expect(await second.next()).toEqual({ name: "page", html: "<p>a</p>" });
    expect(made).toBe(1);
    mark = "1";
    await pass(1_000);
    for (const told of [first, second, current]) expect(await told.next()).toEqual({ name: "page", html: "<p>a1</p>" });
    expect(made).toBe(2);
  });

  test("are not made for a browser that has just got them, until something happens", async () => {
    mark = "7";
    const told = new Told(watch.open(page("a"), { tag: "a7", mark: "7" }, () => true));
    await pass(900);
    expect(made).toBe(0);
    mark = "8";
    await pass(100);
    expect([made, (await told.next())?.html]).toEqual([1, "<p>a8</p>"]);
    // Who comes later with an older one is told what there is.
    const late = new Told(watch.open(page("a"), { tag: "a7", mark: "7" }, () => true));
    expect([(await late.next())?.html, made]).toEqual(["<p>a8</p>", 1]);
    const next = new Told(watch.open(page("b"), { tag: "b7", mark: "7" }, () => true));
    expect([(await next.next())?.html, made]).toEqual(["<p>b8</p>", 2]);
  });

  test("are made anew when their mark changes, once a second at most, and in any case when their time has come", async () => {
    const told = open();
    await told.next();
    for (let i = 0; i < 20; i++) {
      mark = String(i);
      await pass(100);
    }
    expect(made).toBe(3);
    for (let i = 0; i < 20; i++) await pass(100);
    expect(made).toBe(3);
    await pass(4_000);
    expect(made).toBe(4);
    await told.cancel();
    await pass(10_000);
    expect([made, watch.watchers]).toEqual([4, 0]);
  });

  test("of somebody who does not read are passed over, and the last one is sent", async () => {
    const told = open();
    await settled();
    for (let i = 1; i <= 3; i++) {
      mark = String(i);
      await pass(1_000);
    }
    expect(made).toBe(4);
    expect((await told.next())?.html).toBe("<p>a3</p>");
  });

  test("of somebody who reads nothing at all are let go of", async () => {
    const told = open();
    await settled();
    await pass(5_000);
    await pass(31_000);
    expect(watch.watchers).toBe(0);
    const names: (string | undefined)[] = [];
    for (let event = await told.next(); event !== undefined; event = await told.next()) names.push(event.name);
    expect(names.at(-1)).toBe("ended");
  });

  test("end when the key is not good for them any more, or they are not there; trouble passes", async () => {
    let allowed = true;
    const [revoked, stays] = [open("a", "", () => allowed), open()];
    for (const told of [revoked, stays]) await told.next();
    allowed = false;
    mark = "1";
    await pass(1_000);
    expect([await revoked.next(), await revoked.next()]).toEqual([{ name: "ended", html: undefined }, undefined]);
    expect((await stays.next())?.html).toBe("<p>a1</p>");
    status = 503;
    await pass(5_000);
    expect((await stays.next())?.name).toBe("trouble");
    status = 200;
    await pass(5_000);
    expect((await stays.next())?.html).toBe("<p>a1</p>");
    status = 404;
    await pass(5_000);
    expect([(await stays.next())?.name, await stays.next(), watch.watchers]).toEqual(["ended", undefined, 0]);
  });

  test("are so many, and no more; a stopping process has none", async () => {
    for (let i = 0; i < WATCHED_MAX; i++) open(`page ${i}`);
    expect(() => open("one more")).toThrow("Too many pages are open");
    for (let i = WATCHED_MAX; i < WATCHERS_MAX; i++) open("page 0");
    expect(() => open("page 0")).toThrow("Too many pages are open");
    expect([watch.watchers, watch.refused]).toEqual([WATCHERS_MAX, 2]);
    watch.close();
    expect(watch.watchers).toBe(0);
    expect(() => open()).toThrow("is stopping");
    await settled();
  });
});

describe("GET /live", () => {
  let engine: TestEngine;

  beforeEach(async () => {
    engine = await catalogueEngine();
    engine.fold(registered("l1"), tokens("l1", "purchased", 300));
  });

  const get = (page: string): Promise<Response> => Promise.resolve(engine.app.request(`/live?page=${encodeURIComponent(page)}`));

  test("tells of an event of what the page is about, and of nothing when none came", async () => {
    const document = await (await engine.app.request("/learner/l1")).text();
    const told = new Told((await get("/learner/l1")).body!);
    expect((await told.next())?.html).toContain(">300</strong>");
    engine.fold(tokens("l1", "purchased", 77));
    engine.clock.time_ms += 1_000;
    engine.watch.check();
    const { html } = (await told.next())!;
    expect(html).toContain(">377</strong>");
    expect(html).not.toMatch(/<main|<html|<script/);
    expect(document).toMatch(/data-live-tag="[0-9a-f]{32}"/);
    await told.cancel();
  });

  test.each(["/courses", "/metrics", "/admin/../metrics", "/admin/%2e%2e/keys", "/login", "/admin/prices", "/admin/prices.json", "/assets/x.js", "/live?page=/admin", "/"])("%s is no page that changes", async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  test.each(["//evil.example/admin", "/\\evil.example", "admin", "", "https://evil.example/"])("%s is no path", async (path) => {
    expect((await get(path)).status).toBe(422);
  });
});
