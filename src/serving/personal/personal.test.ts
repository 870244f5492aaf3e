import { describe, expect, test } from "vitest";
import { type Policy, policySchema } from "../../contracts/policy.ts";
import { type RecommendationsAnswer, recommendationsAnswerSchema } from "../../contracts/learner-scores.ts";
import { personalizedAnswerSchema, type PersonalizedAnswer, personalRecordSchema, quoteAnswerSchema, redemptionsAnswerSchema, replayAnswerSchema } from "../../contracts/quote.ts";
import { controlSubject, STREAM_BUDGETS } from "../../contracts/subjects.ts";
import { DAY_MS, formatTime, HOUR_MS } from "../../lib/time.ts";
import { verifyQuote } from "../../pricing/personal/quote-signature.ts";
import { registered, testScorer, tokens } from "../learners/testing.ts";
import { FixedPolicy } from "../policy-source.ts";
import { START_MS, testArtifact, TestEngine } from "../testing.ts";
import { testKeyring } from "./testing.ts";

function policy(document: object = {}): Policy {
  return Object.freeze({ ...policySchema.parse(document), version: "test-1" });
}

/** A learner who heeds prices much more than others, on a platform with a model. */
function engineOf(document: object = {}, effect: { value: number; se: number } | null = { value: -6, se: 0.2 }): TestEngine {
  const engine = new TestEngine({ policies: new FixedPolicy(policy(document)) });
  engine.foldCatalogue();
  engine.fold(registered("L1"), registered("L2"), tokens("L1", "purchased", 40), tokens("L2", "purchased", 500));
  // Demand that hardly answers prices, so that the course's own best price is not below its list price; and views of lower prices, which make them known.
  const artifact = testArtifact();
  const inelastic = { value: -0.7, se: 0.05, sales: 3_000, identified: true, source: "category" } as const;
  engine.promote({ ...artifact, elasticity: { ...artifact.elasticity, categories: { programming: inelastic } } });
  for (let i = 0; i < 20; i++) engine.fold({ id: `low${i}`, type: "exposure.viewed", time: formatTime(START_MS - DAY_MS), course_id: "c1", learner_id: `l${i}`, price: 75 });
  engine.propensity.current = { model: { ...testScorer(), average_price_effect: -1.5, priceEffect: () => effect } };
  return engine;
}

async function ask(engine: TestEngine, learner_id = "L1", course_id = "c1"): Promise<{ text: string; answer: PersonalizedAnswer }> {
  const response = await engine.post("/personalized_pricing", { learner_id, course_id });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return { text, answer: personalizedAnswerSchema.strict().parse(JSON.parse(text)) };
}

const fold = (engine: TestEngine): void => engine.quote_broker.foldInto(engine.store);

async function enginePrice(document: object = {}, effect?: { value: number; se: number } | null): Promise<PersonalizedAnswer> {
  const engine = engineOf(document, effect);
  await engine.models.check();
  return (await ask(engine)).answer;
}

describe("a personal price", () => {
  test("is below the list price where a lower one brings the learner, signed, and says what it rests on", async () => {
    const engine = engineOf();
    await engine.models.check();
    const { answer } = await ask(engine);
    expect(answer.base_price).toBe(100);
    expect(answer.personalized_price).toBeLessThan(answer.price_without_personal_data);
    expect(answer.price_without_personal_data).toBeLessThanOrEqual(100);
    expect(answer).toMatchObject({ learner_id: "L1", course_id: "c1", personal_features_used: true, experiments: [], policy: "test-1", model: "v1", propensity_model: "p1" });
    expect(answer.waterfall.map(({ step }) => step)).toContain("personal");
    expect(answer.discount_pct).toBeCloseTo(100 - answer.personalized_price, 6);
    // 40 tokens do not pay for it: that is said, and is no reason for a lower price.
    expect(answer.affordability).toBeCloseTo(40 / answer.personalized_price, 4);
    const { terms, signature } = personalRecordSchema.parse(JSON.parse(new TextDecoder().decode(engine.quote_broker.offers[0]!.data)));
    expect(answer.signature).toBe(signature);
    expect(verifyQuote(terms, signature, testKeyring().keys!)).toBe(true);
    expect([terms.quote_id, terms.price, formatTime(terms.expires_ms)]).toEqual([answer.quote_id, answer.personalized_price, answer.expires_at]);
  });

  test("is the same for a poor and a rich learner: who cannot pay is not more sensitive", async () => {
    const engine = engineOf();
    await engine.models.check();
    const [poor, rich] = [(await ask(engine, "L1")).answer, (await ask(engine, "L2")).answer];
    expect(poor.personalized_price).toBe(rich.personalized_price);
    expect([poor.affordability! < 1, rich.affordability]).toEqual([true, 1]);
  });

  test.each([
    ["nothing is known of the effect", {}, null, "no_effect"],
    ["the policy makes none", { personalisation: { enabled: false } }, { value: -6, se: 0.2 }, "disabled"],
  ] as const)("rests on no personal data where %s", async (_name, document, effect, mode) => {
    const answer = await enginePrice(document, effect);
    expect(answer.personal_features_used).toBe(false);
    expect(answer.personalized_price).toBe(answer.price_without_personal_data);
    expect(answer.waterfall.find(({ step }) => step === "personal")?.name).toBe(mode);
  });

  test("is no lower where the effect is too uncertain, or the learner heeds prices less than others", async () => {
    for (const effect of [{ value: -6, se: 6 }, { value: -0.2, se: 0.1 }]) {
      const answer = await enginePrice({}, effect);
      expect(answer.personalized_price).toBe(answer.price_without_personal_data);
    }
  });

  test("goes no lower than the largest discount and the floor, and ends as the policy wants", async () => {
    expect((await enginePrice({ personalisation: { max_discount: 0.04 } })).personalized_price).toBeGreaterThanOrEqual(96);
    expect((await enginePrice({ floor_tokens: 97 })).personalized_price).toBeGreaterThanOrEqual(97);
    expect((await enginePrice({ rounding: { kind: "charm", endings: [9] } })).personalized_price % 10).toBe(9);
  });

  test("is the list price once the budgets are given away, and says which", async () => {
    const none = await enginePrice({ personalisation: { budget: { learner_tokens: 0 } } });
    expect([none.personalized_price, none.waterfall.find(({ name }) => name === "discount_budget")?.reason]).toEqual([100, expect.stringContaining("learner's discounts")]);
    const all = await enginePrice({ personalisation: { budget: { global_tokens: 0 } } });
    expect([all.personalized_price, all.waterfall.find(({ name }) => name === "discount_budget")?.reason]).toEqual([100, expect.stringContaining("discounts of this period")]);
  });

  test("asks the broker for budget once for several courses of a learner, and charges each", async () => {
    const engine = engineOf({ personalisation: { budget: { learner_tokens: 3_200 } } });
    await engine.models.check();
    const charged = [];
    for (const course_id of ["c1", "c2", "c3"]) {
      await ask(engine, "L1", course_id);
      charged.push(personalRecordSchema.parse(JSON.parse(new TextDecoder().decode(engine.quote_broker.offers.at(-1)!.data))).charged_milli);
    }
    expect(charged.filter((milli) => milli > 0).length).toBeGreaterThan(1);
    const leases = engine.quote_broker.messages[STREAM_BUDGETS]!.filter(({ subject }) => subject.startsWith("budgets.learner."));
    expect(leases).toHaveLength(1);
    expect((JSON.parse(new TextDecoder().decode(leases[0]!.data)) as { leased_milli: number }).leased_milli).toBeGreaterThanOrEqual(charged.reduce((sum, milli) => sum + milli, 0));
  });

  test("who is unknown, or was erased, has none; nor has a course that nobody knows", async () => {
    const engine = engineOf();
    expect((await engine.post("/personalized_pricing", { learner_id: "L9", course_id: "c1" })).status).toBe(404);
    expect((await engine.post("/personalized_pricing", { learner_id: "L1", course_id: "c9" })).status).toBe(404);
    expect((await engine.post("/personalized_pricing", { learner_id: "L1" })).status).toBe(422);
    await ask(engine);
    engine.fold({ id: "er", type: "learner.erased", time: formatTime(START_MS), learner_id: "L1" });
    expect((await engine.post("/personalized_pricing", { learner_id: "L1", course_id: "c1" })).status).toBe(404);
  });
});

describe("a learner's recommendations", () => {
  const cited = async (engine: TestEngine, learner_id = "L1"): Promise<(RecommendationsAnswer["recommendations"][number] | undefined)[]> => {
    const answer = recommendationsAnswerSchema.strict().parse(await (await engine.app.request(`/learner/${learner_id}/recommendations`)).json());
    return ["c1", "c2"].map((id) => answer.recommendations.find(({ course_id }) => course_id === id));
  };

  test("cite the learner's own quote for as long as it can be redeemed, and make none", async () => {
    const engine = engineOf();
    await engine.models.check();
    expect((await cited(engine)).map((each) => each?.quote)).toEqual([null, null]);
    expect(engine.quote_broker.offers).toHaveLength(0);
    const { quote_id, personalized_price, expires_at } = (await ask(engine)).answer;
    const [own, other] = await cited(engine);
    expect(own).toMatchObject({ price: 100, quote: { quote_id, price: personalized_price, expires_at }, reason: expect.stringContaining(`quoted ${personalized_price} tokens`) as string });
    // 40 tokens of the quoted price, not of the list price.
    expect(own!.affordability).toBeCloseTo(40 / personalized_price, 3);
    expect(other?.quote).toBeNull();
    expect((await cited(engine, "L2"))[0]?.quote).toBeNull();
    fold(engine);
    expect((await cited(engine))[0]?.quote?.quote_id).toBe(quote_id);
    engine.clock.time_ms = Date.parse(expires_at!);
    expect((await cited(engine))[0]?.quote).toBeNull();
  });

  test("cite no quote that personal data made once the learner allows none", async () => {
    const engine = engineOf();
    await engine.models.check();
    await ask(engine);
    engine.foldControl(controlSubject("learner", "L1"), { type: "learner.personalisation", time: formatTime(START_MS), author: "local", reason: "asked", learner_id: "L1", allowed: false });
    expect((await cited(engine))[0]?.quote).toBeNull();
  });
});

describe("the lock", () => {
  test("gives the same bytes until the quote is over, remembered, folded, and on another host that has only the stream", async () => {
    const engine = engineOf();
    await engine.models.check();
    const first = await ask(engine);
    engine.propensity.current = { model: { ...testScorer("p2"), priceEffect: () => ({ value: -1, se: 0.1 }) } };
    expect((await ask(engine)).text).toBe(first.text);
    const folded = engineOf();
    engine.quote_broker.foldInto(folded.store);
    folded.quote_broker.connected = false;
    expect((await ask(folded)).text).toBe(first.text);
    const late = engineOf({}, { value: -1, se: 0.1 });
    late.quote_broker.copyFrom(engine.quote_broker);
    expect((await ask(late)).text).toBe(first.text);
  });

  test("goes on with the same price under a new quote once the first is over, for nothing, and ends when it ends", async () => {
    const engine = engineOf({ personalisation: { lock_hours: 72, expiry_minutes: 60 } });
    await engine.models.check();
    const first = (await ask(engine)).answer;
    engine.propensity.current = { model: { ...testScorer("p2"), priceEffect: () => null } };
    engine.clock.time_ms += 2 * HOUR_MS;
    const renewed = (await ask(engine)).answer;
    expect(renewed.personalized_price).toBe(first.personalized_price);
    expect(renewed.quote_id).not.toBe(first.quote_id);
    expect(renewed.locked_until).toBe(first.locked_until);
    expect(renewed.expires_at! > first.expires_at!).toBe(true);
    expect(personalRecordSchema.parse(JSON.parse(new TextDecoder().decode(engine.quote_broker.offers[1]!.data)))).toMatchObject({ renews: first.quote_id, charged_milli: 0 });
    engine.clock.time_ms = START_MS + 3 * DAY_MS;
    const other = (await ask(engine)).answer;
    expect([other.personal_features_used, other.personalized_price]).toEqual([false, other.price_without_personal_data]);
  });

  test("yields to a list price that fell below it", async () => {
    const engine = engineOf({}, null);
    await engine.models.check();
    const first = (await ask(engine)).answer;
    engine.fold({ id: "rp", type: "course.repriced", time: formatTime(START_MS), course_id: "c1", price: 50 });
    const lower = (await ask(engine)).answer;
    expect(first.personalized_price).toBeGreaterThan(50);
    expect(lower.personalized_price).toBeLessThanOrEqual(50);
  });

  test("yields to a learner who allows no personal prices any more, from the next price on", async () => {
    const engine = engineOf();
    await engine.models.check();
    const before = (await ask(engine)).answer;
    engine.foldControl(controlSubject("learner", "L1"), { type: "learner.personalisation", time: formatTime(START_MS), author: "local", reason: "asked", learner_id: "L1", allowed: false });
    const { answer } = await ask(engine);
    expect(before.personal_features_used).toBe(true);
    expect(answer).toMatchObject({ personal_features_used: false, propensity: null, segment: null, affordability: null, personalized_price: answer.price_without_personal_data });
    const record = personalRecordSchema.parse(JSON.parse(new TextDecoder().decode(engine.quote_broker.offers.at(-1)!.data)));
    expect(record.inputs).toMatchObject({ mode: "opted_out", balance_tokens: null, level_shift: 0, slope_shift: 0 });
  });

  test("without a broker there is the list price, marked, and no promise; a price that is locked stays", async () => {
    const engine = engineOf();
    await engine.models.check();
    engine.quote_broker.connected = false;
    const { answer } = await ask(engine);
    expect(answer).toMatchObject({ quote_id: null, signature: null, expires_at: null, locked_until: null, personalized_price: 100, degraded: ["broker_unreachable"] });
    engine.quote_broker.connected = true;
    const locked = (await ask(engine)).answer;
    engine.quote_broker.connected = false;
    engine.clock.time_ms += 30 * HOUR_MS;
    expect((await ask(engine)).answer).toMatchObject({ quote_id: null, personalized_price: locked.personalized_price });
  });

  test("a quote whose acknowledgement was lost is the next answer", async () => {
    const engine = engineOf();
    await engine.models.check();
    engine.quote_broker.unacknowledged = 3;
    expect((await ask(engine)).answer).toMatchObject({ quote_id: null, personalized_price: 100 });
    engine.quote_broker.unacknowledged = 0;
    const { answer } = await ask(engine);
    expect(answer.quote_id).not.toBeNull();
  });
});

describe("what became of a quote", () => {
  const get = async (engine: TestEngine, id: string): Promise<ReturnType<typeof quoteAnswerSchema.parse>> => quoteAnswerSchema.strict().parse(await (await engine.app.request(`/quotes/${id}`)).json());
  const redeem = (engine: TestEngine, quote_id: string, price: number, more: object = {}): void => {
    const id = `r${engine.sequence}`;
    engine.fold({ id, type: "enrollment.created", time: formatTime(engine.clock.time_ms), enrollment_id: id, course_id: "c1", learner_id: "L1", price, quote_id, ...more });
  };
  const list = async (engine: TestEngine, query = ""): Promise<string[]> => redemptionsAnswerSchema.strict().parse(await (await engine.app.request(`/redemptions${query}`)).json()).redemptions.map(({ verdict }) => verdict);

  test("valid, redeemed once, repeated, over", async () => {
    const engine = engineOf();
    await engine.models.check();
    const { answer } = await ask(engine);
    const id = answer.quote_id!;
    expect(await get(engine, id)).toMatchObject({ status: "valid", kind: "personal", signature_valid: true, price: answer.personalized_price, redemption: null });
    fold(engine);
    expect(await get(engine, id)).toMatchObject({ status: "valid", signature_valid: true });
    redeem(engine, id, answer.personalized_price);
    expect(await get(engine, id)).toMatchObject({ status: "redeemed", redemption: { verdict: "redeemed", repeats: 0 } });
    redeem(engine, id, answer.personalized_price);
    expect(await get(engine, id)).toMatchObject({ status: "redeemed", redemption: { verdict: "repeated", repeats: 1 } });
    engine.clock.time_ms += 2 * DAY_MS;
    const other = (await ask(engine, "L2")).answer.quote_id!;
    engine.clock.time_ms += 2 * DAY_MS;
    expect((await get(engine, other)).status).toBe("expired");
  });

  test.each([
    ["another price", { price: 1 }, "mismatch", "price_mismatch"],
    ["another course", { course_id: "c2" }, "mismatch", "course_mismatch"],
    ["too late", { time: formatTime(START_MS + 25 * HOUR_MS) }, "expired", "late"],
    ["another learner", { learner_id: "L2" }, "valid", "learner_mismatch"],
    ["a quote that never was", { quote_id: "q_made_up" }, "valid", "unknown_quote"],
  ])("%s is reported, counted and listed", async (_name, more, status, verdict) => {
    const engine = engineOf();
    await engine.models.check();
    const { answer } = await ask(engine);
    fold(engine);
    redeem(engine, answer.quote_id!, answer.personalized_price, more);
    expect((await get(engine, answer.quote_id!)).status).toBe(status);
    expect(await list(engine)).toEqual([verdict]);
    expect(await list(engine, `?verdict=${verdict}`)).toEqual([verdict]);
    expect(await list(engine, "?verdict=redeemed")).toEqual([]);
    await engine.quotes.citations.count();
    expect(await (await engine.app.request("/metrics")).text()).toContain(`tidemark_quote_citations{verdict="${verdict}"} 1`);
  });

  test("pages walk all citations once", async () => {
    const engine = engineOf();
    for (let i = 0; i < 70; i++) redeem(engine, `q_${i}`, 10);
    const seen: string[] = [];
    for (let after: string | null = ""; after !== null; ) {
      const page = redemptionsAnswerSchema.parse(await (await engine.app.request(`/redemptions?limit=9${after === "" ? "" : `&after=${encodeURIComponent(after)}`}`)).json());
      seen.push(...page.redemptions.map(({ quote_id }) => quote_id));
      after = page.next;
    }
    expect(seen.toSorted()).toEqual(Array.from({ length: 70 }, (_, i) => `q_${i}`).toSorted());
  });

  test("a replay gives the same bytes; of a record that was changed it says so", async () => {
    const engine = engineOf();
    await engine.models.check();
    const { text, answer } = await ask(engine);
    const replay = async (): Promise<{ identical: boolean; text: string }> => {
      const response = await engine.app.request(`/quotes/${answer.quote_id}/replay`, { method: "POST" });
      const replayed = await response.text();
      return { identical: replayAnswerSchema.parse(JSON.parse(replayed)).identical, text: replayed };
    };
    const same = await replay();
    expect(same.identical).toBe(true);
    expect(same.text.endsWith(`"answer":${text}}`)).toBe(true);
    const stored = engine.quote_broker.messages["OFFERS"]!;
    stored[0] = { ...stored[0]!, data: new TextEncoder().encode(new TextDecoder().decode(stored[0]!.data).replace('"slope_shift":', '"slope_shift":1')) };
    expect((await replay()).identical).toBe(false);
  });

  test("what nobody knows is not found, and a course's quote is asked for with its course", async () => {
    const engine = engineOf();
    for (const path of ["/quotes/q_nothing", "/quotes/q_nothing/replay"]) expect((await engine.app.request(path, { method: path.endsWith("replay") ? "POST" : "GET" })).status).toBe(404);
    const response = await engine.app.request(`/quotes/${"a".repeat(32)}`);
    expect([response.status, ((await response.json()) as { field: string }).field]).toEqual([422, "course_id"]);
  });
});
