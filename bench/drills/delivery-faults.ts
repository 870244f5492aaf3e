import { eventSubject } from "../../src/contracts/subjects.ts";
import { freePort } from "../../src/ingest/broker-config.ts";
import { must } from "../../src/lib/assert.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { Prng } from "../../src/lib/prng.ts";
import { BadWire } from "./bad-wire.ts";
import { drillOn, type DrillResult } from "./rig.ts";

const BLOCK = 500;
const SPOILT_MS = 5_000;
const SPOILT_SHARE = 0.01;

/** Every event one to three times, in another order than it happened, beside those of the producer. */
export function repeatedAndReordered(events_count: number): Promise<DrillResult> {
  return drillOn("repeated and reordered events", {}, async (rig) => {
    const random = new Prng("drill/repeats");
    const acknowledged = await must(rig.producer, "a producer").stop();
    let deliveries = 0;
    for (let done = 0; done < events_count; done += BLOCK) {
      const events = Array.from({ length: BLOCK }, () => rig.events.next().value);
      const copies = events.flatMap((event) => Array.from({ length: 1 + random.integer(3) }, () => event));
      const order = copies.map((event) => ({ event, at: random.uniform() })).toSorted((a, b) => a.at - b.at);
      const publisher = rig.broker.bulkPublisher({ window: 1_000 });
      for (const { event } of order) await publisher.publish(eventSubject(event), Buffer.from(JSON.stringify(event)));
      await publisher.flush();
      for (const event of events) acknowledged.add(event);
      deliveries += order.length;
    }
    const since_ms = performance.now();
    await rig.host.reaches(await rig.lastSequence());
    rig.producer = { stop: () => Promise.resolve(acknowledged) };
    return { recovery_ms: performance.now() - since_ms, faults: deliveries - events_count, remark: `${events_count} events published ${deliveries} times, shuffled in blocks of ${BLOCK}; recovery is the fold of what was waiting` };
  });
}

/** Between the broker and ingest messages go missing, come twice or in the wrong order: ingest must notice by itself, and ask again. */
export async function deliveriesSpoilt(): Promise<DrillResult> {
  const broker_port = await freePort();
  const wire = await BadWire.open(broker_port);
  try {
    return await drillOn("deliveries lost, doubled and swapped", { broker_port, ingest: { environment: { TIDEMARK_NATS_URL: wire.url } } }, async (rig) => {
      wire.spoil(SPOILT_SHARE);
      await systemClock.sleep(SPOILT_MS);
      wire.spoil(0);
      const since_ms = performance.now();
      const recovery_ms = await rig.recovered(since_ms);
      const { dropped, doubled, swapped } = wire.faults;
      return { recovery_ms, faults: dropped + doubled + swapped, remark: `${dropped} deliveries dropped, ${doubled} doubled, ${swapped} swapped on the way from the broker to ingest, over ${SPOILT_MS / 1000} s; recovery from the last of them` };
    });
  } finally {
    await wire.close();
  }
}
