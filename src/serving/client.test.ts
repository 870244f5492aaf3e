import { beforeEach, describe, expect, test } from "vitest";
import { TidemarkClient } from "./client.ts";
import { TidemarkApiError } from "./client-error.ts";
import type { ClientEvent } from "./client-events.ts";
import { STREAM_CONTROL } from "../contracts/subjects.ts";
import { registered } from "./learners/testing.ts";
import { templateOf } from "./landing.ts";
import { testArtifact, TestEngine } from "./testing.ts";

let engine: TestEngine;
let client: TidemarkClient;
let slept: number[];

beforeEach(async () => {
  engine = new TestEngine();
  engine.clock.passing = true;
  engine.foldCatalogue();
  engine.fold(registered("l1"));
  engine.promote(testArtifact());
  await engine.models.check();
  slept = [];
  const sleep = async (ms: number): Promise<void> => void slept.push(ms);
  client = new TidemarkClient({ url: "http://engine/", key: "k", fetch: async (request) => engine.app.request(request), sleep });
});

/** Endpoints for people, and for the page that people read them on. */
const FOR_PEOPLE = new Set(["GET /", "GET /docs", "GET /docs/{file}", "POST /session", "DELETE /session"]);

/** What a method asks for, with `ID` wherever it was given text. */
async function reached(name: string): Promise<string> {
  let asked = "";
  const recording = new TidemarkClient({
    url: "http://engine",
    retries: 0,
    fetch: async ({ method, url }) => {
      asked = `${method} ${new URL(url).pathname}`;
      throw new Error("recorded");
    },
  });
  const method = (recording as unknown as Record<string, (...args: readonly unknown[]) => unknown>)[name]!;
  const result = method.length > 0 && !/^(stream|propensity|publish|optimize|predict|priceBatch|personalized|validate|defineExp|experimentPower|bundle|simulate)/.test(name) ? method.call(recording, "ID", "ID") : method.call(recording, name === "stream" ? {} : {}, new AbortController().signal);
  await (Symbol.asyncIterator in (result as object) ? (result as AsyncGenerator).next() : (result as Promise<unknown>)).catch(() => undefined);
  return asked;
}

describe("the client", () => {
  test("has a method for every endpoint, and none for what is no endpoint", async () => {
    const names = Object.getOwnPropertyNames(TidemarkClient.prototype).filter((name) => name !== "constructor");
    const asked = await Promise.all(names.map(reached));
    const templates = engine.app.endpoints.map(({ method, path }) => `${method} ${templateOf(path)}`);
    const matches = (template: string): boolean => asked.some((one) => new RegExp(`^${template.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(one));
    expect(templates.filter((template) => !FOR_PEOPLE.has(template) && !matches(template)), "endpoints without a method in client.ts").toEqual([]);
    const endpoints = templates.map((template) => new RegExp(`^${template.replaceAll(/\{\w+\}/g, "[^/]+")}$`));
    expect(asked.filter((one) => !endpoints.some((endpoint) => endpoint.test(one)))).toEqual([]);
  });

  test("asks and is answered", async () => {
    const answer = await client.optimizePrice({ course_id: "c1" });
    expect(answer.course_id).toBe("c1");
    expect((await client.predictEnrollments({ course_id: "c1", price_points: [90, 100] })).predictions).toHaveLength(2);
    expect((await client.modelInfo()).champion).toBe("log_linear");
    expect((await client.entityFeatures("course", "c1")).entity).toBe("course");
    expect((await client.course("c1")).recommendation.quote_id).toBe(answer.quote_id);
    const ids: string[] = [];
    for await (const { course_id } of client.allCourses({ limit: 1 })) ids.push(course_id);
    expect(ids).toEqual(["c1", "c2", "c3"]);
    const [accepted] = (await client.publishEvents([{ id: "e1", type: "learner.upserted", time: "2026-03-01T12:00:00Z", learner_id: "l9", registered_at: "2026-03-01T12:00:00Z" }])).results;
    expect(accepted?.status).toBe("accepted");
    expect(await client.metrics()).toContain("tidemark_http_request_duration_seconds");
    expect((await client.setPersonalisation("l1", { allowed: false, reason: "asked" })).allowed).toBe(false);
    expect((await client.personalisation("l1")).allowed).toBe(false);
  });

  test("throws what the engine refuses, with its code and field", async () => {
    const refused = await client.optimizePrice({ course_id: "nobody" }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(TidemarkApiError);
    expect(refused).toMatchObject({ status: 404, code: "unknown_course", field: "course_id" });
    await expect(client.course("../metrics")).rejects.toMatchObject({ status: 404 });
    await expect(client.courses({ limit: 0 })).rejects.toMatchObject({ code: "invalid_field", field: "limit" });
    expect(slept).toEqual([]);
  });

  test("asks again after as long as the engine says, and gives up", async () => {
    const { current } = engine.features;
    engine.features.current = undefined;
    await expect(client.course("c1")).rejects.toMatchObject({ code: "features_unavailable" });
    expect(slept).toEqual([1_000, 1_000]);
    slept.length = 0;
    const waking = new TidemarkClient({ url: "http://engine", fetch: async (request) => engine.app.request(request), sleep: async (ms) => void (slept.push(ms), (engine.features.current = current)) });
    expect((await waking.course("c1")).course_id).toBe("c1");
    expect(slept).toEqual([1_000]);
  });

  test("sends no change again of which nobody knows whether it was made", async () => {
    let sent = 0;
    const answering = (code: string, status: number): TidemarkClient =>
      new TidemarkClient({
        url: "http://engine",
        sleep: async () => undefined,
        fetch: async () => {
          sent++;
          return Response.json({ type: "x", title: "x", status, detail: "x", code }, { status });
        },
      });
    await expect(answering("broker_unavailable", 503).setPersonalisation("l1", { allowed: true, reason: "x" })).rejects.toMatchObject({ code: "broker_unavailable" });
    expect(sent).toBe(1);
    sent = 0;
    await expect(answering("overloaded", 503).setPersonalisation("l1", { allowed: true, reason: "x" })).rejects.toMatchObject({ code: "overloaded" });
    expect(sent).toBe(3);
    sent = 0;
    await expect(answering("rate_limited", 429).optimizePrice({ course_id: "c1" })).rejects.toMatchObject({ code: "rate_limited" });
    expect(sent).toBe(3);
    const proxy = new TidemarkClient({ url: "http://engine", retries: 0, fetch: async () => new Response("<html>bad gateway", { status: 502 }) });
    await expect(proxy.health()).rejects.toMatchObject({ status: 502, code: "unknown" });
  });

  test("listens across lost connections, from behind the last event that arrived", async () => {
    const stop = new AbortController();
    const from: (string | null)[] = [];
    const event = (sequence: number): string => `event: models\nid: C${sequence}\ndata: ${JSON.stringify({ topic: "models", sequence, time: "", subject: "control.model.elasticity", data: {} })}\n\n`;
    const bodies = [`retry: 2000\n\nevent: ready\nid: C1\ndata: {}\n\n${event(2)}: \n\n${event(3).slice(0, 30)}`, "", `event: gap\nid: C2\ndata: {"next":4}\n\n${event(4)}`];
    const listening = new TidemarkClient({
      url: "http://engine",
      sleep: async () => undefined,
      fetch: async (request) => {
        from.push(request.headers.get("last-event-id"));
        expect(new URL(request.url).search).toBe("?topics=models%2Cprices");
        return new Response(bodies.shift());
      },
    });
    const seen: ClientEvent[] = [];
    for await (const one of listening.stream({ topics: ["models", "prices"] }, stop.signal)) {
      seen.push(one);
      if (one.id === "C4") stop.abort();
    }
    expect(seen.map((one) => ("topic" in one ? one.topic : one.notice) + one.id)).toEqual(["readyC1", "modelsC2", "gapC2", "modelsC4"]);
    expect(from).toEqual([null, "C2", "C2"]);
  });

  test("reads what the engine streams", async () => {
    const stop = new AbortController();
    const seen: ClientEvent[] = [];
    for await (const one of client.stream({ topics: ["models"] }, stop.signal)) {
      seen.push(one);
      if ("topic" in one) stop.abort();
      else engine.broker.deliver(STREAM_CONTROL, "control.model.elasticity", 700, { version: "v2" });
    }
    expect(seen).toMatchObject([{ notice: "ready" }, { id: "C700", topic: "models", event: { data: { version: "v2" } } }]);
    expect(engine.stream.clients).toBe(0);
    await expect(client.stream({ after: "x" }, new AbortController().signal).next()).rejects.toMatchObject({ code: "invalid_field" });
  });
});
