import { describe, expect, test } from "vitest";
import { experimentAnswerSchema, type ExperimentAnswer, experimentsAnswerSchema, powerAnswerSchema } from "../../contracts/experiment-api.ts";
import { defaultPolicy, type Policy } from "../../contracts/policy.ts";
import { QuoteWriter } from "../../features/quote-writer.ts";
import type { BrokerMessage, PublishOptions } from "../../ingest/broker-message.ts";
import { Lease } from "../../ingest/lease.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { silentLogger } from "../../lib/log.ts";
import { DAY_MS, formatTime, HOUR_MS } from "../../lib/time.ts";
import { handScorer } from "../../models/propensity/hand-scorer.ts";
import { FixedPolicy, type PolicySource } from "../policy-source.ts";
import { START_MS, TestEngine } from "../testing.ts";
import { ExperimentChecker } from "./experiment-checker.ts";
import { quoteAll, scope } from "./testing.ts";

const other: Policy = Object.freeze({ ...defaultPolicy, version: "bold-3", step_log_max: 0.5 });

/** The default policy, and one more that nobody activated. */
class TwoPolicies extends FixedPolicy implements PolicySource {
  override byVersion(version: string): Policy | undefined {
    return version === other.version ? other : super.byVersion(version);
  }
}

const definition = {
  unit: { kind: "learner" },
  arms: [
    { name: "list", weight: 1, price: { kind: "list" } },
    { name: "engine", weight: 1, price: { kind: "active" } },
    { name: "bold", weight: 2, price: { kind: "policy", policy_id: "bold", revision: 3 } },
  ],
  control_arm: "list",
  salt: "s1",
  metric: "revenue",
  minimum_effect: 5,
  outcome_days: 7,
};
const by_course = { ...definition, unit: { kind: "course_cluster", cluster_by: "course", period_days: 1 } };

const learners = Array.from({ length: 400 }, (_, i) => `l${i}`);

const get = (engine: TestEngine, path: string): Promise<Response> => Promise.resolve(engine.app.request(path));

function setUp() {
  const engine = new TestEngine({ policies: new TwoPolicies() });
  engine.foldCatalogue();
  const define = (experiment_id: string, over: object = {}): Promise<Response> => engine.post("/experiments", { experiment_id, experiment: { ...definition, ...over } });
  const start = (experiment_id: string): Promise<Response> => engine.post(`/experiments/${experiment_id}/start`, {});
  const begin = async (experiment_id: string, over: object = {}): Promise<ExperimentAnswer> => {
    expect((await define(experiment_id, over)).status).toBe(201);
    const response = await start(experiment_id);
    expect(response.status).toBe(200);
    return experimentAnswerSchema.parse(await response.json());
  };
  const read = async (experiment_id: string): Promise<ExperimentAnswer> => experimentAnswerSchema.parse(await (await get(engine, `/experiments/${experiment_id}`)).json());
  return { engine, define, start, begin, read };
}

const problem = async (response: Response): Promise<{ status: number; code: string; detail: string; field?: string }> => {
  const { code, detail, field } = (await response.json()) as { code: string; detail: string; field?: string };
  return { status: response.status, code, detail, ...(field === undefined ? {} : { field }) };
};

describe("endpoints of experiments", () => {
  test("a draft is defined, changed, started, listed and stopped; then nothing changes any more", async () => {
    const { engine, define, begin, read } = setUp();
    expect((await define("e1", { salt: "first" })).status).toBe(201);
    const started = await begin("e1");
    expect(started).toMatchObject({ phase: "running", from: formatTime(START_MS), until: null, conflicts_with: [], verdict: null, experiment: { salt: "s1" }, results: { verdict: { decision: "too_early" } } });
    expect(await problem(await define("e1"))).toMatchObject({ status: 409, code: "conflict" });
    const listed = experimentsAnswerSchema.parse(await (await get(engine, "/experiments?phase=running")).json());
    expect(listed.experiments.map(({ experiment_id }) => experiment_id)).toEqual(["e1"]);
    expect(experimentsAnswerSchema.parse(await (await get(engine, "/experiments?phase=draft")).json()).experiments).toEqual([]);
    const stopped = await engine.post("/experiments/e1/stop", { reason: "enough", verdict: "no matter" });
    expect(experimentAnswerSchema.parse(await stopped.json())).toMatchObject({ phase: "stopped", verdict: "no matter", until: formatTime(START_MS) });
    for (const change of ["start", "stop"]) expect((await problem(await engine.post(`/experiments/e1/${change}`, {}))).status).toBe(409);
    expect((await read("e1")).experiment.arms).toHaveLength(3);
    const [message] = engine.store.controlHistory("experiment", "e1").slice(-1);
    expect(message!.message).toMatchObject({ type: "experiment.stopped", author: "local", reason: "enough", results: { verdict: { decision: "too_early" } } });
  });

  test("are listed page by page, in order of their ids", async () => {
    const { engine, define } = setUp();
    for (const id of ["b", "a", "c-1", "C", "c"]) await define(id);
    const pages: string[][] = [];
    for (let next: string | null = ""; next !== null; ) {
      const page = experimentsAnswerSchema.parse(await (await get(engine, `/experiments?limit=2${next === "" ? "" : `&after=${next}`}`)).json());
      pages.push(page.experiments.map(({ experiment_id }) => experiment_id));
      ({ next } = page);
    }
    expect(pages).toEqual([["C", "a"], ["b", "c"], ["c-1"]]);
    for (const query of ["limit=0", "limit=1e9", "limit=201", "after=a/b", "phase=lost"]) expect((await get(engine, `/experiments?${query}`)).status).toBe(422);
  });

  test("two that would set the same price do not run together, and who is in the way is named", async () => {
    const { define, start, begin, engine } = setUp();
    await begin("e1", { traffic: { to: 0.5 } });
    await begin("e2", { traffic: { from: 0.5 } });
    await define("e3");
    expect(await problem(await start("e3"))).toMatchObject({ status: 409, code: "conflict", detail: expect.stringMatching(/e1, e2/) });
    await engine.post("/experiments/e1/stop", {});
    expect((await problem(await start("e3"))).detail).toMatch(/that e2 sets/);
    await engine.post("/experiments/e2/stop", {});
    expect((await start("e3")).status).toBe(200);
  });

  test("of two that hosts started at the same moment, the second by CONTROL assigns nobody", async () => {
    const { engine, begin, read } = setUp();
    await begin("e1");
    // Past the endpoint, as a host would that has not seen the other start.
    const say = (message: object): void => engine.foldControl("control.experiment.e0", { time: formatTime(START_MS), author: "x", reason: "", experiment_id: "e0", ...message });
    say({ type: "experiment.defined", experiment: { ...definition, salt: "other" } });
    say({ type: "experiment.started" });
    engine.policies.check();
    expect(new Set(learners.flatMap((id) => engine.policies.personalPolicyFor(id, scope, START_MS).experiments.map((one) => one.id)))).toEqual(new Set(["e1"]));
    expect([(await read("e0")).conflicts_with, (await read("e1")).conflicts_with]).toEqual([["e1"], []]);
  });

  test("what is wrong is named", async () => {
    const { engine, define, start } = setUp();
    expect(await problem(await define("e1", { control_arm: "none" }))).toMatchObject({ status: 422, field: "experiment.control_arm" });
    expect(await problem(await define("e 1"))).toMatchObject({ status: 422, field: "experiment_id" });
    expect(await problem(await define("e1", { arms: [definition.arms[0], { name: "x", weight: 1, price: { kind: "policy", policy_id: "bold", revision: 9 } }] }))).toMatchObject({ status: 422, field: "experiment.arms.1.price" });
    expect((await problem(await start("none"))).status).toBe(404);
    expect((await get(engine, "/experiments/__proto__")).status).toBe(404);
    expect((await get(engine, "/experiments/a%20b")).status).toBe(404);
    expect(await problem(await engine.post("/experiments/power", { baseline: { conversion: 0.1 }, units_per_day: 10 }))).toMatchObject({ status: 422, field: "effect" });
    engine.broker.connected = false;
    expect((await problem(await define("e1"))).status).toBe(503);
  });

  test("power: units for an effect, and the effect for days, are each other's answer", async () => {
    const { engine } = setUp();
    const ask = async (body: object): Promise<ReturnType<typeof powerAnswerSchema.parse>> => powerAnswerSchema.parse(await (await engine.post("/experiments/power", { baseline: { conversion: 0.08, price_mean: 120, price_sd: 40 }, units_per_day: 500, ...body })).json());
    const planned = await ask({ relative_effect: 0.1 });
    expect(planned.baseline.mean).toBeCloseTo(9.6, 10);
    expect(planned.effect).toBeCloseTo(0.96, 10);
    const found = await ask({ days: planned.days!, tau2: planned.effect ** 2 });
    expect(found.effect).toBeLessThanOrEqual(planned.effect);
    expect(found.effect).toBeGreaterThan(0.99 * planned.effect);
    expect((await ask({ effect: 1e-9 })).units).toBeNull();
  });
});

describe("whose policy holds", () => {
  test("a learner's arm holds for every course in scope, as often as it is asked, and ends with the experiment", async () => {
    const { engine, begin } = setUp();
    await begin("e1", { categories: ["programming"] });
    const policies = engine.policies;
    const arms = new Map<string, string>();
    for (const id of learners) {
      const { policy, experiments } = policies.personalPolicyFor(id, scope, START_MS);
      const [exposure] = experiments;
      arms.set(id, exposure!.arm);
      expect(exposure).toEqual({ id: "e1", arm: exposure!.arm, probability: exposure!.arm === "bold" ? 0.5 : 0.25, covariate: 0 });
      expect(policy).toBe({ list: null, engine: defaultPolicy, bold: other }[exposure!.arm]);
      expect(policies.personalPolicyFor(id, { ...scope, course_id: "c2" }, START_MS + 40 * DAY_MS).experiments).toEqual(experiments);
      expect(policies.personalPolicyFor(id, { ...scope, category: "design" }, START_MS).experiments).toEqual([]);
    }
    expect(new Set(arms.values())).toEqual(new Set(["list", "engine", "bold"]));
    // What everybody pays is not touched.
    expect(policies.policyFor(scope, START_MS)).toBe(defaultPolicy);
    const { revision } = policies;
    await engine.post("/experiments/e1/stop", {});
    expect(policies.revision).not.toBe(revision);
    expect(learners.flatMap((id) => policies.personalPolicyFor(id, scope, START_MS).experiments)).toEqual([]);
  });

  test("an arm whose policy is not known here is none, and its price no exposure; what was started in another's way assigns nobody, ever", async () => {
    const { engine, begin } = setUp();
    const lost = [definition.arms[0], { name: "lost", weight: 9, price: { kind: "policy", policy_id: "lost", revision: 1 } }];
    // Past the endpoints, which would refuse both.
    const started = (experiment_id: string, course: string): void => {
      const told = { time: formatTime(engine.clock.time_ms), author: "x", reason: "", experiment_id };
      engine.foldControl(`control.experiment.${experiment_id}`, { type: "experiment.defined", ...told, experiment: { ...definition, courses: [course], arms: lost } });
      engine.foldControl(`control.experiment.${experiment_id}`, { type: "experiment.started", ...told });
    };
    await begin("e1");
    started("e2", "c2");
    engine.clock.time_ms += HOUR_MS;
    await engine.post("/experiments/e1/stop", {});
    started("e3", "c1");
    engine.policies.check();
    const armsOf = (course_id: string): Set<string> => new Set(learners.map((id) => engine.policies.personalPolicyFor(id, { ...scope, course_id }, engine.clock.time_ms)).map(({ policy, experiments }) => `${policy?.version ?? "list"},${experiments[0]?.arm ?? ""}`));
    expect(armsOf("c2")).toEqual(new Set(["default-1,"]));
    expect(armsOf("c1")).toEqual(new Set(["default-1,", "list,list"]));
    expect(await (await get(engine, "/metrics")).text()).toMatch(/tidemark_experiments_running 1\n[\s\S]*tidemark_experiments_unknown_policies_total [1-9]/);
  });

  test("what a learner had spent goes with the quote", async () => {
    const { engine, begin } = setUp();
    engine.fold({ id: "t1", type: "token.purchased", time: formatTime(START_MS - 2 * DAY_MS), learner_id: "l1", amount: 500 }, { id: "t2", type: "token.spent", time: formatTime(START_MS - DAY_MS), learner_id: "l1", amount: 120 });
    await begin("e1");
    expect(engine.policies.personalPolicyFor("l1", scope, START_MS).experiments[0]?.covariate).toBe(120);
    await engine.post("/experiments/e1/stop", {});
    await begin("e2", { cuped: false, salt: "s2" });
    expect(engine.policies.personalPolicyFor("l1", scope, START_MS).experiments[0]).not.toHaveProperty("covariate");
  });

  test("a course's arm changes with the period and with nothing else; the answer's policy follows, and replays by its version", async () => {
    const { engine, begin } = setUp();
    await begin("e1", by_course);
    const { policies, clock } = engine;
    const versions = new Set<string>();
    for (let day = 0; day < 40; day++) {
      clock.time_ms = START_MS + day * DAY_MS;
      const { revision } = policies;
      const policy = policies.policyFor(scope, clock.time_ms);
      versions.add(policy.version);
      expect(policies.byVersion(policy.version)).toBe(policy);
      expect(policies.policyFor(scope, clock.time_ms + 11 * HOUR_MS)).toBe(policy);
      expect(policies.revision).toBe(revision);
      clock.time_ms += 12 * HOUR_MS;
      expect(policies.revision).toBeGreaterThan(revision);
      const answer = JSON.parse(engine.prices.optimize({ course_id: "c1" })) as { policy: string; current_price: number; optimal_price: number };
      expect(answer.policy).toBe(policies.policyFor(scope, clock.time_ms).version);
      if (answer.policy.endsWith("-held")) versions.add(`held at ${answer.optimal_price - answer.current_price}`);
    }
    expect(versions).toEqual(new Set(["default-1", "default-1-held", "bold-3", "held at 0"]));
    expect([policies.byVersion("none-1-held"), policies.byVersion("-held")]).toEqual([undefined, undefined]);
    expect(policies.policyFor({ ...scope, course_id: null }, clock.time_ms)).toBe(defaultPolicy);
  });

  test("a scheduled start and end change the revision by time alone", async () => {
    const { engine, begin } = setUp();
    await begin("e1", { starts_at: formatTime(START_MS + HOUR_MS), ends_at: formatTime(START_MS + 8 * DAY_MS) });
    const { policies, clock } = engine;
    const exposed = (): number => policies.personalPolicyFor("l1", scope, clock.time_ms).experiments.length;
    const seen: [number, number][] = [[policies.revision, exposed()]];
    for (const at_ms of [HOUR_MS, 2 * HOUR_MS, 8 * DAY_MS]) {
      clock.time_ms = START_MS + at_ms;
      seen.push([policies.revision, exposed()]);
    }
    const [first] = seen[0]!;
    expect(seen).toEqual([[first, 0], [first + 1, 1], [first + 1, 1], [first + 2, 0]]);
  });
});

const two_arms = { arms: definition.arms.slice(0, 2), minimum_days: 1 };

describe("results over the folds", () => {
  test("exposures come from quotes, outcomes from enrollments; CUPED, verdict and business figures beside the hold-out's", async () => {
    const { engine, begin, read } = setUp();
    await begin("e1", two_arms);
    const writer = new QuoteWriter(engine.store);
    const ids = Array.from({ length: 600 }, (_, i) => `n${i}`);
    quoteAll(engine, writer, ids, 0, (arm, i) => i % 10 < (arm === "engine" ? 6 : 2));
    // Results are those of some seconds ago.
    engine.clock.time_ms += HOUR_MS;
    const early = await read("e1");
    expect(early.results!.arms.map(({ units, counted }) => [units > 250, counted])).toEqual([[true, 0], [true, 0]]);
    engine.clock.time_ms += 40 * DAY_MS;
    const { results } = await read("e1");
    expect(results!.arms.reduce((sum, { counted }) => sum + counted, 0)).toBe(600);
    expect(results!.comparisons[0]!.effect).toBeGreaterThan(30);
    expect(results!.verdict).toMatchObject({ decision: "better", arm: "engine" });
    expect(results!.share_read).toBe(1);
    const [figures] = results!.business.arms;
    expect(Object.entries(figures!.figures).map(([name, { difference }]) => [name, difference !== null])).toEqual([["revenue_tokens", true], ["conversion", true], ["churn_rate", true], ["lifetime_value_tokens", false]]);
    // Hand-weighted scores are no probabilities: no lifetime value comes of them.
    engine.propensity.current = { model: Object.assign(Object.create(handScorer) as typeof handScorer, { version: "m", windows: { enrollment: 30, churn: 30 } }) };
    engine.clock.time_ms += HOUR_MS;
    expect((await read("e1")).results!.business.arms[0]!.figures["lifetime_value_tokens"]!.difference).not.toBeNull();
  });

  test("enrollments before the quote, after the window or in another category do not count; refunds take their price off", async () => {
    const { engine, begin, read } = setUp();
    const enroll = (learner_id: string, course_id: string, at_ms: number): void => engine.fold({ id: `${learner_id}${course_id}${at_ms}`, type: "enrollment.created", time: formatTime(at_ms), enrollment_id: `${learner_id}${course_id}${at_ms}`, course_id, learner_id, price: 100 });
    enroll("l1", "c2", START_MS - DAY_MS);
    await begin("e1", { ...two_arms, categories: ["programming"] });
    quoteAll(engine, new QuoteWriter(engine.store), ["l1"], 0, () => false);
    const mean = async (): Promise<number | null> => (await read("e1")).results!.arms.find(({ counted }) => counted > 0)!.mean;
    engine.clock.time_ms = START_MS + 20 * DAY_MS;
    expect(await mean()).toBe(0);
    enroll("l1", "c3", START_MS + DAY_MS);
    enroll("l1", "c1", START_MS + 2 * DAY_MS);
    engine.clock.time_ms += 5 * 60_000;
    expect(await mean()).toBe(100);
    engine.fold({ id: "r", type: "enrollment.refunded", time: formatTime(START_MS + 3 * DAY_MS), enrollment_id: "r", course_id: "c1", learner_id: "l1" });
    engine.clock.time_ms += 5 * 60_000;
    expect(await mean()).toBe(0);
  });

  test("a guardrail stops the arm, once, by whoever holds the lease; the last arm ends the experiment, and so does its schedule", async () => {
    const { engine, begin, read } = setUp();
    const leaseFor = leasesOf(engine);
    const [checker, other] = ["me", "another"].map((holder) => new ExperimentChecker({ desk: engine.experiments, lease: leaseFor(holder), logger: silentLogger })) as [ExperimentChecker, ExperimentChecker];
    await begin("e1", { minimum_days: 1, guardrails: [{ metric: "conversion", worse_by_max: 0.05 }], control_arm: "engine" });
    quoteAll(engine, new QuoteWriter(engine.store), Array.from({ length: 800 }, (_, i) => `n${i}`), 0, (arm, i) => i % 10 < (arm === "bold" ? 1 : 5));
    await checker.check();
    expect((await read("e1")).stopped_arms).toEqual({});
    engine.clock.time_ms += 10 * DAY_MS;
    await checker.check();
    await other.check();
    await checker.check();
    expect([checker.stopped_arms, other.stopped_arms, checker.failures + other.failures]).toEqual([1, 0, 0]);
    const stopped = await read("e1");
    expect(stopped.phase).toBe("running");
    expect(stopped.stopped_arms).toEqual({ bold: formatTime(engine.clock.time_ms) });
    expect(new Set(learners.flatMap((id) => engine.policies.personalPolicyFor(id, scope, engine.clock.time_ms).experiments.map(({ arm }) => arm)))).toEqual(new Set(["list", "engine"]));
    await engine.post("/experiments/e1/stop", {});
    await begin("e2", { ...two_arms, salt: "s2", ends_at: formatTime(engine.clock.time_ms + 9 * DAY_MS) });
    engine.clock.time_ms += 10 * DAY_MS;
    await checker.check();
    expect((await read("e2")).phase).toBe("ended");
    engine.clock.time_ms += 7 * DAY_MS;
    await checker.check();
    expect(await read("e2")).toMatchObject({ phase: "stopped", until: formatTime(engine.clock.time_ms - 8 * DAY_MS) });
  });

  test("courses: outcomes are those of the days of their records, arms are drawn again", async () => {
    const { engine, begin, read } = setUp();
    await begin("e1", by_course);
    for (let day = 0; day < 6; day++) {
      engine.clock.time_ms = START_MS + day * DAY_MS;
      engine.enroll("c1", 100);
    }
    engine.clock.time_ms = START_MS + 6 * DAY_MS;
    const { results } = await read("e1");
    // Five whole days of three courses; the first and the last day are cut.
    expect(results!.arms.reduce((sum, { counted }) => sum + counted, 0)).toBe(15);
    expect(results!.arms.reduce((sum, { counted, mean }) => sum + counted * (mean ?? 0), 0)).toBeCloseTo(500, 6);
    expect(results!.comparisons.every(({ effect }) => effect === null)).toBe(true);
  });
});

/** Leases of several holders over one subject in memory. */
function leasesOf(engine: TestEngine): (holder: string) => Lease {
  let last: BrokerMessage | undefined;
  const publish = (subject: string, data: Uint8Array, options?: PublishOptions): Promise<{ sequence: number; duplicate: boolean }> => {
    const before = last?.sequence ?? 0;
    if (options?.expected_last_subject_sequence !== before) return Promise.reject(new TidemarkError("wrong_last_sequence", "taken"));
    last = { subject, data, sequence: before + 1, time_ms: engine.clock.time_ms };
    return Promise.resolve({ sequence: before + 1, duplicate: false });
  };
  return (holder) => new Lease({ broker: { publish, getMessage: () => Promise.resolve(last) }, clock: engine.clock, name: "experiments", holder });
}
