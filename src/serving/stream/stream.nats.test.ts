import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EmbeddedBroker, startEmbeddedBroker } from "../../ingest/embedded-broker.ts";
import { Broker } from "../../ingest/nats.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { StreamHub } from "./stream-hub.ts";
import { parsePositions } from "./positions.ts";

let directory: string;
let server: EmbeddedBroker;
let broker: Broker;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-stream-"));
  server = await startEmbeddedBroker({ data_dir: directory, logger: silentLogger });
  broker = await Broker.connect({ url: server.url, name: "test" });
  await broker.ensureStreams();
});

afterAll(async () => {
  await broker.close();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

const publish = async (subject: string, count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await broker.publish(subject, new TextEncoder().encode(JSON.stringify({ n: i })), { message_id: `${subject}-${i}` });
};

/** Reads until so many events of topics have come, and says their sequences and the last id. */
async function take(body: ReadableStream<Uint8Array>, events: number): Promise<{ readonly seen: readonly string[]; readonly id: string }> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const seen: string[] = [];
  let text = "";
  let id = "";
  while (seen.length < events) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const block = text.slice(0, end);
      text = text.slice(end + 2);
      if (seen.length === events || !/^event: (models|prices|segments)$/m.test(block)) continue;
      seen.push(/"subject":"([^"]+)","data":\{"n":(\d+)/.exec(block)!.slice(1).join(" "));
      id = /^id: (.*)$/m.exec(block)![1]!;
    }
  }
  await reader.cancel();
  return { seen, id };
}

describe("over a real broker", () => {
  test("a client that comes back with its last id misses nothing and hears nothing twice, across a restart of the broker", async () => {
    const hub = new StreamHub({ broker, clock: systemClock, logger: silentLogger });
    const query = { topics: ["models", "prices", "segments"] as const, course_id: undefined };
    const expected = { prices: [] as string[], segments: [] as string[] };
    const seen: string[] = [];
    let after: string | undefined;
    for (let round = 0; round < 4; round++) {
      const body = await hub.open({ ...query, topics: [...query.topics] }, after === undefined ? undefined : parsePositions(after));
      if (round === 2) process.kill(server.pid()!, "SIGKILL");
      await publish(`control.price.c${round}`, 5);
      await publish(`control.policy.p${round}`, 3);
      await publish(`signals.segment.l${round}`, 5);
      for (let i = 0; i < 5; i++) {
        expected.prices.push(`control.price.c${round} ${i}`);
        expected.segments.push(`signals.segment.l${round} ${i}`);
      }
      // Leaves before everything has arrived, and more happens while it is away.
      const taken = await take(body, round === 3 ? 40 - seen.length : 6);
      seen.push(...taken.seen);
      after = taken.id;
    }
    expect(seen.filter((event) => event.startsWith("control"))).toEqual(expected.prices);
    expect(seen.filter((event) => event.startsWith("signals"))).toEqual(expected.segments);
    expect(hub.clients).toBe(0);
  });
});
