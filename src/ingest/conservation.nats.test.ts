import * as fc from "fast-check";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { STREAM_DLQ, STREAM_EVENTS } from "../contracts/subjects.ts";
import { MemoryStore } from "../features/memory-store.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { startEmbeddedBroker } from "./embedded-broker.ts";
import { type IngestProgress, runIngest } from "./ingest.ts";
import { Broker } from "./nats.ts";
import { sentMessage } from "./testing/schema-values.ts";

it("loses none of what was published: folded, known already or in DLQ", { timeout: 60_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-conservation-"));
  const server = await startEmbeddedBroker({ data_dir: join(directory, "nats"), logger: silentLogger });
  const broker = await Broker.connect({ url: server.url, name: "test" });
  try {
    await broker.ensureStreams();
    const messages = fc.sample(sentMessage, { numRuns: 3_000, seed: 11 });
    for (const { subject, data } of messages) await broker.publish(subject, data);
    const fold = async (): Promise<IngestProgress> => {
      const stop = new AbortController();
      let last: IngestProgress | undefined;
      const onProgress = (progress: IngestProgress): void => {
        last = progress;
        if (progress.sequence >= messages.length) stop.abort();
      };
      await runIngest({ broker, store: new MemoryStore(), logger: silentLogger, clock: systemClock, batch_events_max: 500, signal: stop.signal, onProgress });
      return last!;
    };
    const { events, dead_letters, fold: counters } = await fold();
    expect((await broker.streamInfo(STREAM_EVENTS))?.last_sequence).toBe(messages.length);
    expect(events).toBe(messages.length);
    expect(counters.events + counters.duplicates + dead_letters).toBe(messages.length);
    for (const count of [counters.events, counters.duplicates, dead_letters]) expect(count).toBeGreaterThan(300);
    // Folded anew, DLQ holds no letter twice.
    await fold();
    expect((await broker.streamInfo(STREAM_DLQ))?.last_sequence).toBe(dead_letters);
  } finally {
    await broker.close();
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
});
