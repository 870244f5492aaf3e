import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PolicySimulateAnswer, policySimulateAnswerSchema } from "../../contracts/policy-api.ts";
import { courseDecisionSubject } from "../../contracts/subjects.ts";
import type { Broker } from "../../ingest/nats.ts";
import { startTestBroker, type TestBroker } from "../../ingest/testing/test-broker.ts";
import { sigmoid } from "../../lib/linear-algebra.ts";
import { Prng } from "../../lib/prng.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import { START_MS, testArtifact, TestEngine } from "../testing.ts";
import { Turns } from "../turns.ts";
import { ReadingBudget, readLogged } from "./logged-messages.ts";

const COURSES = 80;
const DAYS = 6;
const VIEWS = 12;
const exploring = { exploration: { kind: "jitter", sigma: 0.08, period_hours: 24 }, step_log_max: 0.3, hold_probability: 1 };

let rig: TestBroker;
let broker: Broker;
let engine: TestEngine;
let enrolled = 0;
let tokens = 0;

const encode = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** Logs some days of traffic at drawn prices, and what learners did with them: conversion falls with price, with an elasticity of about −3. */
beforeAll(async () => {
  rig = await startTestBroker("simulation");
  broker = rig.broker;
  engine = new TestEngine({ log: broker });
  const launched = formatTime(START_MS - 100 * DAY_MS);
  for (let c = 0; c < COURSES; c++) {
    const course_id = `s${c}`;
    engine.fold({ id: `up${c}`, type: "course.upserted", time: launched, course_id, teacher_id: "t1", category: c % 2 === 0 ? "even" : "odd", difficulty_level: "intermediate", quality_tier: "standard", base_price: 60 + c, launched_at: launched });
    for (let i = 0; i < 10; i++) engine.fold({ id: `v${c}-${i}`, type: "exposure.viewed", time: launched, course_id, learner_id: `l${i}`, price: 60 + c });
  }
  engine.promote(testArtifact());
  await engine.models.check();
  await engine.post("/policies/default", { policy: exploring, reason: "test" }, "PUT");
  await engine.post("/policies/default/activate", { revision: 2, reason: "test" });
  const random = new Prng("simulation");
  const events: { subject: string; data: Uint8Array }[] = [];
  for (let day = 0; day < DAYS; day++) {
    engine.clock.time_ms = START_MS + day * DAY_MS;
    for (let c = 0; c < COURSES; c++) {
      const { quote_id, optimal_price: price } = engine.prices.recommendation(`s${c}`);
      for (let v = 0; v < VIEWS; v++) {
        const about = { time: formatTime(engine.clock.time_ms), course_id: `s${c}`, learner_id: `l${v}`, price, quote_id };
        events.push({ subject: `events.exposure.s${c}`, data: encode({ id: `x${day}-${c}-${v}`, type: "exposure.viewed", ...about }) });
        if (random.uniform() >= sigmoid(-1.5 - 3 * Math.log(price / (60 + c)))) continue;
        enrolled++;
        tokens += price;
        events.push({ subject: `events.enrollment.s${c}`, data: encode({ id: `e${enrolled}`, type: "enrollment.created", enrollment_id: `e${enrolled}`, ...about }) });
      }
    }
    await engine.flushed();
  }
  const publisher = broker.bulkPublisher({ window: 512 });
  // The fold's events lie before all that cites a decision.
  for (let i = 0; i < engine.sequence; i++) await publisher.publish("events.market.c", encode({ id: `m${i}` }));
  // Other traffic lies between: other quotes, views that cite none or another, and what is no event at all.
  await publisher.publish("quotes.learner.l1.s1", encode({ id: "q_1" }));
  await publisher.publish(courseDecisionSubject("s1"), new TextEncoder().encode("no json"));
  await publisher.publish(courseDecisionSubject("s1"), encode({ id: "old", kind: "course", inputs: {} }));
  for (const { subject, text, message_id } of engine.broker.published) await publisher.publish(subject, new TextEncoder().encode(text), message_id);
  for (const { subject, data } of events) await publisher.publish(subject, data);
  for (const quote_id of [undefined, "nobody", "constructor", "__proto__", 7, null]) await publisher.publish("events.exposure.s1", encode({ id: "o", type: "exposure.viewed", course_id: "s1", learner_id: "l1", price: 61, quote_id }));
  await publisher.publish("events.exposure.s1", new TextEncoder().encode('"quote_id"'));
  await publisher.flush();
});

afterAll(async () => {
  await rig.stop();
});

async function simulate(body: object): Promise<PolicySimulateAnswer> {
  const response = await engine.post("/policies/simulate", body);
  expect(response.status).toBe(200);
  return policySimulateAnswerSchema.parse(await response.json());
}

describe("simulating a policy", () => {
  test("the policy that the traffic was logged under changes nothing, and its own draws say so", async () => {
    const answer = await simulate({ policy_id: "default" });
    expect(answer).toMatchObject({ version: "default-2", different: 0, weighted_by: "views", drawn_share: 1, verdict: "unclear", traffic: { decisions: COURSES * DAYS, left_out: 2, views: COURSES * DAYS * VIEWS, enrollments: enrolled, tokens, cut_short: null } });
    expect(answer.candidate).toEqual({ ...answer.today, version: "default-2" });
    expect(answer.model).toEqual({ tokens_change_pct: 0, enrollments_change_pct: 0 });
    const { tokens: evaluation } = answer.off_policy;
    expect(evaluation).toMatchObject({ refusal: null, draws: COURSES * DAYS, courses: COURSES });
    expect(evaluation.mean_weight).toBeCloseTo(1, 9);
    expect(evaluation.per_view?.snips.value).toBeCloseTo(tokens / (COURSES * DAYS * VIEWS), 9);
    expect(evaluation.per_view?.uplift_snips.value).toBeCloseTo(0, 9);
  });

  test("a smaller step means higher prices and fewer enrollments: the model and the draws say so side by side", async () => {
    const answer = await simulate({ policy: { ...exploring, step_log_max: 0.25 } });
    expect(answer.different).toBeGreaterThan(0);
    expect(answer.model.enrollments_change_pct).toBeLessThan(0);
    const { enrollments } = answer.off_policy;
    expect(enrollments.refusal).toBeNull();
    expect(enrollments.per_view!.uplift_doubly_robust.value).toBeLessThan(0);
    expect(enrollments.per_view!.uplift_snips.value).toBeLessThan(0);
    expect(enrollments.mean_weight).toBeGreaterThan(0.7);
    expect(enrollments.mean_weight).toBeLessThan(1.3);
    expect(enrollments.effective_draws).toBeLessThan(COURSES * DAYS);
  });

  test("a policy that does not explore gets the model's word and no verdict: its prices were hardly drawn", async () => {
    const answer = await simulate({ policy: { step_log_max: 0.26, ceiling_tokens: 70 } });
    expect(answer).toMatchObject({ verdict: "refused", version: "candidate" });
    expect(answer.reasoning).toContain("allows no verdict");
    expect(answer.candidate.guardrails["ceiling"]).toBeGreaterThan(0);
    expect(answer.candidate.lowered).toBeGreaterThan(answer.today.lowered);
  });

  test("only what is in the candidate's scope counts, and only the newest traffic", async () => {
    expect((await simulate({ policy: { ...exploring, scope: { categories: ["odd"] } } })).traffic).toMatchObject({ decisions: (COURSES / 2) * DAYS, left_out: (COURSES / 2) * DAYS + 2 });
    const short = await simulate({ policy: exploring, decisions_max: 100 });
    expect(short.traffic).toMatchObject({ decisions: 100, quotes_read: 100, left_out: 0, views: 100 * VIEWS });
    expect((await simulate({ policy: { scope: { courses: ["nobody"] } } })).traffic).toMatchObject({ decisions: 0, views: 0, from: null, events_read: 0 });
  });

  test("one at a time, and nothing of what contradicts itself or does not exist", async () => {
    const both = await Promise.all([engine.post("/policies/simulate", { policy: {} }), engine.post("/policies/simulate", { policy: {} })]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 503]);
    const code = async (body: object): Promise<string> => ((await (await engine.post("/policies/simulate", body)).json()) as { code: string }).code;
    expect(await code({ policy: { floor_tokens: 9, ceiling_tokens: 8 } })).toBe("invalid_policy");
    expect(await code({ policy_id: "nobody" })).toBe("unknown_policy");
    expect(await code({ policy_id: "default", revision: 9 })).toBe("unknown_policy");
    for (const body of [{}, { policy: {}, policy_id: "default" }, { policy: {}, decisions_max: 0 }, { policy: {}, decisions_max: 1e6 }, { policy: {}, seconds_max: 61 }, { policy: 3 }]) expect(await code(body), JSON.stringify(body)).toBe("invalid_field");
  });
});

describe("reading what was logged", () => {
  test("stops at each of its bounds, says which, and lets everything else go on meanwhile", async () => {
    const range = { stream: "EVENTS", subject: "events.exposure.>", from: 1 };
    const turns = new Turns();
    const bounds = { messages_max: 1e9, bytes_max: 1e9, seconds_max: 60 };
    const read = async (more: object): Promise<{ count: number; handled: number; bound: string | undefined; ticks: number }> => {
      const budget = new ReadingBudget({ ...bounds, ...more });
      let handled = 0;
      let ticks = 0;
      const timer = setInterval(() => ticks++, 1);
      const count = await readLogged(broker, range, budget, turns, () => true, () => handled++);
      clearInterval(timer);
      return { count, handled, bound: budget.exhausted, ticks };
    };
    const all = COURSES * DAYS * VIEWS + 7;
    const whole = await read({});
    expect(whole).toMatchObject({ count: all, handled: all, bound: undefined });
    expect(whole.ticks).toBeGreaterThan(5);
    expect(await read({ messages_max: 1_500 })).toMatchObject({ count: 1_500, handled: 1_500, bound: "messages" });
    expect(await read({ bytes_max: 20_000 })).toMatchObject({ bound: "bytes" });
    expect(await read({ seconds_max: 0 })).toMatchObject({ bound: "seconds", count: 0 });
    expect(await readLogged(broker, { ...range, subject: "events.token.>" }, new ReadingBudget(bounds), turns, () => true, () => undefined)).toBe(0);
    expect(await readLogged(broker, { ...range, from: 1e9 }, new ReadingBudget(bounds), turns, () => true, () => undefined)).toBe(0);
  });
});
