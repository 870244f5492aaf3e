import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { connect, nkeyAuthenticator } from "nats";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { BUCKET_MODELS, BUCKET_RUNS, BUCKET_SNAPSHOTS, BUCKET_TOLD, modelSubject, STREAM_BUDGETS, STREAM_CONTROL, STREAM_DLQ, STREAM_EVENTS, STREAM_OFFERS, STREAM_QUOTES } from "../contracts/subjects.ts";
import { type BrokerUser, brokerUsers } from "../ingest/broker-users.ts";
import { Broker } from "../ingest/nats.ts";
import { type NatsServer, startNatsServer } from "../ingest/testing/nats-server.ts";
import { isRoleReport } from "../lib/role-report.ts";
import { ensureQuoteKeys, QUOTE_KEYS_FILE } from "../serving/personal/quote-keyring.ts";
import { publishTestHistory } from "../training/testing.ts";

const MAIN = join(import.meta.dirname, "../../dist/src/main.js");
const PERMISSIONS = join(import.meta.dirname, "../../deploy/nats/permissions.conf");

let directory: string;
let server: NatsServer;
const brokers = {} as Record<BrokerUser, Broker>;
const children: ChildProcess[] = [];
const bytes = (text = "{}"): Uint8Array => new TextEncoder().encode(text);
const seed = (user: BrokerUser): string => join(directory, "users", `nats-${user}.nk`);

function environment(user: BrokerUser): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "", TIDEMARK_DATA_DIR: join(directory, "data"), TIDEMARK_NATS_URL: `nats://${server.at}`, TIDEMARK_NATS_CREDS: seed(user), TIDEMARK_PORT: "0", TIDEMARK_SERVE_WORKERS: "1", TIDEMARK_TF_BACKEND: "wasm", TIDEMARK_LOG_LEVEL: "error" };
}

/** Runs a role as its user; resolves with what it says once it is ready. */
async function role(user: BrokerUser, command: string): Promise<Readonly<Record<string, string | number>>> {
  const child = spawn(process.execPath, [MAIN, command], { env: environment(user), stdio: ["ignore", "ignore", "inherit", "ipc"] });
  children.push(child);
  for (;;) {
    const [message] = (await once(child, "message")) as [unknown];
    if (isRoleReport(message) && message.type === "ready") return message.detail;
  }
}

function tidemark(user: BrokerUser, ...args: string[]): Promise<{ stdout: string }> {
  return promisify(execFile)(process.execPath, [MAIN, ...args], { env: environment(user) });
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "tidemark-users-"));
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, "key", "broker", join(directory, "users"), "--json"]);
  // What it includes it looks for beside its own configuration.
  copyFileSync(PERMISSIONS, join(directory, "permissions.conf"));
  server = await startNatsServer(directory, 'include "permissions.conf"', JSON.parse(stdout) as Record<string, string>);
  for (const user of brokerUsers) brokers[user] = await Broker.connect({ url: `nats://${server.at}?creds=${encodeURIComponent(seed(user))}`, name: user });
});

afterAll(async () => {
  for (const child of children.toReversed()) {
    const gone = once(child, "exit");
    if (child.kill("SIGTERM")) await gone;
  }
  for (const broker of Object.values(brokers)) await broker.close();
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

test("seeds are for their owners' eyes, and stay when users are made again", async () => {
  const before = brokerUsers.map((user) => readFileSync(seed(user), "utf8"));
  expect(brokerUsers.map((user) => statSync(seed(user)).mode & 0o077)).toEqual(brokerUsers.map(() => 0));
  await promisify(execFile)(process.execPath, [MAIN, "key", "broker", join(directory, "users")]);
  expect(brokerUsers.map((user) => readFileSync(seed(user), "utf8"))).toEqual(before);
  expect(readFileSync(join(directory, "users", "nats-users.env"), "utf8")).toMatch(/^NATS_NKEY_OPERATOR=U\w+\nNATS_NKEY_INGEST=U/);
});

test("every role does its whole work as its own user", { timeout: 120_000 }, async () => {
  await role("ingest", "ingest");
  await publishTestHistory(brokers.simulate);
  await tidemark("train", "train", "--json");
  expect(await brokers.operator.getMessage(STREAM_CONTROL, { last_by_subject: modelSubject("elasticity") })).toBeDefined();
  await vi.waitFor(async () => expect((await brokers.operator.streamInfo(STREAM_DLQ))?.messages).toBe(1), { timeout: 20_000 });

  ensureQuoteKeys(join(directory, "data", QUOTE_KEYS_FILE));
  const { url } = await role("serve", "serve");
  const post = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const response = await fetch(`${url}${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    expect(response.status, path).toBe(200);
    return (await response.json()) as Record<string, unknown>;
  };
  await vi.waitFor(async () => expect(await post("/optimize_price", { course_id: "c1" })).not.toHaveProperty("degraded"), { timeout: 20_000 });
  await vi.waitFor(async () => expect((await brokers.operator.streamInfo(STREAM_QUOTES))?.messages).toBeGreaterThan(0), { timeout: 20_000 });
  expect(await post("/personalized_pricing", { learner_id: "l1", course_id: "c1" })).not.toHaveProperty("degraded");
  expect(await post("/events", [{ id: "sold", type: "enrollment.created", time: new Date().toISOString(), enrollment_id: "n1", course_id: "c1", learner_id: "l1", price: 60 }])).toMatchObject({ accepted: 1 });
  expect((await fetch(`${url}/policies/sale`, { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify({ policy: { floor_tokens: 20 }, reason: "a floor" }) })).status).toBe(200);

  await tidemark("ingest", "snapshot", "create", "--json");
  await tidemark("ingest", "snapshot", "verify", "--json");
  // What becomes of who is erased, once the days that it waits are over.
  await brokers.ingest.publish("quotes.learner.l9", bytes());
  await brokers.ingest.purgeSubject(STREAM_OFFERS, "quotes.learner.l9");
  await brokers.ingest.purgeSubject(STREAM_BUDGETS, "budgets.learner.l9.>");
  expect(await brokers.ingest.deleteMessage(STREAM_EVENTS, 1)).toBe(true);
});

type Attempt = readonly [what: string, attempt: (broker: Broker) => Promise<unknown>];
const publish = (subject: string): Attempt => [`publish ${subject}`, (broker) => broker.publish(subject, bytes(), { deadline_ms: 1_000 })];
const store = (bucket: string): Attempt => [`store in ${bucket}`, (broker) => broker.putObject(bucket, "x", bytes())];
const purge = (stream: string): Attempt => [`purge ${stream}`, (broker) => broker.purgeSubject(stream, "nothing")];
const erase = (stream: string): Attempt => [`delete from ${stream}`, (broker) => broker.deleteMessage(stream, 1)];
const make: Attempt = ["change streams", (broker) => broker.ensureStreams({ [STREAM_EVENTS]: { bytes_max: 1_048_576, age_max_ms: 1_000 } })];
const read = (stream: string): Attempt => [`read ${stream}`, (broker) => broker.getMessage(stream, { sequence: 1 })];

const refused: Readonly<Record<Exclude<BrokerUser, "operator" | "producer">, readonly Attempt[]>> = {
  ingest: [publish("events.course.c1"), publish("control.policy.p"), publish("quotes.course.c1"), publish("signals.price.c1"), store(BUCKET_MODELS), purge(STREAM_CONTROL), erase(STREAM_CONTROL)],
  serve: [publish("dlq.EVENTS.1"), publish("backfill.course.c1"), store(BUCKET_MODELS), store(BUCKET_SNAPSHOTS), purge(STREAM_EVENTS), erase(STREAM_EVENTS), purge(STREAM_CONTROL), make],
  train: [publish("events.course.c1"), publish("control.policy.p"), publish("control.key.k"), publish("quotes.course.c1"), store(BUCKET_TOLD), store(BUCKET_SNAPSHOTS), purge(STREAM_EVENTS), make],
  simulate: [publish("control.price.c1"), publish("quotes.course.c1"), publish("dlq.EVENTS.1"), read(STREAM_CONTROL), store(BUCKET_RUNS), purge(STREAM_EVENTS), make],
};

describe.each(Object.entries(refused))("%s is not let", (user, attempts) => {
  test.each(attempts)("%s", async (_, attempt) => {
    await expect(attempt(brokers[user as BrokerUser])).rejects.toMatchObject({ code: "broker_forbidden" });
  });
});

test("a producer publishes events and hears of them, and nothing else; nor does it read what others are answered", async () => {
  const authenticator = nkeyAuthenticator(bytes(readFileSync(seed("producer"), "utf8").trim()));
  const producer = await connect({ servers: server.at, authenticator, inboxPrefix: "_INBOX_producer", reconnect: false });
  try {
    const event = JSON.stringify({ id: "p1", type: "exposure.viewed", time: new Date().toISOString(), course_id: "c1", learner_id: "l1", price: 60 });
    expect((await producer.request("events.exposure.c1", bytes(event))).json()).toMatchObject({ stream: STREAM_EVENTS });
    for (const subject of ["backfill.exposure.c1", "control.policy.p", `$JS.API.STREAM.MSG.GET.${STREAM_EVENTS}`, `$JS.API.STREAM.DELETE.${STREAM_EVENTS}`]) await expect(producer.request(subject, bytes()), subject).rejects.toMatchObject({ code: "PERMISSIONS_VIOLATION" });
    for (const subject of ["_INBOX.>", "events.>"]) {
      const failure = new Promise((resolve) => producer.subscribe(subject, { callback: (error) => resolve(error) }));
      expect(await failure, subject).toMatchObject({ code: "PERMISSIONS_VIOLATION" });
    }
  } finally {
    await producer.close();
  }
});
