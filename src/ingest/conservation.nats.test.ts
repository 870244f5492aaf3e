import * as fc from "fast-check";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { STREAM_DLQ, STREAM_EVENTS } from "../contracts/subjects.ts";
import { MemoryStore } from "../features/memory-store.ts";
import type { StoreBatch } from "../features/store.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { startEmbeddedBroker } from "./embedded-broker.ts";
import { type IngestProgress, runIngest } from "./ingest.ts";
import { Broker } from "./nats.ts";
import { sentMessage } from "./testing/schema-values.ts";

/** Takes longer to write a batch than the next one takes to arrive. */
class SlowStore extends MemoryStore {
  override async commitAsync(write: (batch: StoreBatch) => void): Promise<void> {
    await super.commitAsync(write);
    await systemClock.sleep(20);
  }
}

it("loses none of what was published: folded, known already or in DLQ", { timeout: 60_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-conservation-"));
  const server = await startEmbeddedBroker({ data_dir: join(directory, "nats"), logger: silentLogger });
  const broker = await Broker.connect({ url: server.url, name: "test" });
  try {
    await broker.ensureStreams();
    const messages = fc.sample(sentMessage, { numRuns: 3_000, seed: 11 });
    const publish = async (): Promise<void> => {
      for (const { subject, data } of messages) await broker.publish(subject, data);
    };
    const sum = (counts: Iterable<number>): number => [...counts].reduce((total, count) => total + count, 0);
    const fold = async (): Promise<IngestProgress> => {
      const stop = new AbortController();
      let last: IngestProgress | undefined;
      const unequal: object[] = [];
      const onProgress = (progress: IngestProgress): void => {
        last = progress;
        const { events, dead_letters, dead_letters_by_reason, fold: counters, late_by_state } = progress;
        const told = { events, accounted: counters.events + counters.duplicates + dead_letters, by_reason: sum(dead_letters_by_reason.values()) - dead_letters, late: sum(Object.values(late_by_state)) - counters.late };
        if (told.accounted !== events || told.by_reason !== 0 || told.late !== 0) unequal.push(told);
        if (progress.sequence >= messages.length) stop.abort();
      };
      await runIngest({ broker, store: new SlowStore(), logger: silentLogger, clock: systemClock, batch_events_max: 500, signal: stop.signal, onProgress });
      // At every commit, whatever was folded while it was written.
      expect(unequal).toEqual([]);
      return last!;
    };
    const publishing = publish();
    const { events, dead_letters, fold: counters } = await fold();
    await publishing;
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
