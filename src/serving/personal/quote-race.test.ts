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
/** Each some twelve calls. RACE_ROUNDS asks for more of them. */
const ROUNDS = Number(process.env["RACE_ROUNDS"] ?? 150);
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

interface Audit {
  /** What must not have happened, in words. */
  readonly violations: readonly string[];
  readonly superseded: number;
  readonly renewed: number;
}

type Placed = { readonly index: number; readonly record: PersonalRecord };

/** A quote takes another's place only when it may: with the same price under a new promise, or because the one before yields. */
function auditQuotes(race: Race, by_key: ReadonlyMap<string, readonly Placed[]>): Audit {
  const violations: string[] = [];
  let superseded = 0;
  let renewed = 0;
  for (const [key, list] of by_key) {
    for (const [i, { record }] of list.entries()) {
      const { terms } = record;
      const list_price = race.listAt(terms.course_id, terms.issued_ms);
      if (terms.price > list_price) violations.push(`${key}: ${terms.price} is above the list price of ${list_price}`);
      const before = list[i - 1]?.record;
      if (before === undefined || terms.issued_ms >= before.terms.locked_ms) continue;
      const yields = list_price < before.terms.price || (race.optedOutAt(terms.learner_id, terms.issued_ms) && before.answer.personal_features_used);
      if (yields) superseded++;
      else {
        renewed++;
        if (terms.price !== before.terms.price) violations.push(`${key}: ${before.terms.price} became ${terms.price} within its lock`);
        if (record.renews !== before.terms.quote_id || terms.locked_ms !== before.terms.locked_ms || record.charged_milli !== 0) violations.push(`${key}: ${terms.quote_id} is no renewal of ${before.terms.quote_id}`);
        if (terms.issued_ms < before.terms.expires_ms) violations.push(`${key}: ${terms.quote_id} before ${before.terms.quote_id} was over`);
      }
    }
  }
  return { violations, superseded, renewed };
}

/** Every promise that was answered is in the stream, byte for byte, and was in force at some moment of its call. */
function auditAnswers(race: Race, by_key: ReadonlyMap<string, readonly Placed[]>): string[] {
  return race.answered.flatMap(({ key, answer, from, to, list_price }) => {
    const found = answer.personalized_price > list_price ? [`${key}: answered ${answer.personalized_price} above ${list_price}`] : [];
    if (answer.quote_id === null) return found;
    const list = by_key.get(key) ?? [];
    const at = list.findIndex(({ record }) => record.terms.quote_id === answer.quote_id);
    if (at < 0) return [...found, `${key}: ${answer.quote_id} was answered and is lost`];
    if (JSON.stringify(list[at]!.record.answer) !== JSON.stringify(answer)) found.push(`${key}: ${answer.quote_id} is recorded with another answer`);
    if (list[at]!.index >= to || (list[at + 1]?.index ?? Number.POSITIVE_INFINITY) < from) found.push(`${key}: ${answer.quote_id} was not in force when it was answered`);
    return found;
  });
}

/** What was charged is within both budgets, and so is what the broker says is leased. */
function auditBudgets(race: Race, quotes: readonly PersonalRecord[]): string[] {
  const { global_tokens, learner_tokens } = race.policy.personalisation.budget;
  const [all, each] = [global_tokens ?? Number.POSITIVE_INFINITY, learner_tokens ?? Number.POSITIVE_INFINITY].map((tokens_) => tokens_ * 1_000) as [number, number];
  const charged = (own: readonly PersonalRecord[]): number => own.reduce((sum, { charged_milli }) => sum + charged_milli, 0);
  const found = charged(quotes) > all ? [`${charged(quotes)} of ${all} were given away`] : [];
  for (let i = 0; i < LEARNERS; i++) {
    const own = charged(quotes.filter(({ terms }) => terms.learner_id === `L${i}`));
    if (own > each) found.push(`L${i} got ${own} of ${each}`);
  }
  for (const { subject, data } of race.broker.messages[STREAM_BUDGETS]!) {
    const { leased_milli } = JSON.parse(new TextDecoder().decode(data)) as { leased_milli: number };
    if (leased_milli > (subject.startsWith("budgets.global.") ? all : each)) found.push(`${subject}: ${leased_milli} are leased`);
  }
  return found;
}

/** Mean personal log prices of declared groups lie within δ of each other. */
function auditFairness(quotes: readonly PersonalRecord[]): string[] {
  const groups = new Map<string, { sum: number; n: number }>();
  for (const { terms, inputs, groups: own, renews } of quotes) {
    for (const group of renews === null ? own : []) {
      const { sum, n } = groups.get(group) ?? { sum: 0, n: 0 };
      groups.set(group, { sum: sum + Math.log(terms.price / inputs.anchor_price), n: n + 1 });
    }
  }
  const means = [...groups].map(([name, { sum, n }]) => ({ name, mean: sum / n }));
  return means.flatMap((a) => means.flatMap((b) => (a.mean - b.mean > DELTA_LOG + 1e-9 ? [`${a.name} pays ${a.mean - b.mean} more than ${b.name}`] : [])));
}

const tight = { personalisation: { lock_hours: 24, expiry_minutes: 120, budget: BUDGET } };
const fair = { personalisation: { lock_hours: 2, expiry_minutes: 60, budget: { global_tokens: null, learner_tokens: null } }, fairness: { attributes: ["device"], delta_log: DELTA_LOG, period_hours: 24 * 365 } };

describe("eight processes of two hosts quote the same learners and courses at once", () => {
  test.each([
    ["tight budgets", tight, ["granted", "not_needed", "global", "learner"], "discount_budget"],
    ["declared groups", fair, ["granted", "not_needed"], "fairness"],
  ])("no lock, list price, budget or bound of fairness is broken: %s", { timeout: 120_000 }, async (name, document, budgets, guardrail) => {
    const race = await run(`race:${name}`, document, ROUNDS);
    const quotes = records(race);
    const by_key = new Map<string, Placed[]>();
    for (const [index, record] of quotes.entries()) {
      const key = `${record.terms.learner_id}/${record.terms.course_id}`;
      by_key.set(key, [...(by_key.get(key) ?? []), { index, record }]);
    }
    const { violations, superseded, renewed } = auditQuotes(race, by_key);
    expect([...violations, ...auditAnswers(race, by_key), ...auditBudgets(race, quotes), ...auditFairness(quotes)]).toEqual([]);
    // The test saw what it is about.
    expect(race.workers.reduce((sum, { personal }) => sum + personal.desk.counts.lost, 0)).toBeGreaterThan(5);
    expect([superseded > 0, renewed > 0, quotes.some(({ charged_milli }) => charged_milli > 0)]).toEqual([true, true, true]);
    expect(new Set(quotes.map(({ inputs }) => inputs.budget))).toEqual(new Set(budgets));
    expect(quotes.some(({ answer }) => answer.waterfall.some(({ name: step }) => step === guardrail))).toBe(true);
  });
});
