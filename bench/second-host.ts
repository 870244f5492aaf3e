import { join } from "node:path";
import { objectiveSchema } from "../src/contracts/policy.ts";
import { STREAM_EVENTS } from "../src/contracts/subjects.ts";
import type { Broker } from "../src/ingest/nats.ts";
import { must } from "../src/lib/assert.ts";
import { TidemarkError } from "../src/lib/errors.ts";
import { Prng } from "../src/lib/prng.ts";
import { courseId } from "../src/simulator/ids.ts";
import { runChild } from "./child.ts";
import { Host } from "./drills/host.ts";

/** Requests under way at a time, of each host. */
const ASKERS = 8;
/** A minute that begins between the two answers, or a model that one host loads a moment later, is no difference of theirs. */
const ASKED_AGAIN = 3;
/** What differs between answers of one host, too. */
const OWN = new Set(["freshness_ms"]);
const OBJECTIVES = objectiveSchema.options;
const PRICE_TOKENS_MAX = 400;

export interface SecondHost {
  /** From an empty disk to the first answer from a state that has everything in it. */
  readonly snapshot_ready_s: number;
  readonly snapshot_mb: number;
  /** Events that came after the snapshot. */
  readonly tail_events: number;
  readonly digests_equal: boolean;
  readonly prices_compared: number;
  readonly prices_unequal: number;
}

export interface SecondHostOptions {
  readonly broker: Broker;
  readonly nats_url: string;
  /** Of the host that is there; the second one's lies in it. */
  readonly data_dir: string;
  readonly courses: number;
  /** Arguments of the child that publishes the tail. */
  readonly tail: readonly (string | number)[];
  readonly prices: number;
}

/** A host from another one's snapshot and the streams' tail, and whether the two agree: in every byte of their stores, and in what they answer. */
export async function secondHost({ broker, nats_url, data_dir, courses, tail, prices }: SecondHostOptions): Promise<SecondHost> {
  const environment = { TIDEMARK_SERVE_WORKERS: "1" };
  const first = await Host.create(data_dir, nats_url, environment);
  const second = await Host.create(join(data_dir, "second"), nats_url, environment);
  try {
    const snapshot = JSON.parse(await succeed(first, "snapshot", "create", "--json")) as { readonly sequence: number; readonly bytes: number };
    await runChild("publish-traffic", [nats_url, ...tail.map(String)], 120_000);
    const last = must(await broker.streamInfo(STREAM_EVENTS), STREAM_EVENTS).last_sequence;
    first.run("ingest");
    first.run("serve");
    await first.reaches(last);
    await first.answers();
    const since_ms = performance.now();
    await succeed(second, "snapshot", "restore");
    second.run("ingest");
    second.run("serve");
    await second.reaches(last);
    await second.answers();
    const snapshot_ready_s = (performance.now() - since_ms) / 1000;
    const prices_unequal = await compare([first.url, second.url], courses, prices);
    for (const host of [first, second]) await host.halt("ingest");
    const verified = await first.command("snapshot", "verify", "--against", second.data_dir, "--json");
    const { equal } = JSON.parse(verified.out) as { readonly equal: boolean };
    return { snapshot_ready_s, snapshot_mb: snapshot.bytes / 2 ** 20, tail_events: last - snapshot.sequence, digests_equal: equal, prices_compared: prices, prices_unequal };
  } finally {
    await second.stop();
    await first.stop();
  }
}

async function succeed(host: Host, ...args: string[]): Promise<string> {
  const { code, out, said } = await host.command(...args);
  if (code !== 0) throw new TidemarkError("bench_command", `tidemark ${args.join(" ")} ended with ${code}: ${said}`);
  return out;
}

/** How many of so many random requests two hosts answer differently, however often they are asked. */
async function compare(urls: readonly [string, string], courses: number, count: number): Promise<number> {
  const random = new Prng("second host");
  let asked = 0;
  let unequal = 0;
  const askOn = async (): Promise<void> => {
    while (asked < count) {
      asked++;
      const [path, body] = randomRequest(random, courses);
      let same = false;
      for (let i = 0; i < ASKED_AGAIN && !same; i++) {
        const [left, right] = await Promise.all(urls.map((url) => answer(url, path, body)));
        same = left === right;
      }
      if (!same) unequal++;
    }
  };
  await Promise.all(Array.from({ length: ASKERS }, askOn));
  return unequal;
}

function randomRequest(random: Prng, courses: number): readonly [path: string, body: string] {
  const price = (): number => 1 + random.integer(PRICE_TOKENS_MAX);
  const course = { course_id: courseId(random.integer(courses)) };
  switch (random.integer(4)) {
    case 0:
      return ["/optimize_price", JSON.stringify(course)];
    case 1:
      return ["/optimize_price", JSON.stringify({ ...course, current_price: price() })];
    case 2:
      return ["/optimize_price", JSON.stringify({ ...course, objective: OBJECTIVES[random.integer(OBJECTIVES.length)] })];
    default:
      return ["/predict_enrollments", JSON.stringify({ ...course, price_points: [price(), price(), price()], horizon_days: 1 + random.integer(60) })];
  }
}

/** Status and text, the quote's id included, without what is the host's own. Throws TidemarkError `bench_answer` for anything but a price. */
async function answer(url: string, path: string, body: string): Promise<string> {
  const response = await fetch(`${url}${path}`, { method: "POST", headers: { "content-type": "application/json" }, body });
  const text = await response.text();
  if (response.status !== 200) throw new TidemarkError("bench_answer", `${path} ${body} was answered with ${response.status}: ${text}`);
  return JSON.stringify(JSON.parse(text), (key, value: unknown) => (OWN.has(key) ? undefined : value));
}
