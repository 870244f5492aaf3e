/** Publishes the first events of the synthetic platform's history, encoded beforehand, and times the publishing alone. */
import { eventSubject } from "../../src/contracts/subjects.ts";
import { Broker } from "../../src/ingest/nats.ts";
import { must } from "../../src/lib/assert.ts";
import { defaultPlatform } from "../../src/simulator/config.ts";
import { generateHistory } from "../../src/simulator/history.ts";
import { createWorld } from "../../src/simulator/world.ts";
import { answer } from "../child.ts";

const url = must(process.argv[2], "url");
const count = Number(must(process.argv[3], "count"));

const subjects: string[] = [];
const payloads: Buffer[] = [];
for (const event of generateHistory(createWorld(defaultPlatform))) {
  subjects.push(eventSubject(event, "backfill"));
  payloads.push(Buffer.from(JSON.stringify(event)));
  if (payloads.length === count) break;
}

const broker = await Broker.connect({ url, name: "bench-publish" });
const publisher = broker.bulkPublisher({ window: 4096 });
const start = performance.now();
for (let i = 0; i < payloads.length; i++) {
  const pressure = publisher.publish(must(subjects[i], "subject"), must(payloads[i], "payload"));
  if (pressure !== undefined) await pressure;
}
await publisher.flush();
const seconds = (performance.now() - start) / 1000;
answer({ published: publisher.acknowledged, seconds });
