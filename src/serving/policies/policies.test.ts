import { describe, expect, test } from "vitest";
import type { OptimizeAnswer } from "../../contracts/api.ts";
import { policyAnswerSchema, policyChangedAnswerSchema, policyDiffAnswerSchema, policyListAnswerSchema, policyValidateAnswerSchema } from "../../contracts/policy-api.ts";
import { policySchema } from "../../contracts/policy.ts";
import { controlSubject } from "../../contracts/subjects.ts";
import { formatTime, HOUR_MS } from "../../lib/time.ts";
import { START_MS, TestEngine, testArtifact } from "../testing.ts";

async function setUp(): Promise<TestEngine> {
  const engine = new TestEngine();
  engine.foldCatalogue();
  engine.promote(testArtifact());
  await engine.models.check();
  return engine;
}

async function get(engine: TestEngine, path: string): Promise<unknown> {
  return (await engine.app.request(path)).json();
}

async function change(engine: TestEngine, path: string, body: object, method: "PUT" | "POST" = "POST"): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await engine.post(path, { reason: "test", ...body }, method);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const draft = (engine: TestEngine, id: string, policy: object, more: object = {}): ReturnType<typeof change> => change(engine, `/policies/${id}`, { policy, ...more }, "PUT");
const activate = (engine: TestEngine, id: string, revision: number, more: object = {}): ReturnType<typeof change> => change(engine, `/policies/${id}/activate`, { revision, ...more });

async function price(engine: TestEngine, course_id = "c1"): Promise<OptimizeAnswer> {
  return (await (await engine.post("/optimize_price", { course_id })).json()) as OptimizeAnswer;
}

describe("a policy's life", () => {
  test("a draft changes no price, activating it does at once, rolling back and retiring undo it", async () => {
    const engine = await setUp();
    const before = await price(engine);
    expect(before.policy).toBe("default-1");
    expect((await draft(engine, "ceiling", { ceiling_tokens: 50, scope: { categories: ["programming"] } })).body).toEqual({ policy_id: "ceiling", revision: 1, active: null, sequence: 2 });
    expect((await price(engine)).optimal_price).toBe(before.optimal_price);

    const activated = await activate(engine, "ceiling", 1);
    expect(policyChangedAnswerSchema.parse(activated.body)).toMatchObject({ revision: 1, active: 1 });
    expect(await price(engine)).toMatchObject({ policy: "ceiling-1", optimal_price: 50 });
    // Another category is another policy's.
    expect((await price(engine, "c3")).policy).toBe("default-1");

    await draft(engine, "ceiling", { ceiling_tokens: 40, scope: { categories: ["programming"] } });
    await activate(engine, "ceiling", 2);
    expect(await price(engine)).toMatchObject({ policy: "ceiling-2", optimal_price: 40 });
    expect((await change(engine, "/policies/ceiling/rollback", {})).body).toMatchObject({ revision: 1, active: 1 });
    expect(await price(engine)).toMatchObject({ policy: "ceiling-1", optimal_price: 50 });
    expect((await change(engine, "/policies/ceiling/rollback", {})).status).toBe(409);
    expect((await change(engine, "/policies/ceiling/retire", {})).body).toMatchObject({ active: null });
    expect(await price(engine)).toMatchObject({ policy: "default-1", optimal_price: before.optimal_price });
  });

  test("the history says who changed what and why, and what differs", async () => {
    const engine = await setUp();
    await draft(engine, "sale", { floor_tokens: 10, scope: { courses: ["c1"] } }, { reason: "a floor" });
    await draft(engine, "sale", { floor_tokens: 20, scope: { courses: ["c1"] }, weights: { elasticity: 0.5 } }, { reason: "a higher floor" });
    await activate(engine, "sale", 1, { reason: "simulated" });
    const shown = policyAnswerSchema.parse(await get(engine, "/policies/sale"));
    expect(shown).toMatchObject({ active: 1, latest: 2, previous: null, revision: 1, document: { floor_tokens: 10 }, sequence: 4 });
    expect(shown.changes.map(({ type, revision, author, reason }) => [type, revision, author, reason])).toEqual([
      ["policy.drafted", 1, "local", "a floor"],
      ["policy.drafted", 2, "local", "a higher floor"],
      ["policy.activated", 1, "local", "simulated"],
    ]);
    expect(policyAnswerSchema.parse(await get(engine, "/policies/sale?revision=2")).document).toMatchObject({ floor_tokens: 20 });
    expect(policyDiffAnswerSchema.parse(await get(engine, "/policies/sale/diff"))).toEqual({
      policy_id: "sale",
      from: 1,
      to: 2,
      changes: [{ field: "floor_tokens", from: 10, to: 20 }, { field: "weights.elasticity", from: 0.85, to: 0.5 }],
    });
    expect(policyDiffAnswerSchema.parse(await get(engine, "/policies/sale/diff?from=2&to=2")).changes).toEqual([]);
    const list = policyListAnswerSchema.parse(await get(engine, "/policies"));
    expect(list.platform).toBe("default-1");
    expect(list.policies.map(({ policy_id, active }) => [policy_id, active])).toEqual([["default", 1], ["sale", 1]]);
    expect(engine.policies.byVersion("sale-2")?.floor_tokens).toBe(20);
    for (const version of ["sale-3", "sale", "sale-", "sale-01", "-1", "sale-1e0", "constructor-1", ""]) expect(engine.policies.byVersion(version), version).toBeUndefined();
  });

  test("the default policy is there without CONTROL, can be changed and gone back to, and not retired", async () => {
    const engine = await setUp();
    expect(policyAnswerSchema.parse(await get(engine, "/policies/default"))).toMatchObject({ active: 1, latest: 1, document: policySchema.parse({}), changes: [] });
    expect((await draft(engine, "default", { ceiling_tokens: 60 })).body).toMatchObject({ revision: 2 });
    await activate(engine, "default", 2);
    expect(await price(engine)).toMatchObject({ policy: "default-2", optimal_price: 60 });
    expect((await change(engine, "/policies/default/retire", {})).status).toBe(409);
    expect((await change(engine, "/policies/default/rollback", {})).body).toMatchObject({ active: 1 });
    expect((await price(engine)).policy).toBe("default-1");
  });
});

describe("what is refused", () => {
  test("a document whose rules contradict each other, with both rules", async () => {
    const engine = await setUp();
    const refused = await draft(engine, "bad", { floor_tokens: 100, ceiling_tokens: 50 });
    expect(refused).toMatchObject({ status: 422, body: { code: "invalid_policy", field: "policy.floor_tokens", conflicts: [{ rules: ["floor_tokens", "ceiling_tokens"] }] } });
    expect((await change(engine, "/policies/validate", { policy: { floor_tokens: 100, ceiling_tokens: 50 } })).body).toMatchObject({ valid: false, conflicts: [{ rules: ["floor_tokens", "ceiling_tokens"] }], overlap: null });
    expect(engine.store.controlIds("policy")).toEqual([]);
    // A course's bounds against its category's: the course is known.
    const narrow = { bounds: { categories: { programming: { floor_tokens: 30 } }, courses: { c1: { ceiling_tokens: 20 } } } };
    expect((await draft(engine, "bad", narrow)).body).toMatchObject({ conflicts: [{ rules: ["bounds.categories.programming.floor_tokens", "bounds.courses.c1.ceiling_tokens"] }] });
  });

  test("two policies for the same courses at the same time, unless one is the default", async () => {
    const engine = await setUp();
    const scope = { categories: ["programming"] };
    for (const id of ["one", "two"]) await draft(engine, id, { scope });
    expect((await activate(engine, "one", 1)).status).toBe(200);
    const refused = await activate(engine, "two", 1);
    expect(refused).toMatchObject({ status: 422, body: { code: "invalid_policy", conflicts: [{ rules: ["one-1", "two-1"] }] } });
    expect(policyValidateAnswerSchema.parse((await change(engine, "/policies/validate", { policy: { scope }, policy_id: "two" })).body)).toMatchObject({ valid: false, conflicts: [], overlap: { versions: ["one-1", "two-2"] } });
    // In place of itself it overlaps with nothing; nor does what names a course.
    await draft(engine, "one", { scope, floor_tokens: 2 });
    expect((await activate(engine, "one", 2)).status).toBe(200);
    await draft(engine, "course", { scope: { courses: ["c1"] } });
    expect((await activate(engine, "course", 1)).status).toBe(200);
    expect((await price(engine)).policy).toBe("course-1");
    expect((await price(engine, "c2")).policy).toBe("one-2");
    await change(engine, "/policies/one/retire", {});
    expect((await activate(engine, "two", 1)).status).toBe(200);
  });

  test("two activated past each other's check: the later one by CONTROL holds, the earlier one's author is told, and both say so from then on", async () => {
    const engine = await setUp();
    const scope = { categories: ["programming"] };
    for (const id of ["one", "two"]) await draft(engine, id, { scope });
    const record = engine.broker.onControl!;
    // Another host, whose fold had neither, activates the second one before the first one's author is answered.
    engine.broker.onControl = (subject, data, options) => {
      engine.broker.onControl = record;
      const sequence = record(subject, data, options);
      engine.foldControl("control.policy.two", { type: "policy.activated", policy_id: "two", revision: 1, author: "other", reason: "test", time: formatTime(START_MS) });
      return sequence;
    };
    expect(await activate(engine, "one", 1)).toMatchObject({ status: 409, body: { code: "conflict", detail: expect.stringContaining("two-1 was activated at the same moment and holds") } });
    expect((await price(engine)).policy).toBe("two-1");
    const shown = async (id: string): Promise<unknown> => ((await (await engine.app.request(`/policies/${id}`)).json()) as { overlaps: unknown }).overlaps;
    expect(await shown("one")).toMatchObject([{ version: "two-1", holds: true }]);
    expect(await shown("two")).toMatchObject([{ version: "one-1", holds: false }]);
    engine.clock.time_ms += 2_000;
    expect(await (await engine.app.request("/admin/policies")).text()).toContain("overridden");
    expect(await (await engine.app.request("/admin/policies/one")).text()).toContain("two-1 holds where the two meet");
    await change(engine, "/policies/two/retire", {});
    expect((await price(engine)).policy).toBe("one-1");
    expect(await shown("one")).toEqual([]);
  });

  test("whatever CONTROL says, revision 1 of the default is the built-in document, and default-1 names nothing else", async () => {
    const engine = await setUp();
    const before = await price(engine);
    const said = { policy_id: "default", revision: 1, author: "other", reason: "test", time: formatTime(START_MS) };
    engine.foldControl("control.policy.default", { type: "policy.drafted", ...said, policy: policySchema.parse({ floor_tokens: 5_000 }) });
    engine.foldControl("control.policy.default", { type: "policy.activated", ...said });
    engine.documents.check();
    expect(await price(engine)).toMatchObject({ policy: "default-1", optimal_price: before.optimal_price });
    expect(engine.documents.byVersion("default-1")).toMatchObject({ floor_tokens: 1 });
    expect((await draft(engine, "default", { floor_tokens: 7 })).body).toMatchObject({ revision: 2 });
    expect((await activate(engine, "default", 2)).status).toBe(200);
    expect(engine.documents.byVersion("default-1")).toMatchObject({ floor_tokens: 1 });
  });

  test("of changes that were decided on the same state, all but one", async () => {
    const engine = await setUp();
    const statuses = (await Promise.all(Array.from({ length: 8 }, () => draft(engine, "race", {})))).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200).length).toBe(1);
    expect(statuses.filter((status) => status === 409).length).toBe(7);
    expect((await draft(engine, "race", {}, { expected_sequence: 0 })).body).toMatchObject({ code: "conflict" });
    expect((await draft(engine, "race", {}, { expected_sequence: 2 })).body).toMatchObject({ revision: 2 });
    expect((await activate(engine, "race", 2, { expected_sequence: 2 })).status).toBe(409);
  });

  test("what does not exist, bad ids, wrong revisions, unknown fields and huge documents", async () => {
    const engine = await setUp();
    await draft(engine, "sale", {});
    const code = async (answer: ReturnType<typeof change>): Promise<unknown> => (await answer).body["code"];
    expect(await code(activate(engine, "nobody", 1))).toBe("unknown_policy");
    expect(await code(activate(engine, "sale", 2))).toBe("unknown_policy");
    expect(await code(change(engine, "/policies/sale/retire", {}))).toBe("conflict");
    for (const revision of [0, -1, 1.5, "1", null, 1e9]) expect(await code(change(engine, "/policies/sale/activate", { revision })), String(revision)).toBe("invalid_field");
    for (const id of ["a.b", "a%2Fb", "%00", "x".repeat(65), "ü"]) expect(await code(draft(engine, id, {})), id).toBe("invalid_field");
    for (const policy of [null, [], 7, { floor: 3 }, { floor_tokens: 0.5 }, { scope: { courses: ["a b"] } }, { schedule: { from: "tomorrow" } }, { exploration: { kind: "magic" } }]) {
      expect(await code(change(engine, "/policies/sale", { policy }, "PUT")), JSON.stringify(policy)).toBe("invalid_field");
    }
    // As text: in an object literal it would be the prototype.
    const proto = await engine.app.request("/policies/sale", { method: "PUT", headers: { "content-type": "application/json" }, body: '{"reason":"r","policy":{"__proto__":{"floor_tokens":9}}}' });
    expect(proto.status === 200 || proto.status === 422).toBe(true);
    expect(engine.policies.byVersion("sale-2")?.floor_tokens ?? 1).toBe(1);
    expect(await code(draft(engine, "sale", { description: "x".repeat(1_001) }))).toBe("invalid_field");
    expect(await code(draft(engine, "sale", { scope: { courses: Array.from({ length: 9_000 }, (_, i) => `course-with-a-long-name-${i}`) } }))).toBe("body_too_large");
    expect((await draft(engine, "many", { scope: { courses: Array.from({ length: 9_000 }, (_, i) => `C${i}`) } })).status).toBe(200);
    for (const path of ["/policies/nobody", "/policies/nobody/diff", "/policies/sale/diff?from=7", "/policies/sale?revision=9"]) expect(await get(engine, path), path).toMatchObject({ code: "unknown_policy" });
    for (const path of ["/policies/sale?revision=x", "/policies/sale?revision=0", "/policies/sale/diff?to=1.5"]) expect(await get(engine, path), path).toMatchObject({ code: "invalid_field" });
    engine.broker.connected = false;
    expect(await code(draft(engine, "sale", {}))).toBe("broker_unavailable");
    engine.features.current = undefined;
    expect(await get(engine, "/policies")).toMatchObject({ code: "features_unavailable" });
  });
});

describe("the policies in force", () => {
  test("follow their schedules, and the revision tells of each change", async () => {
    const engine = await setUp();
    await draft(engine, "night", { scope: { categories: ["programming"] }, schedule: { from: formatTime(START_MS + HOUR_MS), to: formatTime(START_MS + 2 * HOUR_MS) } });
    await activate(engine, "night", 1);
    const { revision } = engine.policies;
    engine.documents.check();
    expect(engine.policies.revision).toBe(revision);
    const versions: string[] = [];
    for (const hour of [0, 1.5, 2.5]) {
      engine.clock.time_ms = START_MS + hour * HOUR_MS;
      engine.documents.check();
      versions.push((await price(engine)).policy);
    }
    expect(versions).toEqual(["default-1", "night-1", "default-1"]);
    expect(engine.policies.revision).toBe(revision + 2);
  });

  test("are swapped under calls: every answer names one of them and keeps to it", async () => {
    const engine = await setUp();
    const ceilings: Record<string, number> = { "default-1": 100_000 };
    const load = { on: true };
    const asked = Promise.all(
      Array.from({ length: 4 }, async () => {
        const answers: OptimizeAnswer[] = [];
        while (load.on) {
          answers.push(await price(engine));
          await engine.clock.sleep();
        }
        return answers;
      }),
    );
    for (let revision = 1; revision <= 12; revision++) {
      ceilings[`swap-${revision}`] = 95 - revision;
      await draft(engine, "swap", { ceiling_tokens: 95 - revision, scope: { categories: ["programming"] } });
      expect((await activate(engine, "swap", revision)).status).toBe(200);
    }
    load.on = false;
    const answers = (await asked).flat();
    expect(new Set(answers.map(({ policy }) => policy)).size).toBeGreaterThan(6);
    for (const { policy, optimal_price } of answers) expect(optimal_price, policy).toBeLessThanOrEqual(ceilings[policy]!);
  });

  test("are one object a version, whatever else CONTROL says", async () => {
    const engine = await setUp();
    await draft(engine, "sale", { scope: { courses: ["c1"] } });
    await activate(engine, "sale", 1);
    const scope = { course_id: "c1", category: "programming", teacher_id: "t1" };
    const policy = engine.policies.policyFor(scope, START_MS);
    expect(policy.version).toBe("sale-1");
    expect(Object.isFrozen(policy)).toBe(true);
    const { revision } = engine.policies;
    await engine.post("/learners/L1/personalisation", { allowed: false, reason: "r" }, "PUT");
    engine.documents.check();
    expect(engine.policies.policyFor(scope, START_MS)).toBe(policy);
    expect(engine.policies.byVersion("sale-1")).toBe(policy);
    expect(engine.policies.revision).toBe(revision);
    expect(engine.policies.personalPolicyFor("L1", scope, START_MS)).toEqual({ policy, experiments: [] });
    expect(engine.policies.policyFor({ course_id: null, category: "", teacher_id: null }, START_MS)).toBe(engine.policies.platform);
  });

  test("leave out a document that came past the endpoints and contradicts itself", async () => {
    const engine = await setUp();
    const publish = (message: object): Promise<unknown> => engine.broker.publish(controlSubject("policy", "bad"), new TextEncoder().encode(JSON.stringify({ time: formatTime(START_MS), author: "x", reason: "x", policy_id: "bad", ...message })));
    await publish({ type: "policy.drafted", revision: 1, policy: { floor_tokens: 100, ceiling_tokens: 50 } });
    await publish({ type: "policy.activated", revision: 1 });
    await publish({ type: "policy.drafted", revision: 2, policy: "nonsense" });
    engine.documents.check();
    expect((await price(engine)).policy).toBe("default-1");
    expect(policyAnswerSchema.parse(await get(engine, "/policies/bad")).active).toBe(1);
  });
});
