import { describe, expect, test } from "vitest";
import { type Policy, policySchema } from "../../contracts/policy.ts";
import { type PersonalizedAnswer, type PersonalRecord, personalRecordSchema } from "../../contracts/quote.ts";
import { controlSubject, STREAM_BUDGETS } from "../../contracts/subjects.ts";
import { silentLogger } from "../../lib/log.ts";
import { Prng } from "../../lib/prng.ts";
import { DAY_MS, formatTime, HOUR_MS } from "../../lib/time.ts";
import { registered, testScorer, tokens } from "../learners/testing.ts";
import { FixedPolicy } from "../policy-source.ts";
import { START_MS, testArtifact, TestEngine } from "../testing.ts";
import { createPersonal, type Personal } from "./personal.ts";
import { TestQuoteBroker, testKeyring } from "./testing.ts";

const LEARNERS = 12;
const COURSES = ["c1", "c2", "c3"];
const HOSTS = 2;
const WORKERS = 4;
const DELTA_LOG = 0.04;
/** Of every learner 1 token, of all 6: both bind. */
const BUDGET = { period_hours: 24 * 365, global_tokens: 6, learner_tokens: 1 };

function policyOf(document: object): Policy {
  return Object.freeze({ ...policySchema.parse(document), version: "race-1" });
}

interface Answered {
  readonly key: string;
  readonly answer: PersonalizedAnswer;
  /** Messages of OFFERS before the call and after the answer. */
  readonly from: number;
  readonly to: number;
  readonly list_price: number;
}

/** Processes of two hosts over one broker; what hosts fold of EVENTS and CONTROL is the same at every moment, of OFFERS it is not. */
class Race {
  readonly engines: TestEngine[];
  readonly broker: TestQuoteBroker;
  readonly workers: { readonly personal: Personal; readonly engine: TestEngine }[];
  readonly random: Prng;
  readonly policy: Policy;
  readonly answered: Answered[] = [];
  readonly lists = new Map<string, number>(COURSES.map((course_id, i) => [course_id, [100, 80, 60][i]!]));
  /** By course: when it cost what. */
  readonly price_history = new Map<string, { at_ms: number; price: number }[]>();
  readonly opted_out = new Map<string, { at_ms: number; allowed: boolean }[]>();
  #facts = 0;

  constructor(seed: string, document: object) {
    this.random = new Prng(seed);
    this.policy = policyOf(document);
    const policies = new FixedPolicy(this.policy);
    this.engines = Array.from({ length: HOSTS }, () => new TestEngine({ policies }));
    const artifact = testArtifact();
    const inelastic = { value: -0.7, se: 0.05, sales: 3_000, identified: true, source: "category" } as const;
    for (const engine of this.engines) {
      engine.foldCatalogue();
      for (let i = 0; i < LEARNERS; i++) {
        engine.fold({ ...registered(`L${i}`), ...(i % 2 === 0 ? { attributes: { device: "mobile" } } : {}) } as ReturnType<typeof registered>, tokens(`L${i}`, "purchased", 100));
        for (const course_id of COURSES) engine.fold({ id: `low${course_id}${i}`, type: "exposure.viewed", time: formatTime(START_MS - DAY_MS), course_id, learner_id: `l${i}`, price: 50 });
      }
      engine.promote({ ...artifact, elasticity: { ...artifact.elasticity, categories: { programming: inelastic, design: inelastic } } });
      // Who heeds prices how much differs, so that some get discounts and others none.
      engine.propensity.current = { model: { ...testScorer(), average_price_effect: -1.5, priceEffect: (features) => ({ value: -2 - (features[0]! % 5), se: 0.2 }) } };
    }
    const clock = this.engines[0]!.clock;
    this.broker = new TestQuoteBroker(clock, `${seed}:broker`);
    this.workers = this.engines.flatMap((engine) => Array.from({ length: WORKERS }, () => ({ engine, personal: this.#worker(engine) })));
  }

  #worker({ features, scores, decisions, turns, clock, models, degradation }: TestEngine): Personal {
    const policies = new FixedPolicy(this.policy);
    return createPersonal({ features, scores, decisions, keyring: testKeyring(), broker: this.broker, modelOf: () => Promise.resolve(undefined), turns, clock, logger: silentLogger, models, degradation, policies });
  }

  async ask(worker: number, learner_id: string, course_id: string): Promise<void> {
    const from = this.broker.offers.length;
    const list_price = this.lists.get(course_id)!;
    const text = await this.workers[worker]!.personal.desk.price({ learner_id, course_id });
    this.answered.push({ key: `${learner_id}/${course_id}`, answer: JSON.parse(text) as PersonalizedAnswer, from, to: this.broker.offers.length, list_price });
  }

  /** Something else happens. */
  disturb(): void {
    const { random, engines } = this;
    const what = random.integer(12);
    const host = engines[random.integer(HOSTS)]!;
    if (what < 5) this.broker.foldInto(host.store);
    else if (what < 8) this.#pass(random.integer(3 * HOUR_MS));
    else if (what === 8) this.#reprice(COURSES[random.integer(COURSES.length)]!);
    else if (what === 9) this.#opt(`L${random.integer(LEARNERS)}`);
    else if (what === 10) this.broker.unacknowledged += 1;
    else {
      // A process is killed and begins anew, knowing nothing.
      const killed = random.integer(this.workers.length);
      this.workers[killed] = { engine: this.workers[killed]!.engine, personal: this.#worker(this.workers[killed]!.engine) };
    }
  }

  #pass(by_ms: number): void {
    for (const { clock } of this.engines) clock.time_ms += by_ms;
  }

  #reprice(course_id: string): void {
    // A moment later than anything before: times of facts tell which came first.
    this.#pass(1);
    const price = 40 + this.random.integer(80);
    const at_ms = this.engines[0]!.clock.time_ms;
    for (const engine of this.engines) engine.fold({ id: `rp${this.#facts}`, type: "course.repriced", time: formatTime(at_ms), course_id, price });
    this.#facts++;
    this.lists.set(course_id, price);
    this.price_history.set(course_id, [...(this.price_history.get(course_id) ?? []), { at_ms, price }]);
  }

  #opt(learner_id: string): void {
    this.#pass(1);
    const at_ms = this.engines[0]!.clock.time_ms;
    const allowed = this.random.integer(2) === 0;
    for (const engine of this.engines) engine.foldControl(controlSubject("learner", learner_id), { type: "learner.personalisation", time: formatTime(at_ms), author: "local", reason: "asked", learner_id, allowed });
    this.opted_out.set(learner_id, [...(this.opted_out.get(learner_id) ?? []), { at_ms, allowed }]);
  }

  listAt(course_id: string, at_ms: number): number {
    return this.price_history.get(course_id)?.findLast((entry) => entry.at_ms <= at_ms)?.price ?? [100, 80, 60][COURSES.indexOf(course_id)]!;
  }

  optedOutAt(learner_id: string, at_ms: number): boolean {
    return this.opted_out.get(learner_id)?.findLast((entry) => entry.at_ms <= at_ms)?.allowed === false;
  }
}

async function run(seed: string, document: object, rounds: number): Promise<Race> {
  const race = new Race(seed, document);
  for (const engine of race.engines) await engine.models.check();
  for (let round = 0; round < rounds; round++) {
    const calls: Promise<void>[] = [];
    for (let i = 1 + race.random.integer(24); i > 0; i--) {
      // Few learners and courses, so that nearly every call meets another.
      calls.push(race.ask(race.random.integer(HOSTS * WORKERS), `L${race.random.integer(LEARNERS)}`, COURSES[race.random.integer(COURSES.length)]!));
    }
    await Promise.all(calls);
    race.disturb();
  }
  return race;
}

const records = (race: Race): PersonalRecord[] => race.broker.offers.map(({ data }) => personalRecordSchema.parse(JSON.parse(new TextDecoder().decode(data))));

describe.each([
  ["tight budgets", { personalisation: { lock_hours: 24, expiry_minutes: 120, budget: BUDGET } }],
  ["declared groups", { personalisation: { lock_hours: 2, expiry_minutes: 60, budget: { global_tokens: null, learner_tokens: null } }, fairness: { attributes: ["device"], delta_log: DELTA_LOG, period_hours: 24 * 365 } }],
])("eight processes of two hosts quote the same learners and courses at once, with %s", (name, document) => {
  test("no learner sees two prices within a lock, nobody pays more than the list price, no budget and no bound of fairness is exceeded", { timeout: 120_000 }, async () => {
    const race = await run(`race:${name}`, document, 150);
    const quotes = records(race);
    const by_key = new Map<string, { readonly index: number; readonly record: PersonalRecord }[]>();
    for (const [index, record] of quotes.entries()) {
      const key = `${record.terms.learner_id}/${record.terms.course_id}`;
      by_key.set(key, [...(by_key.get(key) ?? []), { index, record }]);
    }
    // A quote takes another's place only when it may.
    let superseded = 0;
    let renewed = 0;
    for (const list of by_key.values()) {
      for (const [i, { record }] of list.entries()) {
        const before = list[i - 1]?.record;
        const { terms } = record;
        expect(terms.price).toBeLessThanOrEqual(race.listAt(terms.course_id, terms.issued_ms));
        if (before === undefined || terms.issued_ms >= before.terms.locked_ms) continue;
        const yields = race.listAt(terms.course_id, terms.issued_ms) < before.terms.price || (race.optedOutAt(terms.learner_id, terms.issued_ms) && before.answer.personal_features_used);
        if (yields) superseded++;
        else {
          renewed++;
          expect(terms.price).toBe(before.terms.price);
          expect([record.renews, terms.locked_ms, record.charged_milli]).toEqual([before.terms.quote_id, before.terms.locked_ms, 0]);
          expect(terms.issued_ms).toBeGreaterThanOrEqual(before.terms.expires_ms);
        }
      }
    }
    // Every promise that was answered is in the stream, and was in force at some moment of its call.
    for (const { key, answer, from, to, list_price } of race.answered) {
      expect(answer.personalized_price).toBeLessThanOrEqual(list_price);
      if (answer.quote_id === null) continue;
      const list = by_key.get(key) ?? [];
      const at = list.findIndex(({ record }) => record.terms.quote_id === answer.quote_id);
      expect(at, answer.quote_id).toBeGreaterThanOrEqual(0);
      expect(JSON.stringify(list[at]!.record.answer)).toBe(JSON.stringify(answer));
      expect(list[at]!.index).toBeLessThan(to);
      expect(list[at + 1]?.index ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(from);
    }
    // What was charged is within both budgets, and so is what the broker says is leased.
    const { budget } = race.policy.personalisation;
    const charged = (own: readonly PersonalRecord[]): number => own.reduce((sum, { charged_milli }) => sum + charged_milli, 0);
    if (budget.global_tokens !== null) expect(charged(quotes)).toBeLessThanOrEqual(budget.global_tokens * 1_000);
    for (let i = 0; i < LEARNERS && budget.learner_tokens !== null; i++) expect(charged(quotes.filter(({ terms }) => terms.learner_id === `L${i}`))).toBeLessThanOrEqual(budget.learner_tokens * 1_000);
    for (const { subject, data } of race.broker.messages[STREAM_BUDGETS]!) {
      const limit = subject.startsWith("budgets.global.") ? budget.global_tokens! : budget.learner_tokens!;
      expect((JSON.parse(new TextDecoder().decode(data)) as { leased_milli: number }).leased_milli).toBeLessThanOrEqual(limit * 1_000);
    }
    // Mean personal log prices of groups.
    const groups = new Map<string, { sum: number; n: number }>();
    for (const { terms, inputs, groups: own, renews } of quotes) {
      for (const group of renews === null ? own : []) {
        const { sum, n } = groups.get(group) ?? { sum: 0, n: 0 };
        groups.set(group, { sum: sum + Math.log(terms.price / inputs.anchor_price), n: n + 1 });
      }
    }
    const means = [...groups.values()].map(({ sum, n }) => sum / n);
    for (const mean of means) for (const other of means) expect(Math.abs(mean - other)).toBeLessThanOrEqual(DELTA_LOG + 1e-9);
    // The test saw what it is about.
    const counts = race.workers.map(({ personal }) => personal.desk.counts);
    expect(counts.reduce((sum, { lost }) => sum + lost, 0)).toBeGreaterThan(5);
    expect(superseded).toBeGreaterThan(0);
    expect(renewed).toBeGreaterThan(0);
    expect(quotes.some(({ charged_milli }) => charged_milli > 0)).toBe(true);
    if (budget.global_tokens !== null) expect(new Set(quotes.map(({ inputs }) => inputs.budget))).toEqual(new Set(["granted", "not_needed", "global", "learner"]));
    else expect(quotes.some(({ answer }) => answer.waterfall.some(({ name: step }) => step === "fairness"))).toBe(true);
  });
});
