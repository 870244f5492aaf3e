import { createServer, type Server } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { priceActionBodySchema } from "../contracts/price-change.ts";
import { eventSchemas, isEventType, type Event } from "../contracts/events.ts";
import { eventSubject } from "../contracts/subjects.ts";
import type { PublishAck } from "../ingest/nats.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { runLiveTraffic, type LiveCounts, type LiveOptions } from "./live.ts";
import { smallPlatform } from "./test-platform.ts";
import { createWorld } from "./world.ts";

const world = createWorld(smallPlatform({ learners: 2_000, courses: 200 }));
const VIEWS = 150;

type Priced = Extract<Event, { type: "exposure.viewed" | "enrollment.created" }>;

/** Keeps what is published; stops the run once there is enough of what a test looks at. */
class Recorder {
  readonly #enough: (recorder: Recorder) => boolean;
  readonly events: Event[] = [];
  readonly subjects: string[] = [];
  readonly message_ids: (string | undefined)[] = [];
  readonly stop = new AbortController();
  failing = false;

  constructor(enough: (recorder: Recorder) => boolean = ({ views }) => views.length >= VIEWS) {
    this.#enough = enough;
  }

  publish(subject: string, data: Uint8Array, options?: { readonly message_id?: string }): Promise<PublishAck> {
    const event: { type?: unknown } = JSON.parse(new TextDecoder().decode(data));
    if (!isEventType(event.type)) throw new Error("unknown type");
    this.events.push(eventSchemas[event.type].parse(event));
    this.subjects.push(subject);
    this.message_ids.push(options?.message_id);
    if (this.#enough(this)) this.stop.abort();
    return this.failing ? Promise.reject(new Error("no broker")) : Promise.resolve({ sequence: this.events.length, duplicate: false });
  }

  get views(): Priced[] {
    return this.events.filter((event) => event.type === "exposure.viewed");
  }

  /** Views and enrollments that cite a quote: an answer that came too late on a busy machine leaves none. */
  citing(prefix: string): Priced[] {
    return this.events.filter((event) => event.type === "exposure.viewed" || event.type === "enrollment.created").filter(({ quote_id }) => quote_id?.startsWith(prefix) === true);
  }
}

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

/** What the platform asked to become a list price. */
interface Accepted {
  readonly course_id: string;
  readonly body: unknown;
}

async function engine(answer: (course_id: string, learner_id?: string) => { status: number; body: string }, accepted: Accepted[] = []): Promise<string> {
  const started = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk) => (text += String(chunk)));
    request.on("end", () => {
      const course = /^\/courses\/(.*)\/price$/.exec(request.url ?? "")?.[1];
      if (course !== undefined) {
        accepted.push({ course_id: course, body: JSON.parse(text) });
        // The engine may refuse: that is no failure of the traffic.
        response.writeHead(accepted.length % 2 === 0 ? 200 : 409).end("{}");
        return;
      }
      const { course_id, learner_id }: { course_id: string; learner_id?: string } = JSON.parse(text);
      const { status, body } = answer(course_id, learner_id);
      response.writeHead(status, { "content-type": "application/json" }).end(body);
    });
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  const address = started.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return `http://127.0.0.1:${address.port}`;
}

function run(recorder: Recorder, engine_url: string, more: Partial<LiveOptions> = {}): Promise<LiveCounts> {
  return runLiveTraffic({ broker: recorder, engine_url, rate_per_s: 2_000, config: world.config, clock: systemClock, signal: recorder.stop.signal, logger: silentLogger, world, ...more });
}

describe("live traffic", () => {
  test("shows the engine's prices and has the engine make a changed one the list price, once a course", async () => {
    const recorder = new Recorder(({ views }) => views.filter(({ quote_id }) => quote_id !== undefined).length >= VIEWS);
    const accepted: Accepted[] = [];
    const url = await engine((course_id) => ({ status: 200, body: JSON.stringify({ quote_id: `q-${course_id}`, optimal_price: 41, current_price: 40, more: {} }) }), accepted);
    const counts = await run(recorder, url);
    expect(counts.quoted).toBeGreaterThanOrEqual(VIEWS);
    expect(counts.unpublished).toBe(0);
    // Visits that were asking when the run was stopped, or whose answer came too late, are at list price.
    const quoted = recorder.views.filter(({ quote_id }) => quote_id !== undefined);
    expect(quoted.length).toBe(counts.quoted);
    expect(quoted.every(({ price, quote_id, course_id }) => price === 41 && quote_id === `q-${course_id}`)).toBe(true);
    expect(recorder.events.filter((event) => event.type === "course.repriced")).toEqual([]);
    expect(accepted.length).toBeGreaterThan(20);
    expect(new Set(accepted.map(({ course_id }) => course_id)).size).toBe(accepted.length);
    for (const { course_id, body } of accepted) expect(priceActionBodySchema.parse(body)).toMatchObject({ action: "accept", price: 41, quote_id: `q-${course_id}` });
    expect(recorder.subjects).toEqual(recorder.events.map((event) => eventSubject(event)));
    expect(recorder.message_ids).toEqual(recorder.events.map((event) => event.id));
    expect(new Set(recorder.message_ids).size).toBe(recorder.message_ids.length);
  });

  test("lets some learners ask for their own prices, and enrollments at those cite their quotes", async () => {
    const recorder = new Recorder((so_far) => {
      const cited = so_far.citing("q_");
      return cited.length > 20 && cited.some(({ type }) => type === "enrollment.created");
    });
    const url = await engine((course_id, learner_id) => {
      const body = learner_id === undefined ? { quote_id: `q-${course_id}`, optimal_price: 40, current_price: 40 } : { quote_id: `q_${learner_id}-${course_id}`, personalized_price: 7 };
      return { status: 200, body: JSON.stringify(body) };
    });
    const counts = await run(recorder, url);
    const cited = recorder.citing("q_");
    expect(counts.personal).toBe(cited.filter(({ type }) => type === "exposure.viewed").length);
    for (const { quote_id, learner_id, course_id, price } of cited) expect([quote_id, price]).toEqual([`q_${learner_id}-${course_id}`, 7]);
  });

  test("goes on at list price when the engine fails or answers nonsense", async () => {
    let calls = 0;
    const url = await engine(() => (calls++ % 2 === 0 ? { status: 500, body: "{}" } : { status: 200, body: '{"optimal_price":-3}' }));
    const recorder = new Recorder();
    const counts = await run(recorder, url);
    expect(calls).toBeGreaterThan(VIEWS / 2);
    expect(counts.quoted).toBe(0);
    const wrong = recorder.events.filter((event) => event.type === "exposure.viewed" && event.price !== world.end.price[Number(event.course_id.slice(1))]);
    expect(wrong).toEqual([]);
  });

  test("survives a missing engine and a missing broker, and counts what it lost", async () => {
    const recorder = new Recorder();
    recorder.failing = true;
    const counts = await run(recorder, "http://127.0.0.1:9");
    expect(counts.views).toBeGreaterThanOrEqual(VIEWS);
    expect(counts.unpublished).toBe(recorder.events.length);
    expect(counts.enrollments).toBe(0);
  });

  test("sells fewer courses at a hundred times the price", async () => {
    const bought = async (factor: number): Promise<number> => {
      const recorder = new Recorder();
      const url = await engine((course_id) => {
        const price = Math.ceil(world.courses.base_price_tokens[Number(course_id.slice(1))]! * factor);
        return { status: 200, body: JSON.stringify({ quote_id: "q", optimal_price: price, current_price: price }) };
      });
      const { enrollments } = await run(recorder, url);
      server?.closeAllConnections();
      server?.close();
      return enrollments;
    };
    expect(await bought(0.1)).toBeGreaterThan((await bought(100)) + 10);
  });

  test("delivers late views after the others, and repeats some under a message id of their own, when asked to", async () => {
    const recorder = new Recorder();
    const url = await engine(() => ({ status: 503, body: "" }));
    const counts = await run(recorder, url, { world: { ...world, config: { ...world.config, late_share: 0.3, duplicate_share: 0.2 } } });
    const ids = recorder.views.map((event) => event.id);
    expect(new Set(ids).size).toBe(counts.views);
    expect(ids.length).toBeGreaterThan(counts.views);
    expect(new Set(recorder.message_ids).size).toBe(recorder.message_ids.length);
  });
});
