import { beforeEach, describe, expect, test } from "vitest";
import { keyCreatedAnswerSchema, keyListAnswerSchema } from "../contracts/key-api.ts";
import type { KeyMessage, Role } from "../contracts/control.ts";
import { problemSchema } from "../contracts/problem.ts";
import { controlSubject } from "../contracts/subjects.ts";
import { silentLogger } from "../lib/log.ts";
import { createKey, hashOf } from "./keys/api-key.ts";
import { KeyAccess } from "./keys/key-access.ts";
import { KeyHolder } from "./keys/key-holder.ts";
import { registered } from "./learners/testing.ts";
import type { Access } from "./route-table.ts";
import { testArtifact, TestEngine } from "./testing.ts";

/** An engine whose keys CONTROL names. */
class KeyedEngine extends TestEngine {
  readonly keys: KeyHolder;
  readonly access: KeyAccess;

  constructor() {
    // The table asks for guards while the engine is made; they look the access up when they run.
    const late: { access?: KeyAccess } = {};
    const access: Access = {
      guard: (definition) => {
        let guard: ReturnType<Access["guard"]> | undefined;
        return (context) => (guard ??= late.access!.guard(definition))(context);
      },
    };
    super({ access, cors_origins: ["https://shop.example"] });
    this.keys = new KeyHolder({ features: this.features, clock: this.clock, logger: silentLogger, copy: undefined, always: false });
    this.access = new KeyAccess(this.keys, this.clock);
    late.access = this.access;
  }

  async say(message: KeyMessage): Promise<void> {
    this.foldControl(controlSubject("key", message.key_id), message);
    await this.keys.check();
  }

  async key(role: Role, more: Partial<KeyMessage> = {}): Promise<string> {
    const { key, key_id, hash } = createKey();
    await this.say({ type: "key.created", time: "2026-03-01T12:00:00Z", author: "test", reason: "", key_id, hash, role, name: `${role} key`, ...more } as KeyMessage);
    return key;
  }
}

let engine: KeyedEngine;

beforeEach(async () => {
  engine = new KeyedEngine();
  engine.foldCatalogue();
  engine.fold(registered("l1"), registered("l2"));
  engine.promote(testArtifact());
  await engine.models.check();
});

type Headers = Readonly<Record<string, string>>;
const bearer = (key: string): Headers => ({ authorization: `Bearer ${key}` });
const price = (headers: Headers = {}): Promise<Response> => Promise.resolve(engine.app.request("/optimize_price", { method: "POST", body: '{"course_id":"c1"}', headers: { "content-type": "application/json", ...headers } }));
const get = (path: string, headers: Headers = {}): Promise<Response> => Promise.resolve(engine.app.request(path, { headers }));

async function refusal(response: Response): Promise<string> {
  const problem = problemSchema.strict().parse(await response.json());
  expect(problem.status).toBe(response.status);
  return problem.code;
}

describe("keys of requests", () => {
  test("nobody is asked for one before there is one", async () => {
    expect((await price()).status).toBe(200);
    expect((await price(bearer("anything"))).status).toBe(200);
    await engine.key("admin");
    expect((await price()).status).toBe(401);
  });

  test("an administrator makes, lists and revokes keys by HTTP: shown once, in force and out of it from then on", async () => {
    engine.clock.passing = true;
    const admin = await engine.key("admin");
    const ask = (method: string, path: string, body?: object): Promise<Response> => Promise.resolve(engine.app.request(path, { method, headers: { ...bearer(admin), "content-type": "application/json" }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }));
    const made = await ask("POST", "/keys", { role: "price", name: "shop", reason: "the new shop" });
    expect(made.status).toBe(201);
    const { key, key_id, author } = keyCreatedAnswerSchema.parse(await made.json());
    expect(author).toMatch(/^admin key \(/);
    await engine.keys.check();
    expect((await price(bearer(key))).status).toBe(200);

    const listed = await (await ask("GET", "/keys")).text();
    expect(keyListAnswerSchema.parse(JSON.parse(listed)).keys.map(({ name, revoked }) => [name, revoked])).toEqual([["admin key", null], ["shop", null]]);
    expect([key, key.slice(21), hashOf(key)].filter((secret) => listed.includes(secret))).toEqual([]);
    const operator = bearer(await engine.key("operate"));
    for (const [method, path] of [["GET", "/keys"], ["POST", "/keys"], ["DELETE", `/keys/${key_id}`]] as const) expect((await engine.app.request(path, { method, headers: operator })).status, method).toBe(403);

    expect((await ask("DELETE", `/keys/${key_id}`)).status).toBe(422);
    expect((await ask("DELETE", "/keys/0123456789abcdef?reason=gone")).status).toBe(404);
    expect((await ask("DELETE", `/keys/${key_id}?reason=moved`)).status).toBe(200);
    await engine.keys.check();
    expect((await price(bearer(key))).status).toBe(401);
    expect(await refusal(await ask("DELETE", `/keys/${key_id}?reason=moved`))).toBe("conflict");
  });

  test("a key opens by either header; missing, malformed, unknown, wrong and revoked ones get the same answer", async () => {
    const key = await engine.key("price");
    const other = await engine.key("price");
    for (const headers of [bearer(key), { "x-api-key": key }, { authorization: `bearer   ${key}` }, { ...bearer(key), "x-api-key": key }]) expect((await price(headers)).status).toBe(200);
    const revoked = await engine.key("price");
    await engine.say({ type: "key.revoked", time: "2026-03-01T12:00:00Z", author: "test", reason: "", key_id: revoked.slice(4, 20) });
    const wrong: Headers[] = [
      {},
      bearer(""),
      bearer(revoked),
      bearer(createKey().key),
      bearer(`${key}x`),
      bearer(key.slice(0, -1)),
      bearer(key.toUpperCase()),
      bearer(`${key.slice(0, 20)}_${other.slice(21)}`),
      bearer(`${key}, ${key}`),
      bearer("__proto__"),
      bearer("tmk___proto________________________________________________________"),
      { authorization: `Basic ${btoa(`key:${key}`)}` },
      { authorization: key },
      { "x-api-key": `${key}, ${key}` },
      { "x-api-key": `Bearer ${key}` },
      { ...bearer(key), "x-api-key": other },
      { cookie: `key=${key}` },
    ];
    const answers = new Set<string>();
    for (const headers of wrong) {
      const response = await price(headers);
      expect(response.status, JSON.stringify(headers)).toBe(401);
      expect(response.headers.get("www-authenticate")).toContain("Bearer");
      answers.add(await response.text());
    }
    expect(answers.size).toBe(1);
    expect((await get(`/model_info?key=${key}`)).status).toBe(401);
    expect(engine.access.refused.unauthorized).toBe(wrong.length + 1);
  });

  test("models are seen by whoever operates the platform, and changed by administrators alone", async () => {
    const models = (role: string, method: "GET" | "POST"): Promise<Response> => Promise.resolve(engine.app.request(method === "GET" ? "/models/elasticity" : "/models/elasticity/pin", { method, headers: { "content-type": "application/json", ...bearer(role) }, ...(method === "POST" ? { body: '{"pinned":true,"reason":"test"}' } : {}) }));
    const answers: [Role, number, number][] = [];
    for (const role of ["price", "events", "operate", "admin"] as const) {
      const key = await engine.key(role);
      answers.push([role, (await models(key, "GET")).status, (await models(key, "POST")).status]);
    }
    expect(answers).toEqual([["price", 403, 403], ["events", 403, 403], ["operate", 200, 403], ["admin", 200, 200]]);
    const { promotions } = (await (await models(await engine.key("operate"), "GET")).json()) as { promotions: { author: string | null }[] };
    expect(promotions.map(({ author }) => author?.replace(/ \(.*/, "") ?? null)).toEqual(["admin key", null]);
  });

  test.each<[Role, number[]]>([
    ["price", [200, 403, 403, 403]],
    ["events", [403, 200, 403, 403]],
    ["operate", [200, 200, 200, 200]],
    ["admin", [200, 200, 200, 200]],
  ])("role %s reaches what it is for", async (role, [prices, events, metrics, features]) => {
    const key = await engine.key(role);
    const event = JSON.stringify([{ id: "v1", type: "exposure.viewed", time: "2026-03-01T12:00:00Z", course_id: "c1", learner_id: "l1", price: 100 }]);
    expect((await price(bearer(key))).status).toBe(prices);
    expect((await engine.app.request("/events", { method: "POST", body: event, headers: { "content-type": "application/json", ...bearer(key) } })).status).toBe(events);
    expect((await get("/metrics", bearer(key))).status).toBe(metrics);
    const response = await get("/features/course/c1", bearer(key));
    expect(response.status).toBe(features);
    expect(features === 403 ? await refusal(response) : "forbidden").toBe("forbidden");
  });

  test("a key that speaks for a learner reaches that learner alone", async () => {
    const key = await engine.key("price", { learner_id: "l1" });
    expect((await get("/learner/l1/recommendations", bearer(key))).status).toBe(200);
    expect((await get("/learner/%6c1/recommendations", bearer(key))).status).toBe(200);
    for (const path of ["/learner/l2/recommendations", "/learner/L1/recommendations", "/learner/l1%00/recommendations", "/learner/l1/propensity", "/courses/c1", "/segments", "/courses", "/model_info"]) expect((await get(path, bearer(key))).status, path).toBe(403);
    expect((await price(bearer(key))).status).toBe(403);
    expect((await get("/health", bearer(key))).status).toBe(200);
  });

  test("what says that the process lives, and what it can be asked, needs no key; everything else does", async () => {
    await engine.key("admin");
    for (const path of ["/livez", "/readyz", "/health", "/"]) expect((await get(path)).status, path).toBe(200);
    for (const path of ["/metrics", "/model_info", "/courses", "/courses/c1", "/categories", "/segments", "/features", "/features/course/c1", "/learner/l1/propensity", "/learner/l1/recommendations"]) {
      for (const method of ["GET", "HEAD"]) expect((await engine.app.request(path, { method })).status, `${method} ${path}`).toBe(401);
    }
  });

  test("tricks with paths, methods and headers reach nothing", async () => {
    await engine.key("admin");
    const tricks = ["/Optimize_price", "/optimize_price/", "//optimize_price", "/./metrics", "/livez/../metrics", "/livez%2f..%2fmetrics", "/metrics%00", "/metrics;x", "/%6detrics", "/METRICS", "/metrics/", "/livez/metrics", "/metrics%20", `/${"x".repeat(10_000)}`, "/features/course/..%2f..%2fmetrics", "/__proto__", "/constructor", "/courses/__proto__", "/learner/..%2f/propensity", "/%", "/%ff", "/%c0%ae%c0%ae/metrics"];
    for (const path of tricks) {
      for (const headers of [{}, { "x-original-url": "/livez", "x-rewrite-url": "/livez", "x-forwarded-for": "127.0.0.1", "x-http-method-override": "GET", host: "localhost" }]) {
        const { status } = await get(path, headers);
        expect([401, 404], `${path} ${status}`).toContain(status);
      }
    }
    for (const method of ["PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "get"]) expect([401, 405], method).toContain((await engine.app.request("/metrics", { method })).status);
  });

  test("beyond its rate a key waits, and no other does", async () => {
    const slow = await engine.key("price", { rate_per_s: 2 } as Partial<KeyMessage>);
    const other = await engine.key("price");
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) statuses.push((await price(bearer(slow))).status);
    expect(statuses).toEqual([200, 200, 429, 429]);
    const response = await price(bearer(slow));
    expect(response.headers.get("retry-after")).toBe("1");
    expect(await refusal(response)).toBe("rate_limited");
    expect((await price(bearer(other))).status).toBe(200);
    engine.clock.time_ms += 500;
    expect((await price(bearer(slow))).status).toBe(200);
  });
});

describe("foreign pages and request ids", () => {
  const shop = { origin: "https://shop.example" };

  test("a page of a listed origin may ask, any other is told nothing", async () => {
    const asked = await engine.app.request("/optimize_price", { method: "OPTIONS", headers: { ...shop, "access-control-request-method": "POST" } });
    expect(asked.status).toBe(204);
    expect(asked.headers.get("access-control-allow-origin")).toBe("https://shop.example");
    expect(asked.headers.get("access-control-allow-methods")).toBe("POST");
    expect(asked.headers.get("access-control-allow-headers")).toContain("authorization");
    expect((await price(shop)).headers.get("access-control-allow-origin")).toBe("https://shop.example");
    await engine.key("price");
    expect((await price(shop)).headers.get("access-control-allow-origin")).toBe("https://shop.example");
    for (const origin of ["https://shop.example.org", "http://shop.example", "null", "https://SHOP.example"]) {
      const refused = await engine.app.request("/optimize_price", { method: "OPTIONS", headers: { origin, "access-control-request-method": "POST" } });
      expect(refused.status).toBe(405);
      for (const response of [refused, await price({ origin })]) {
        expect(response.headers.get("access-control-allow-origin")).toBeNull();
        expect(response.headers.get("vary")).toContain("origin");
      }
    }
    expect((await engine.app.request("/nowhere", { method: "OPTIONS", headers: { ...shop, "access-control-request-method": "POST" } })).status).toBe(404);
  });

  test("an answer names the request as whoever asked did", async () => {
    for (const response of [await price({ "x-request-id": "a-1.b/c" }), await get("/nowhere", { "x-request-id": "a-1.b/c" }), await engine.post("/optimize_price", {}), await get("/courses/nobody", { "x-request-id": "a-1.b/c" })]) {
      expect(response.headers.get("x-request-id")).toBe(response.status === 422 ? null : "a-1.b/c");
    }
    for (const id of ["", "a b", "x".repeat(129), "<script>", "é"]) expect((await price({ "x-request-id": id })).headers.get("x-request-id")).toBeNull();
  });
});
