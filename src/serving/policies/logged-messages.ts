import type { BrokerMessage, Consumption } from "../../ingest/broker-message.ts";
import type { Broker } from "../../ingest/nats.ts";
import { TidemarkError } from "../../lib/errors.ts";
import type { Turns } from "../turns.ts";

/** Messages that wait for their turn; the broker is asked for no more meanwhile. */
const QUEUE_MAX = 1_024;
const PER_STEP = 32;
/** How long nothing may arrive before the end is looked for. */
const QUIET_MS = 1_000;

export type LogBroker = Pick<Broker, "streamInfo" | "getMessage" | "consume">;
export type Bound = "messages" | "bytes" | "seconds";

/** What may be read in all, and what was. */
export class ReadingBudget {
  readonly #bytes_max: number;
  readonly #until_ms: number;
  #left: number;
  #bytes = 0;
  #exhausted: Bound | undefined;

  constructor({ messages_max, bytes_max, seconds_max }: { readonly messages_max: number; readonly bytes_max: number; readonly seconds_max: number }) {
    this.#left = messages_max;
    this.#bytes_max = bytes_max;
    this.#until_ms = performance.now() + seconds_max * 1_000;
  }

  /** The bound that was reached; undefined: none yet. */
  get exhausted(): Bound | undefined {
    if (this.#exhausted === undefined && performance.now() >= this.#until_ms) this.#exhausted = "seconds";
    return this.#exhausted;
  }

  /** Whether a message may be looked at. */
  take(bytes: number): boolean {
    if (this.exhausted !== undefined) return false;
    if (this.#left === 0) this.#exhausted = "messages";
    else if (this.#bytes + bytes > this.#bytes_max) this.#exhausted = "bytes";
    else {
      this.#left--;
      this.#bytes += bytes;
    }
    return this.#exhausted === undefined;
  }
}

export interface LoggedRange {
  readonly stream: string;
  readonly subject: string;
  /** The first sequence that matters; earlier ones than the stream has count from its beginning. */
  readonly from: number;
}

/**
 * Reads what a stream holds on some subjects by now, in order, without holding up anything: messages are handled in turns. Those that `concerns` turns down are only counted. How
 * many were read. Throws TidemarkError while the broker is away.
 */
export async function readLogged(broker: LogBroker, { stream, subject, from }: LoggedRange, budget: ReadingBudget, turns: Turns, concerns: (data: Uint8Array) => boolean, handle: (message: BrokerMessage) => void): Promise<number> {
  const state = await broker.streamInfo(stream);
  if (state === undefined) throw new TidemarkError("stream_missing", `the broker has no stream ${stream}`);
  const last = (await broker.getMessage(stream, { last_by_subject: subject }))?.sequence ?? 0;
  const start_sequence = Math.max(from, state.first_sequence, 1);
  if (last < start_sequence) return 0;
  const queue: BrokerMessage[] = [];
  let read = 0;
  const end: { reached: boolean; failure?: Error } = { reached: false };
  let paused = false;
  let arrived: () => void = () => undefined;
  // Messages may arrive before it is there.
  let consumption: Consumption | undefined = undefined as Consumption | undefined;
  consumption = await broker.consume(stream, { start_sequence, stream_created: state.created, subject }, (message) => {
    const { sequence, data, pending } = message;
    if (end.reached) return;
    const allowed = sequence <= last && budget.take(data.length);
    if (allowed) read++;
    // The bytes lie in the network's buffer.
    if (allowed && concerns(data)) queue.push({ ...message, data: new Uint8Array(data) });
    end.reached = !allowed || sequence >= last || pending === 0;
    if (!paused && consumption !== undefined && (end.reached || queue.length >= QUEUE_MAX)) {
      paused = true;
      consumption.pause();
    }
    arrived();
  });
  function* steps(): Generator<void, void> {
    for (let handled = 1; queue.length > 0; handled++) {
      handle(queue.shift()!);
      if (handled % PER_STEP === 0) yield;
    }
  }
  void consumption.closed.then((reason) => {
    if (reason instanceof Error) end.failure = reason;
    arrived();
  });
  try {
    while (end.failure === undefined && (!end.reached || queue.length > 0)) {
      if (queue.length > 0) await turns.run(steps(), () => true);
      else {
        if (budget.exhausted !== undefined) break;
        const more = new Promise<void>((resolve) => {
          arrived = resolve;
        });
        if (paused) consumption.resume();
        paused = false;
        await Promise.race([more, new Promise<void>((resolve) => setTimeout(resolve, QUIET_MS).unref())]);
      }
    }
  } finally {
    await consumption.stop();
  }
  if (end.failure !== undefined) throw end.failure;
  return read;
}
