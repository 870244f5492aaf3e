import { execFile } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { request as requestTls } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { controlSubject, eventSubject } from "../contracts/subjects.ts";
import type { Event } from "../contracts/events.ts";
import { layoutIdentity } from "../features/feature-set.ts";
import { openLmdbStore } from "../features/lmdb-store.ts";
import { StoreDirectory } from "../features/store-directory.ts";
import type { FeatureStore } from "../features/store.ts";
import { type EmbeddedBroker, startEmbeddedBroker } from "../ingest/embedded-broker.ts";
import { runIngest } from "../ingest/ingest.ts";
import { Broker } from "../ingest/nats.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { testCertificates } from "../lib/testing/certificates.ts";
import { formatTime } from "../lib/time.ts";
import { startServeProcess } from "./serve-process-testing.ts";

const main = join(import.meta.dirname, "../../dist/src/main.js");
const certificates = testCertificates();

afterAll(() => rmSync(certificates, { recursive: true, force: true }));
const tls = { cert: join(certificates, "localhost.pem"), key: join(certificates, "localhost.key") };

let directory: string;
let embedded: EmbeddedBroker;
let broker: Broker;
let store: FeatureStore;
let ingest: Promise<void>;
let ca: Buffer;
const stopIngest = new AbortController();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-gate-"));
  ca = await readFile(tls.cert);
  embedded = await startEmbeddedBroker({ data_dir: join(directory, "nats"), logger: silentLogger });
  broker = await Broker.connect({ url: embedded.url, name: "test" });
  await broker.ensureStreams();
  const time = formatTime(Date.now());
  const event: Event = { id: "u1", type: "course.upserted", time, course_id: "c1", teacher_id: "t1", category: "art", difficulty_level: "expert", quality_tier: "elite", base_price: 100, launched_at: time };
  await broker.publish(eventSubject(event), new TextEncoder().encode(JSON.stringify(event)));
  store = openLmdbStore(new StoreDirectory(join(directory, "features")).prepare(layoutIdentity).path, { readonly: false });
  ingest = runIngest({ broker, store, logger: silentLogger, clock: systemClock, signal: stopIngest.signal });
});

afterAll(async () => {
  stopIngest.abort();
  await ingest;
  await store.close();
  await broker.close();
  await embedded.stop();
  await rm(directory, { recursive: true, force: true });
});

async function tidemark(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...args], { env: { ...process.env, TIDEMARK_NATS_URL: embedded.url, TIDEMARK_DATA_DIR: directory } });
  return stdout.trim();
}

interface Asked {
  readonly response: IncomingMessage;
  readonly status: number;
}

/** On a connection of its own, so that requests spread over the workers. */
function ask(url: string, { key, body }: { readonly key?: string; readonly body?: object } = {}): Promise<Asked> {
  return new Promise((resolve, reject) => {
    const headers = { ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...(body === undefined ? {} : { "content-type": "application/json" }) };
    const options = { method: body === undefined ? "GET" : "POST", agent: false, headers } as const;
    const done = (response: IncomingMessage): void => resolve({ response, status: response.statusCode ?? 0 });
    const sent = url.startsWith("https:") ? requestTls(url.replace("0.0.0.0", "localhost"), { ...options, ca }, done) : request(url, options, done);
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const price = async (url: string, key?: string): Promise<number> => {
  const { response, status } = await ask(`${url}/optimize_price`, { ...(key === undefined ? {} : { key }), body: { course_id: "c1" } });
  await text(response);
  return status;
};

/** Until every one of several requests in a row gets the status: those of all workers. */
async function everywhere(status: number, asking: () => Promise<number>): Promise<void> {
  for (let agreed = 0; agreed < 8; ) {
    if ((await asking()) === status) agreed++;
    else {
      agreed = 0;
      await sleep(25);
    }
  }
}

describe("serving to others than this machine", () => {
  test("over TLS, by keys that the command line makes and revokes, with streams that end when it stops", async () => {
    const key_file = join(directory, "admin.key");
    await tidemark("key", "create", "--file", key_file);
    const admin = (await readFile(key_file, "utf8")).trim();
    await expect(tidemark("key", "create", "--file", key_file)).rejects.toMatchObject({ code: 1 });
    const { process: serve, url } = await startServeProcess(directory, { workers: 2, data_dir: directory, nats_url: embedded.url, host: "0.0.0.0", gate: { key_file, tls } });
    try {
      expect(url).toMatch(/^https:/);
      await expect(ask(url.replace("https:", "http:").replace("0.0.0.0", "127.0.0.1"))).rejects.toThrow(/hang up|reset/);
      expect((await ask(`${url}/livez`)).status).toBe(200);
      const { response } = await ask(`${url}/livez`);
      expect(response.headers["strict-transport-security"]).toContain("max-age");
      await everywhere(200, () => price(url, admin));
      expect(await price(url)).toBe(401);

      const shop = await tidemark("key", "create", "--role", "price", "--name", "shop", "--reason", "the new shop");
      await everywhere(200, () => price(url, shop));
      expect((await ask(`${url}/metrics`, { key: shop })).status).toBe(403);
      expect((await ask(`${url}/metrics`, { key: admin })).status).toBe(200);
      const listed = await tidemark("key", "list", "--json");
      expect(JSON.parse(listed)).toMatchObject([{ name: "shop", role: "price" }]);
      expect(listed).not.toMatch(/hash|tmk_/);

      const listening = await ask(`${url}/stream?topics=prices`, { key: shop });
      expect(listening.status).toBe(200);
      const told: Promise<string> = text(listening.response);
      const message = { type: "price.accepted", time: formatTime(Date.now()), author: "test", reason: "", course_id: "c1", price: 90, automatic: false };
      await broker.publish(controlSubject("price", "c1"), new TextEncoder().encode(JSON.stringify(message)));

      await tidemark("key", "revoke", shop.slice(4, 20), "--reason", "it closed");
      await everywhere(401, () => price(url, shop));
      expect(await tidemark("key", "list")).toContain("revoked");
      await expect(tidemark("key", "revoke", shop.slice(4, 20))).rejects.toMatchObject({ code: 2 });
      await everywhere(200, () => price(url, admin));

      const exited = once(serve, "exit");
      serve.kill("SIGTERM");
      const events = await told;
      expect(events).toContain('"price":90');
      expect(events).toContain("event: closing");
      expect((await exited)[0]).toBe(0);
    } finally {
      serve.kill("SIGKILL");
    }
  }, 120_000);

  test("once there was a key, a start without a file of one is safe, and closed", async () => {
    const { process: serve, url } = await startServeProcess(directory, { workers: 1, data_dir: directory, nats_url: embedded.url });
    try {
      expect(await price(url)).toBe(401);
      const operator = await tidemark("key", "create", "--role", "operate");
      await everywhere(200, () => price(url, operator));
    } finally {
      serve.kill("SIGTERM");
      await once(serve, "exit");
    }
  }, 60_000);
});
