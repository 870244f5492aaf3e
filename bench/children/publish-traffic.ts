/** Publishes live traffic of the enlarged platform: who looks at what by the simulator's laws, or by nothing but chance. */
import { eventSubject } from "../../src/contracts/subjects.ts";
import type { Event } from "../../src/contracts/events.ts";
import { Broker } from "../../src/ingest/nats.ts";
import { must } from "../../src/lib/assert.ts";
import { Prng } from "../../src/lib/prng.ts";
import { defaultPlatform } from "../../src/simulator/config.ts";
import { courseId, learnerId } from "../../src/simulator/ids.ts";
import { sampleTraffic } from "../../src/simulator/traffic.ts";
import { answer } from "../child.ts";
import { scaledWorld, shortHistory } from "../scaled-platform.ts";

const url = must(process.argv[2], "url");
const scale = Number(must(process.argv[3], "scale"));
const access = must(process.argv[4], "access") as "simulated" | "uniform";
const count = Number(must(process.argv[5], "count"));
/** Whose draws are other ones: events of another seed have other ids. */
const seed = process.argv[7] ?? access;
const world = scaledWorld(process.argv[6] === "quick" ? shortHistory : defaultPlatform, scale);
const random = new Prng(`scale/${seed}`);

/** The same event of another learner and course, each as likely as any. */
function anywhere(event: Event): Event {
  const moved = {
    ...("learner_id" in event ? { learner_id: learnerId(random.integer(world.learners.count)) } : {}),
    ...("course_id" in event && event.course_id !== undefined ? { course_id: courseId(random.integer(world.courses.count)) } : {}),
  };
  return { ...event, ...moved } as Event;
}

const broker = await Broker.connect({ url, name: "bench-traffic" });
const publisher = broker.bulkPublisher({ window: 4096 });
let published = 0;
for (const event of sampleTraffic(world, { seed, start_ms: world.config.end_ms, rate_per_s: 1_000 })) {
  const sent = access === "uniform" ? anywhere(event) : event;
  const pressure = publisher.publish(eventSubject(sent), Buffer.from(JSON.stringify(sent)));
  if (pressure !== undefined) await pressure;
  if (++published === count) break;
}
await publisher.flush();
answer({ published: publisher.acknowledged });
