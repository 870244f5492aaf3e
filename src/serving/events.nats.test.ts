import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EventBatchAnswer, eventBatchAnswerSchema } from "../contracts/event-batch.ts";
import { problemSchema } from "../contracts/problem.ts";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import type { EmbeddedBroker } from "../ingest/embedded-broker.ts";
import type { Broker } from "../ingest/nats.ts";
import { replayEvents } from "../ingest/replay-events.ts";
import { sampleEvents } from "../ingest/sample-events.ts";
import { startTestBroker, type TestBroker } from "../ingest/testing/test-broker.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { createApp } from "./app.ts";
import { BrokerLink } from "./broker-link.ts";
import { EventIntake } from "./event-intake.ts";
import { HttpServer } from "./http-server.ts";
import { TestEngine } from "./testing.ts";

let rig: TestBroker;
let embedded: EmbeddedBroker;
let broker: Broker;
let link: BrokerLink;
let server: HttpServer;
let url: string;

beforeAll(async () => {
  rig = await startTestBroker("events");
  ({ server: embedded, broker } = rig);
  link = new BrokerLink(embedded.url, "intake", silentLogger);
  await link.settled;
  const engine = new TestEngine();
  const events = new EventIntake({ broker: link, clock: systemClock, logger: silentLogger });
  server = new HttpServer(createApp({ ...engine.appDeps, events }), systemClock);
  url = `http://127.0.0.1:${await server.listen("127.0.0.1", 0)}/events`;
});

afterAll(async () => {
  await server.drain();
  await link.close();
  await rig.stop();
});

const lines = (events: readonly { data: Uint8Array }[]): string => events.map(({ data }) => new TextDecoder().decode(data)).join("\n");
const post = (body: string): Promise<Response> => fetch(url, { method: "POST", headers: { "content-type": "application/x-ndjson" }, body });
const verdicts = async (response: Response): Promise<EventBatchAnswer> => eventBatchAnswerSchema.parse(await response.json());

/** How often each event id is stored. */
async function stored(): Promise<Map<string, { count: number; sequence: number }>> {
  const ids = new Map<string, { count: number; sequence: number }>();
  await replayEvents(broker, {}, ({ event: { id }, sequence }) => ids.set(id, { count: (ids.get(id)?.count ?? 0) + 1, sequence }));
  return ids;
}

test("a repeat is stored once, and says where", async () => {
  const events = sampleEvents("r", 300, Date.now());
  const body = lines(events);
  const first = await verdicts(await post(body));
  expect(first).toMatchObject({ accepted: 300, duplicates: 0, rejected: 0 });
  const second = await verdicts(await post(body));
  expect(second).toMatchObject({ accepted: 0, duplicates: 300, rejected: 0 });
  expect(second.results.map(({ sequence }) => sequence)).toEqual(first.results.map(({ sequence }) => sequence));
  const ids = await stored();
  expect(first.results.map(({ id }) => ids.get(id ?? ""))).toEqual(first.results.map(({ sequence }) => ({ count: 1, sequence })));
  // Within one body, too.
  const [event] = sampleEvents("again", 1, Date.now());
  const twice = event === undefined ? [] : [event, event];
  expect((await verdicts(await post(lines(twice)))).results.map(({ status }) => status)).toEqual(["accepted", "duplicate"]);
});

test("a broker that is killed half-way: 503, then a repeat; nothing acknowledged is lost and nothing is stored twice", { timeout: 60_000 }, async () => {
  const batches = Array.from({ length: 60 }, (_, i) => sampleEvents(`k${i}`, 100, Date.now()));
  const progress = { acknowledged: 0, unstored: 0, refused: 0, killed: 0 };
  const left = [...batches];
  const client = async (): Promise<void> => {
    for (let batch = left.shift(); batch !== undefined; batch = left.shift()) {
      for (;;) {
        const response = await post(lines(batch));
        if (response.status === 200) {
          progress.unstored += (await verdicts(response)).rejected;
          break;
        }
        expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
        expect(problemSchema.parse(await response.json()).code).toBe("broker_unavailable");
        progress.refused++;
        await sleep(100);
      }
      // Killed while the other clients' batches are on their way.
      if (++progress.acknowledged === 10 || progress.acknowledged === 30) {
        progress.killed++;
        process.kill(embedded.pid(), "SIGKILL");
      }
    }
  };
  await Promise.all([client(), client(), client(), client()]);
  expect(progress).toMatchObject({ acknowledged: 60, unstored: 0, killed: 2 });
  expect(progress.refused).toBeGreaterThan(0);
  const ids = await stored();
  for (const { id } of batches.flat()) expect(ids.get(id)?.count, id).toBe(1);
  expect((await broker.streamInfo(STREAM_EVENTS))?.messages).toBe(301 + 6_000);
});

test("with the broker stopped the answer comes at once, and the reason is not the body's", async () => {
  await embedded.stop();
  while (link.connected) await sleep(5);
  const [event] = sampleEvents("away", 1, Date.now());
  const response = await post(lines(event === undefined ? [] : [event]));
  expect(response.status).toBe(503);
  expect((await post("{}")).status).toBe(422);
});
