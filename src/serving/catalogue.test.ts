import * as fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { categoriesAnswerSchema, courseDetailSchema, coursesAnswerSchema } from "../contracts/catalogue.ts";
import type { Event } from "../contracts/events.ts";
import { problemSchema } from "../contracts/problem.ts";
import { FeatureReader } from "../features/feature-reader.ts";
import { FeatureWriter } from "../features/feature-writer.ts";
import { MemoryStore } from "../features/memory-store.ts";
import { PartitionedStore } from "../features/partitioned-store.ts";
import { formatTime, HOUR_MS, MINUTE_MS } from "../lib/time.ts";
import { CatalogueClient, catalogueArtifact, catalogueEngine, ids, repriced, upserted, viewed } from "./catalogue-testing.ts";
import { START_MS, testArtifact, TestEngine } from "./testing.ts";

let engine: TestEngine;
let client: CatalogueClient;

function use(other: TestEngine): void {
  engine = other;
  client = new CatalogueClient(engine);
}

beforeEach(async () => use(await catalogueEngine()));

describe("ETags", () => {
  const paths = ["/categories", "/courses", "/courses?sort=price", "/courses?with=recommendation", "/courses/c1"];

  test.each(paths)("%s is not sent again to whoever has it, until it changes", async (path) => {
    const first = await client.get(path);
    const etag = first.headers.get("etag")!;
    expect(etag).toMatch(/^W\/"[0-9a-f]{32}"$/);
    expect(first.headers.get("cache-control")).toBe("private, no-cache");
    // Within the minutes that prices are of: only what is said of its age moves on.
    engine.clock.time_ms += 2_500;
    for (const known of [etag, etag.slice(2), `"other", ${etag}`, "*"]) {
      const again = await client.get(path, { "if-none-match": known });
      expect([again.status, await again.text()]).toEqual([304, ""]);
      expect(again.headers.get("etag")).toBe(etag);
      expect(again.headers.get("content-type")).toBeNull();
    }
    for (const other of ["", '"other"', etag.slice(3), 'W/"*"']) expect((await client.get(path, { "if-none-match": other })).status).toBe(200);
    engine.enroll("c1", 100);
    engine.clock.time_ms += 1_000;
    const changed = await client.get(path, { "if-none-match": etag });
    expect(changed.status).toBe(200);
    expect(changed.headers.get("etag")).not.toBe(etag);
  });

  test("tell pages, models and degradation apart", async () => {
    const tags = new Set<string | null>();
    const add = async (path: string): Promise<void> => void tags.add((await client.get(path)).headers.get("etag"));
    for (const path of [...paths, "/courses?limit=1", "/courses?limit=1&after=c1", "/courses/c2"]) await add(path);
    engine.broker.connected = false;
    for (const path of paths) await add(path);
    engine.broker.connected = true;
    engine.promote(testArtifact("v2"));
    await engine.models.check();
    for (const path of paths) await add(path);
    expect(tags.size).toBe(8 + 5 + 5);
  });
});

describe("the store behind it", () => {
  test("is missing: 503 with its reason; or is another by the next turn: answered from that", async () => {
    const { current } = engine.features;
    for (const path of ["/categories", "/courses", "/courses?sort=price", "/courses/c1"]) {
      engine.features.current = undefined;
      engine.features.reason = "gone";
      expect(await client.problem(path)).toMatchObject({ status: 503, code: "features_unavailable", detail: "gone" });
      engine.features.current = current;
      expect((await client.get(path)).status).toBe(200);
    }
    const other = new TestEngine();
    other.fold(upserted("z1", "zoo"));
    engine.fold(...Array.from({ length: 200 }, (_, i) => upserted(`x${i}`)));
    for (const path of ["/courses?limit=500", "/courses?limit=500&sort=-price", "/courses?limit=500&with=recommendation"]) {
      engine.features.current = current;
      const asked = client.courses(path);
      setImmediate(() => setImmediate(() => (engine.features.current = { store: other.store, reader: new FeatureReader(other.store) })));
      expect(ids(await asked)).toEqual(["z1"]);
      expect((await client.categories()).categories.map(({ category }) => category)).toEqual(["zoo"]);
    }
    engine.features.current = current;
    const lost = client.get("/courses?limit=500");
    setImmediate(() => setImmediate(() => (engine.features.current = undefined)));
    expect((await lost).status).toBe(503);
  });
});

test("partitions answer what a single store answers", async () => {
  use(new TestEngine());
  const events: Event[] = Array.from({ length: 30 }, (_, i) => upserted(`c${i}`, i % 3 === 0 ? "design" : "programming", `t${i % 4}`, 40 + i));
  for (let i = 0; i < 300; i++) {
    const time_ms = START_MS - (300 - i) * HOUR_MS;
    events.push(viewed(`c${i % 30}`, 40 + (i % 30), time_ms));
    if (i % 7 === 0) events.push({ id: `e${i}`, type: "enrollment.created", time: formatTime(time_ms), enrollment_id: `e${i}`, course_id: `c${i % 11}`, learner_id: `l${i}`, price: 50 });
    if (i % 5 === 0) events.push(repriced(`c${i % 13}`, 30 + (i % 40), time_ms));
  }
  engine.fold(...events);
  engine.promote(catalogueArtifact);
  await engine.models.check();
  const stores = [0, 1, 2].map((index) => {
    const store = new MemoryStore();
    const writer = new FeatureWriter(store, { partition: { index, count: 3 } });
    for (const [i, event] of events.entries()) writer.apply({ sequence: i + 1, broker_time_ms: Date.parse(event.time), event_time_ms: Date.parse(event.time), known_at_ms: Date.parse(event.time), event });
    writer.commit({ stream_created: "s", sequence: events.length, message_hash: "" });
    return store;
  });
  const paths = ["/categories", "/courses?limit=7&after=c15", "/courses?with=recommendation", "/courses?sort=-revenue&limit=5", "/courses?teacher_id=t1&sort=price", "/courses/c5", "/courses/c10"];
  const bodies = (): Promise<string[]> => Promise.all(paths.map(async (path) => (await client.get(path)).text()));
  const whole = await bodies();
  const store = new PartitionedStore(stores);
  engine.features.current = { store, reader: new FeatureReader(store) };
  expect(await bodies()).toEqual(whole);
  expect((await client.pages("/courses?limit=4")).flatMap(ids)).toHaveLength(30);
});

test("beyond so many calls at once the next is turned away, and what runs is answered", async () => {
  const responses = await Promise.all(Array.from({ length: 180 }, (_, i) => client.get(["/courses", "/categories", "/courses/c1"][i % 3]!)));
  const by = (status: number): Response[] => responses.filter((response) => response.status === status);
  expect([by(200).length, by(503).length]).toEqual([128, 52]);
  expect(by(503)[0]!.headers.get("retry-after")).toBe("1");
  expect(problemSchema.parse(await by(503)[0]!.json())).toMatchObject({ code: "overloaded" });
  const metrics = await (await client.get("/metrics")).text();
  expect(metrics).toMatch(/tidemark_turns_shed_total 52\n/);
  expect(metrics).toMatch(/tidemark_turns_running 0\n/);
  expect((await client.get("/courses")).status).toBe(200);
});

describe("hostile requests", () => {
  const text = fc.oneof(fc.constantFrom("c1", "c2", "design", "t1", "__proto__", "constructor", "", "-1", "0", "500", "1e9", "NaN", "price", "-price", "recommendation", "100~c1", "~", "~c1", "\u0000", "🜁"), fc.string({ unit: "binary", maxLength: 80 }));
  const query = fc.array(fc.tuple(fc.oneof(fc.constantFrom("limit", "after", "category", "teacher_id", "sort", "with", "__proto__"), text), text), { maxLength: 6 }).map((pairs) => pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&"));

  test("get an answer of the schema or a problem, never a stack", async () => {
    engine.fold(...["__proto__", "constructor", "toString"].map((id) => upserted(id, id, id)));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom("/courses", "/categories", "/courses/c1"), query, async (path, parameters) => {
        const response = await client.get(`${path}?${parameters}`);
        const body: unknown = await response.json();
        const schema = response.status !== 200 ? problemSchema : path === "/courses" ? coursesAnswerSchema : path === "/categories" ? categoriesAnswerSchema : courseDetailSchema;
        schema.strict().parse(body);
        expect([200, 422]).toContain(response.status);
      }),
      { numRuns: 500 },
    );
    await fc.assert(
      fc.asyncProperty(text, async (id) => {
        const response = await client.get(`/courses/${encodeURIComponent(id)}`);
        expect([200, 404]).toContain(response.status);
        (response.status === 404 ? problemSchema : response.url.endsWith("/courses/") ? coursesAnswerSchema : courseDetailSchema).strict().parse(await response.json());
      }),
      { numRuns: 200 },
    );
    for (const id of ["__proto__", "constructor", "toString"]) {
      expect(await client.course(id)).toMatchObject({ course_id: id, category: id, elasticity: { estimated: { source: "global", identified: false } } });
      expect(ids(await client.courses(`/courses?category=${id}`))).toEqual([id]);
      expect(ids(await client.courses(`/courses?teacher_id=${id}&sort=-price`))).toEqual([id]);
    }
  });

  test("a minute later everything is still answered", async () => {
    for (let minute = 0; minute < 3; minute++) {
      engine.clock.time_ms += MINUTE_MS;
      for (const path of ["/categories", "/courses?with=recommendation", "/courses?sort=-revenue", "/courses/c1"]) expect((await client.get(path)).status).toBe(200);
    }
  });
});
