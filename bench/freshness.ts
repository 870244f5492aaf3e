import { Agent, request } from "node:http";
import { decisionRecordSchema } from "../src/contracts/decision.ts";
import type { EventOf } from "../src/contracts/events.ts";
import { eventSubject, STREAM_QUOTES } from "../src/contracts/subjects.ts";
import { systemClock } from "../src/lib/clock.ts";
import { Prng } from "../src/lib/prng.ts";
import { formatTime } from "../src/lib/time.ts";
import type { Platform } from "./platform.ts";
import { startProducer } from "./processes.ts";
import type { BenchOptions, BenchResult } from "./report.ts";
import { headersOf } from "./roles.ts";
import { quantile } from "./stats.ts";

const INGEST_PER_S = 5_000;
/** What 99 of 100 enrollments must keep. */
const P99_MS_MAX = 60;
/** How long one probe keeps asking before it gives up. */
const PROBE_MS_MAX = 1_000;
/** How long it keeps asking after the quote changed, in case that change had another cause. */
const SETTLE_MS = 30;

interface Answer {
  readonly quote_id: string;
  readonly at_ms: number;
}

interface Probe {
  readonly published_ms: number;
  readonly sequence: number;
  readonly answers: readonly Answer[];
}

/**
 * From before an enrollment is published to the first price answer whose recorded decision had folded it. Whether a decision used
 * the enrollment is read from the decision's own record, not guessed from the price.
 */
export async function run({ quick, platform: start }: BenchOptions): Promise<BenchResult> {
  const platform = await start({ keys: true });
  const producer = await startProducer(platform.nats_url, INGEST_PER_S);
  try {
    await systemClock.sleep(2_000);
    const probes: Probe[] = [];
    const random = new Prng("freshness");
    for (let i = 0; i < (quick ? 100 : 1_000); i++) probes.push(await probe(platform, i, random));
    await systemClock.sleep(2_000);
    const folded = await decisionSequences(platform);

    const latencies: number[] = [];
    let missed = 0;
    for (const { published_ms, sequence, answers } of probes) {
      const first = answers.find((answer) => (folded.get(answer.quote_id) ?? 0) >= sequence);
      if (first === undefined) missed++;
      else latencies.push(first.at_ms - published_ms);
    }
    const p99_ms = quantile(latencies, 0.99);
    const failures = [
      ...(missed > 0 ? [`${missed} enrollments were not seen within ${PROBE_MS_MAX} ms`] : []),
      ...(!quick && p99_ms > P99_MS_MAX ? [`p99 ${p99_ms.toFixed(1)} ms, more than ${P99_MS_MAX}`] : []),
    ];
    return {
      metrics: {
        p50_ms: quantile(latencies, 0.5),
        p99_ms,
        max_ms: Math.max(...latencies),
        rate_per_s: producer.rate_per_s(),
        probes: probes.length,
        missed,
      },
      check: `${probes.length}`,
      notes: [
        "one probe at a time: publish an enrollment, then ask for that course's price until its decision has used it",
        "includes the broker's acknowledgement, the fold, the durable commit, and one price call",
      ],
      ...(failures.length > 0 ? { failure: failures.join("; ") } : {}),
    };
  } finally {
    producer.stop();
    await platform.stop();
  }
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function quoteOf({ url, key }: Platform, course_id: string): Promise<Answer> {
  const body = JSON.stringify({ course_id });
  return new Promise((resolve, reject) => {
    const headers = { ...headersOf(key), "content-length": Buffer.byteLength(body) };
    const call = request(`${url}/optimize_price`, { method: "POST", agent, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve({ quote_id: (JSON.parse(text) as Answer).quote_id, at_ms: performance.now() }));
    });
    call.on("error", reject);
    call.end(body);
  });
}

/** EVENTS sequence that the platform's features have come to. */
async function foldedSequence({ url, key }: Platform): Promise<number> {
  const health = (await (await fetch(`${url}/health`, { headers: headersOf(key) })).json()) as { readonly features: { readonly sequence: number } };
  return health.features.sequence;
}

async function probe(platform: Platform, index: number, random: Prng): Promise<Probe> {
  const { broker, courses } = platform;
  const course_id = `C${String(random.integer(courses)).padStart(5, "0")}`;
  const before = await quoteOf(platform, course_id);
  const event: EventOf<"enrollment.created"> = {
    id: `probe-${index}`,
    type: "enrollment.created",
    time: formatTime(systemClock.now_ms()),
    enrollment_id: `probe-${index}`,
    course_id,
    learner_id: "L000001",
    price: 50,
  };
  const published_ms = performance.now();
  const acknowledgement = broker.publish(eventSubject(event), Buffer.from(JSON.stringify(event)));
  const answers: Answer[] = [];
  let changed_ms = Number.POSITIVE_INFINITY;
  for (;;) {
    const answer = await quoteOf(platform, course_id);
    answers.push(answer);
    if (answer.quote_id !== before.quote_id) changed_ms = Math.min(changed_ms, answer.at_ms);
    if (answer.at_ms > published_ms + PROBE_MS_MAX) break;
    // On a busy machine the other cause may come long before the enrollment is folded.
    if (answer.at_ms > changed_ms + SETTLE_MS && (await foldedSequence(platform)) >= (await acknowledgement).sequence) {
      answers.push(await quoteOf(platform, course_id));
      break;
    }
  }
  return { published_ms, sequence: (await acknowledgement).sequence, answers };
}

/** For every recorded decision: the EVENTS sequence of the last event in the course record that it used. */
async function decisionSequences({ broker }: Platform): Promise<Map<string, number>> {
  const sequences = new Map<string, number>();
  const last = (await broker.streamInfo(STREAM_QUOTES))?.last_sequence ?? 0;
  if (last === 0) return sequences;
  await new Promise<void>((resolve, reject) => {
    broker
      .consume(STREAM_QUOTES, { start_sequence: 1 }, (message) => {
        const record = decisionRecordSchema.parse(JSON.parse(Buffer.from(message.data).toString()));
        sequences.set(record.id, record.inputs.record_sequence);
        if (message.sequence >= last) resolve();
      })
      .catch(reject);
  });
  return sequences;
}
