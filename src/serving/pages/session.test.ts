import { beforeEach, describe, expect, test } from "vitest";
import type { Role } from "../../contracts/control.ts";
import { createKey } from "../keys/api-key.ts";
import type { TestEngine } from "../testing.ts";
import { KeyedEngine } from "./testing/keyed-engine.ts";

let keyed: KeyedEngine;
let engine: TestEngine;

beforeEach(() => {
  keyed = new KeyedEngine();
  ({ engine } = keyed);
});

const keyOf = (role: Role, more: object = {}): Promise<string> => keyed.keyOf(role, more);
const get = (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> => Promise.resolve(engine.app.request(path, { headers }));
const login = (key: string): Promise<Response> => engine.post("/session", { key });

async function session(key: string): Promise<string> {
  const response = await login(key);
  expect(response.status).toBe(200);
  return (response.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

describe("a log-in", () => {
  test("is asked for by every page, and by nothing that the log-in itself needs", async () => {
    for (const path of ["/admin", "/admin/prices", "/teacher", "/teacher/t1", "/learner/l1"]) {
      const response = await get(path);
      expect([path, response.status, response.headers.get("location")]).toEqual([path, 303, `/login?next=${encodeURIComponent(path)}`]);
      expect(await response.text()).toBe("");
    }
    for (const path of ["/admin/prices.json", "/admin/models/runs/r1"]) expect((await get(path)).status).toBe(403);
    const html = await (await get("/login?next=/teacher/t1")).text();
    expect(html).toContain('data-next="/teacher/t1"');
    expect((await get(/\/assets\/[\w.-]+\.js/.exec(html)?.[0] ?? "")).status).toBe(200);
  });

  test("keeps the key out of reach of scripts and of other sites", async () => {
    const response = await login(await keyOf("admin"));
    expect(response.headers.get("set-cookie")).toMatch(/^tidemark_session=tmk_[\w-]+; Path=\/; HttpOnly; SameSite=Strict$/);
    expect(await response.text()).toBe('{"status":"open"}');
    expect((await engine.app.request("/session", { method: "DELETE" })).headers.get("set-cookie")).toContain("Max-Age=0");
  });

  test("takes no key that is not in force", async () => {
    const key = await keyOf("admin");
    const cookie = await session(key);
    expect((await get("/admin", { cookie })).status).toBe(200);
    await keyed.revoke(key);
    for (const wrong of [key, createKey().key, "", "x"]) expect([401, 422]).toContain((await login(wrong)).status);
    expect((await get("/admin", { cookie })).status).toBe(303);
  });

  test("leads to pages of this engine alone", async () => {
    for (const next of ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a b", ""]) {
      expect(await (await get(`/login?next=${encodeURIComponent(next)}`)).text()).toContain('data-next="/admin"');
    }
  });

  test("changes something only when one of its own pages asks", async () => {
    const cookie = await session(await keyOf("admin"));
    const change = async (headers: Readonly<Record<string, string>>): Promise<number> =>
      (await engine.app.request("/propensity_batch", { method: "POST", body: '{"learner_ids":["l1"]}', headers: { "content-type": "application/json", cookie, ...headers } })).status;
    expect(await change({ "sec-fetch-site": "same-origin" })).toBe(200);
    for (const site of ["same-site", "cross-site", "none", ""]) expect(await change({ "sec-fetch-site": site })).toBe(401);
    expect(await change({})).toBe(401);
    expect((await get("/segments", { cookie })).status).toBe(200);
  });
});

describe("what a key shows", () => {
  const everything = ["/admin", "/admin/prices", "/admin/prices/c1", "/admin/models", "/admin/operations", "/admin/prices.json", "/admin/models/runs/r1", "/teacher", "/learner", "/teacher/t1", "/teacher/t2", "/learner/l1", "/learner/l2", "/teacher/nobody"];

  async function shown(cookie: string): Promise<string[]> {
    const seen: string[] = [];
    let refusals = "";
    for (const path of everything) {
      const response = await get(path, { cookie });
      if (response.status !== 403) seen.push(path);
      else refusals += (await response.text()).replace(/^.*<main/s, "");
    }
    expect(refusals).not.toMatch(/c1|l1|l2|t1|t2/);
    return seen;
  }

  test.each<[string, Role, object, string[]]>([
    ["an administrator's everything", "admin", {}, everything],
    ["an operator's everything", "operate", {}, everything],
    ["a teacher's that teacher", "price", { teacher_id: "t1" }, ["/teacher/t1"]],
    ["a learner's that learner", "price", { learner_id: "l1" }, ["/learner/l1"]],
    ["an administrator's that speaks for a teacher, that teacher", "admin", { teacher_id: "t1" }, ["/teacher/t1"]],
    ["a shop's nothing", "price", {}, []],
    ["a producer's nothing", "events", {}, []],
  ])("%s", async (_, role, more, paths) => {
    const cookie = await session(await keyOf(role, more));
    expect(await shown(cookie)).toEqual(paths);
    // What was made for one viewer is shown to no other.
    engine.clock.time_ms += 100;
    const other = await session(await keyOf("price"));
    expect(await shown(other)).toEqual([]);
  });

  test("a page that stays open shows no more than the page itself", async () => {
    const teacher = await keyOf("price", { teacher_id: "t1" });
    const live = async (page: string, cookie: string): Promise<string> => {
      const response = await get(`/live?page=${page}`, cookie === "" ? {} : { cookie });
      expect(response.status).toBe(200);
      const reader = response.body!.getReader();
      let text = "";
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        text += new TextDecoder().decode(read.value);
        if (text.includes("data:")) break;
      }
      await reader.cancel();
      return text;
    };
    const cookie = await session(teacher);
    expect(await live("/teacher/t1", cookie)).toContain("event: page");
    for (const page of ["/teacher/t2", "/learner/l1", "/admin", "/admin/prices/c1", "/admin/operations"]) {
      const told = await live(page, cookie);
      expect(told).toContain("event: ended");
      expect(told).not.toContain("event: page");
      expect(await live(page, "")).toContain("event: ended");
    }
    // Who shares a page with somebody whose key is revoked keeps it; the other loses it with the next update.
    const other = await session(await keyOf("price", { teacher_id: "t1" }));
    const response = await get("/live?page=/teacher/t1", { cookie });
    await keyed.revoke(teacher);
    engine.clock.time_ms += 5_000;
    engine.watch.check();
    expect(await response.text()).toContain("event: ended");
    expect(await live("/teacher/t1", other)).toContain("event: page");
  });

  test("pages offer the ways that are open, and no others", async () => {
    const html = await (await get("/teacher/t1", { cookie: await session(await keyOf("price", { teacher_id: "t1" })) })).text();
    expect(html).not.toContain('href="/admin');
    expect(html).toContain("Log out");
  });
});
