import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Event } from "../../contracts/events.ts";
import { type PersonalizedAnswer, type PersonalRecord, personalRecordSchema, type QuoteAnswer, quoteAnswerSchema, replayAnswerSchema } from "../../contracts/quote.ts";
import { BUCKET_MODELS, controlSubject, eventSubject, STREAM_BUDGETS, STREAM_EVENTS, STREAM_OFFERS } from "../../contracts/subjects.ts";
import { layoutIdentity } from "../../features/feature-set.ts";
import { openLmdbStore } from "../../features/lmdb-store.ts";
import { StoreDirectory } from "../../features/store-directory.ts";
import { promoteModel } from "../../ingest/control.ts";
import type { EmbeddedBroker } from "../../ingest/embedded-broker.ts";
import type { Broker } from "../../ingest/nats.ts";
import { readStream } from "../../ingest/read-stream.ts";
import { startTestBroker, type TestBroker } from "../../ingest/testing/test-broker.ts";
import { groupBy } from "../../lib/group-by.ts";
import { Prng } from "../../lib/prng.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import { artifactDigest, encodeArtifact } from "../../models/compiled.ts";
import { propensityInputNames } from "../../models/propensity/inputs.ts";
import { propensityArtifact } from "../../models/propensity/testing.ts";
import { startServeProcess } from "../serve-process-testing.ts";
import { testArtifact } from "../testing.ts";
import { ensureQuoteKeys, QUOTE_KEYS_FILE } from "./quote-keyring.ts";

const INGEST = join(import.meta.dirname, "../../../dist/src/ingest/ingest-process.js");
const LEARNERS = 8;
const COURSES = ["c1", "c2", "c3"];
const GLOBAL_TOKENS = 4;
const LEARNER_TOKENS = 1;
const CALLS = 32;
const ANSWER_MS = 5_000;

/** A machine: its own fold, and four processes that answer. */
class Host {
  readonly data_dir: string;
  #ingest: ChildProcess | undefined;
  #serve: { readonly process: ChildProcess; readonly url: string } | undefined;

  constructor(data_dir: string) {
    this.data_dir = data_dir;
  }

  get url(): string {
    return this.#serve!.url;
  }

  get store_path(): string {
    return new StoreDirectory(join(this.data_dir, "features")).prepare(layoutIdentity).path;
  }

  async start(nats_url: string): Promise<void> {
    this.#ingest = spawn(process.execPath, [INGEST, nats_url, this.store_path], { stdio: ["ignore", "ignore", "inherit"] });
    await folded(this.store_path);
    this.#serve = await startServeProcess(this.data_dir, { workers: 4, data_dir: this.data_dir, nats_url });
  }

  /** One of the four dies at once. */
  async killWorker(random: Prng): Promise<void> {
    const pid = this.#serve!.process.pid!;
    const workers = (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim().split(/\s+/).filter(Boolean).map(Number);
    if (workers.length > 0) process.kill(workers[random.integer(workers.length)]!, "SIGKILL");
  }

  /** The fold dies at once, and another takes its place. */
  async killIngest(nats_url: string): Promise<void> {
    const ended = once(this.#ingest!, "exit");
    this.#ingest!.kill("SIGKILL");
    await ended;
    this.#ingest = spawn(process.execPath, [INGEST, nats_url, this.store_path], { stdio: ["ignore", "ignore", "inherit"] });
  }

  async stop(): Promise<void> {
    for (const child of [this.#serve?.process, this.#ingest]) {
      if (child === undefined || child.exitCode !== null) continue;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    }
  }
}

let rig: TestBroker;
let directory: string;
let embedded: EmbeddedBroker;
let broker: Broker;
let hosts: Host[];
let eventId = 0;

async function publish(event: Event): Promise<void> {
  await broker.publish(eventSubject(event), Buffer.from(JSON.stringify(event)), { message_id: event.id });
}

async function promote(artifact: ReturnType<typeof testArtifact> | ReturnType<typeof propensityArtifact>): Promise<void> {
  const bytes = encodeArtifact(artifact);
  const name = `${artifact.family}-${artifact.version}`;
  await broker.putObject(BUCKET_MODELS, name, bytes);
  await promoteModel(broker, { type: "model.promoted", time: formatTime(Date.now()), family: artifact.family, artifact: name, digest: artifactDigest(bytes), version: artifact.version, reason: "test" });
}

/** Waits until a store has everything that EVENTS and CONTROL hold now. */
async function folded(path: string): Promise<void> {
  const wanted = (await broker.streamInfo(STREAM_EVENTS))!.last_sequence;
  for (;;) {
    try {
      const store = openLmdbStore(path, { readonly: true });
      const done = (store.cursor(STREAM_EVENTS)?.sequence ?? 0) >= wanted && store.champion("propensity") !== undefined && store.controlCount("policy", "tight") === 2;
      await store.close();
      if (done) return;
    } catch {
      // Not there yet.
    }
    await sleep(50);
  }
}

const fresh = new Agent({ keepAlive: false, maxSockets: 64 });

/** A connection of its own, so that calls spread over the workers; undefined when the process died under it. */
function post(url: string, body: object): Promise<{ readonly status: number; readonly text: string } | undefined> {
  return new Promise((resolve) => {
    const sent = request(url, { method: "POST", agent: fresh, headers: { "content-type": "application/json" } }, (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode ?? 0, text: answer }), () => resolve(undefined));
    });
    sent.on("error", () => resolve(undefined));
    // Handed to a process that died before it took it.
    sent.setTimeout(ANSWER_MS, () => sent.destroy());
    sent.end(JSON.stringify(body));
  });
}

/** Asks again while a host's last process is being replaced. */
async function quoteOf(url: string, quote_id: string): Promise<QuoteAnswer> {
  for (;;) {
    const response = await fetch(`${url}/quotes/${quote_id}`).catch(() => undefined);
    if (response !== undefined) return quoteAnswerSchema.parse(await response.json());
    await sleep(50);
  }
}

async function replay(url: string, path: string): Promise<{ readonly status: number; readonly text: string }> {
  for (;;) {
    const response = await post(`${url}/quotes/${path}`, {});
    if (response !== undefined) return response;
    await sleep(50);
  }
}

beforeAll(async () => {
  rig = await startTestBroker("hosts");
  ({ directory, server: embedded, broker } = rig);
  const launched_at = formatTime(Date.now() - 100 * DAY_MS);
  const publisher = broker.bulkPublisher({ window: 1_000 });
  const add = async (event: Event): Promise<void> => publisher.publish(eventSubject(event), Buffer.from(JSON.stringify(event)));
  for (const [i, course_id] of COURSES.entries()) {
    await add({ id: `u-${course_id}`, type: "course.upserted", time: launched_at, course_id, teacher_id: "t1", category: "programming", difficulty_level: "beginner", quality_tier: "basic", base_price: 100 - 20 * i, launched_at });
    for (let view = 0; view < 60; view++) await add({ id: `v${eventId++}`, type: "exposure.viewed", time: formatTime(Date.now() - DAY_MS), course_id, learner_id: `w${view}`, price: view % 2 === 0 ? 50 : 100 - 20 * i });
  }
  for (let i = 0; i < LEARNERS; i++) {
    await add({ id: `l${i}`, type: "learner.upserted", time: launched_at, learner_id: `L${i}`, registered_at: launched_at });
    await add({ id: `p${i}`, type: "token.purchased", time: launched_at, learner_id: `L${i}`, amount: 50 * i });
  }
  await publisher.flush();
  const artifact = testArtifact();
  const inelastic = { value: -0.7, se: 0.05, sales: 3_000, identified: true, source: "category" } as const;
  await promote({ ...artifact, elasticity: { ...artifact.elasticity, categories: { programming: inelastic } } });
  // Everybody heeds prices much more than the average learner.
  const propensity = propensityArtifact();
  const zeros = propensityInputNames.map(() => 0);
  const covariance = propensity.price_sensitivity.covariance.map((entry) => entry / 100);
  await promote({ ...propensity, price_sensitivity: { ...propensity.price_sensitivity, mean: zeros, coefficients: propensityInputNames.map((name) => (name.includes("balance") ? -2 : 0)), covariance, intercept: -1.5 } });
  const change = { time: formatTime(Date.now()), author: "test", reason: "test", policy_id: "tight", revision: 1 };
  const policy = { personalisation: { lock_hours: 24, expiry_minutes: 600, budget: { period_hours: 8_000, global_tokens: GLOBAL_TOKENS, learner_tokens: LEARNER_TOKENS } } };
  for (const message of [{ type: "policy.drafted", ...change, policy }, { type: "policy.activated", ...change }]) await broker.publish(controlSubject("policy", "tight"), Buffer.from(JSON.stringify(message)));
  hosts = [];
  for (const name of ["one", "two"]) {
    const host = new Host(join(directory, name));
    await mkdir(host.data_dir, { recursive: true });
    ensureQuoteKeys(join(directory, QUOTE_KEYS_FILE));
    await copyFile(join(directory, QUOTE_KEYS_FILE), join(host.data_dir, QUOTE_KEYS_FILE));
    hosts.push(host);
  }
  await Promise.all(hosts.map((host) => host.start(embedded.url)));
}, 180_000);

afterAll(async () => {
  await Promise.all(hosts.map((host) => host.stop()));
  await rig.stop();
});

test("eight processes of two hosts, killed at random: one price a learner and course, nothing above list or budget, and no quote that was answered is lost", { timeout: 300_000 }, async () => {
  const random = new Prng("hosts");
  const [one, two] = hosts as [Host, Host];
  const answered: { readonly key: string; readonly answer: PersonalizedAnswer; readonly text: string }[] = [];
  let died = 0;
  for (let round = 0; round < 8; round++) {
    const calls = Array.from({ length: CALLS }, async () => {
      const [learner_id, course_id] = [`L${random.integer(LEARNERS)}`, COURSES[random.integer(1 + (round % COURSES.length))]!];
      await sleep(random.integer(20));
      const response = await post(`${hosts[random.integer(2)]!.url}/personalized_pricing`, { learner_id, course_id });
      if (response?.status === 200) answered.push({ key: `${learner_id}/${course_id}`, answer: JSON.parse(response.text) as PersonalizedAnswer, text: response.text });
      else died++;
    });
    if (round % 2 === 1) {
      await sleep(random.integer(15));
      await hosts[random.integer(2)]!.killWorker(random);
    }
    if (round === 2) await one.killIngest(embedded.url);
    if (round === 6) await two.killIngest(embedded.url);
    await Promise.all(calls);
  }

  const quotes: PersonalRecord[] = [];
  await readStream(broker, STREAM_OFFERS, {}, ({ data }) => void quotes.push(personalRecordSchema.parse(JSON.parse(Buffer.from(data).toString()))));
  const by_key = groupBy(quotes, ({ terms }) => `${terms.learner_id}/${terms.course_id}`);
  // No process answers before it knows the policy in force.
  expect(new Set(quotes.map(({ policy_version }) => policy_version))).toEqual(new Set(["tight-1"]));
  // All of it is within one lock.
  expect([...by_key.values()].filter((list) => list.length > 1)).toEqual([]);
  const promised = answered.filter(({ answer }) => answer.quote_id !== null);
  const wrong = promised.filter(({ key, text: given }) => JSON.stringify(by_key.get(key)?.[0]?.answer) !== given);
  expect(wrong).toEqual([]);
  expect(answered.filter(({ answer }) => answer.personalized_price > answer.base_price)).toEqual([]);
  const charged = (list: readonly PersonalRecord[]): number => list.reduce((sum, { charged_milli }) => sum + charged_milli, 0);
  expect(charged(quotes)).toBeLessThanOrEqual(GLOBAL_TOKENS * 1_000);
  for (const list of groupBy(quotes, ({ terms }) => terms.learner_id).values()) expect(charged(list)).toBeLessThanOrEqual(LEARNER_TOKENS * 1_000);
  await readStream(broker, STREAM_BUDGETS, {}, ({ subject, data }) => {
    const { leased_milli } = JSON.parse(Buffer.from(data).toString()) as { leased_milli: number };
    expect(leased_milli, subject).toBeLessThanOrEqual(1_000 * (subject.startsWith("budgets.global.") ? GLOBAL_TOKENS : LEARNER_TOKENS));
  });
  // The test saw what it is about.
  expect(promised.length).toBeGreaterThan(100);
  expect(quotes.filter(({ charged_milli }) => charged_milli > 0).length).toBeGreaterThan(3);
  expect(new Set(quotes.map(({ inputs }) => inputs.budget)).size).toBeGreaterThan(1);

  // Both hosts tell the same of every quote, and decide it again to the same bytes.
  for (const { terms, answer } of quotes) {
    for (const { url } of hosts) {
      expect(await quoteOf(url, terms.quote_id)).toMatchObject({ status: "valid", signature_valid: true, price: terms.price });
    }
    const replayed = await replay(one.url, `${terms.quote_id}/replay`);
    expect(replayAnswerSchema.parse(JSON.parse(replayed.text)).identical).toBe(true);
    expect(replayed.text.endsWith(`"answer":${JSON.stringify(answer)}}`)).toBe(true);
  }
  expect(died).toBeLessThan(answered.length / 4);

  // An enrollment that cites a quote redeems it, on either host.
  const { terms } = quotes[0]!;
  await publish({ id: "redeems", type: "enrollment.created", time: formatTime(Date.now()), enrollment_id: "redeems", course_id: terms.course_id, learner_id: terms.learner_id, price: terms.price, quote_id: terms.quote_id });
  for (const { url } of hosts) {
    for (;;) {
      if ((await quoteOf(url, terms.quote_id)).status === "redeemed") break;
      await sleep(20);
    }
  }
  // A course's quote is found and replayed, too.
  const course = JSON.parse((await post(`${two.url}/optimize_price`, { course_id: "c1" }))!.text) as { quote_id: string; freshness_ms?: number };
  for (;;) {
    const response = await replay(two.url, `${course.quote_id}/replay?course_id=c1`);
    if (response.status === 404) {
      await sleep(50);
      continue;
    }
    const { freshness_ms: _, ...given } = course;
    expect(JSON.parse(response.text)).toMatchObject({ kind: "course", identical: true, answer: given });
    break;
  }
});
