/** Publishes live-like traffic at a steady rate until its parent goes away. */
import { eventSubject } from "../../src/contracts/subjects.ts";
import { Broker } from "../../src/ingest/nats.ts";
import { must } from "../../src/lib/assert.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { defaultPlatform } from "../../src/simulator/config.ts";
import { sampleTraffic } from "../../src/simulator/traffic.ts";
import { createWorld } from "../../src/simulator/world.ts";

const url = must(process.argv[2], "url");
const rate_per_s = Number(must(process.argv[3], "rate"));
const tick_ms = 5;

process.on("disconnect", () => process.exit(0));
const broker = await Broker.connect({ url, name: "bench-producer" });
const publisher = broker.bulkPublisher({ window: 20_000 });
const traffic = sampleTraffic(createWorld(defaultPlatform), { seed: process.pid, start_ms: systemClock.now_ms(), rate_per_s });
const start = performance.now();
let published = 0;
process.send?.({ started: true });
for (;;) {
  const due = Math.floor(((performance.now() - start) / 1000) * rate_per_s);
  while (published < due) {
    const event = must(traffic.next().value, "endless traffic");
    const pressure = publisher.publish(eventSubject(event), Buffer.from(JSON.stringify(event)));
    if (pressure !== undefined) await pressure;
    published++;
  }
  process.send?.({ published, seconds: (performance.now() - start) / 1000 });
  await systemClock.sleep(tick_ms);
}
