import { AggregatorRegistry } from "prom-client";
import type { Registry } from "prom-client";
import type { Clock } from "../lib/clock.ts";
import type { PrimaryMessage, WorkerMessage } from "./cluster-messages.ts";

const COLLECT_MS = 1_000;
const ANSWER_MS = 2_000;

interface Collection {
  readonly values: (readonly object[])[];
  missing: number;
  readonly finish: () => void;
}

/** The primary's half: asks every worker for its figures and adds them up. */
export class MetricsCollector {
  readonly #clock: Clock;
  readonly #open = new Map<number, Collection>();
  #next = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The aggregate of the workers that answer in time: one that hangs must not take the others' figures with it. */
  async collect(workers: readonly { send(message: PrimaryMessage): void }[]): Promise<string> {
    const collection = this.#next++;
    const values: (readonly object[])[] = [];
    const finished = new Promise<void>((resolve) => {
      this.#open.set(collection, { values, missing: workers.length, finish: resolve });
    });
    for (const worker of workers) worker.send({ type: "metrics_collect", collection });
    await Promise.race([finished, this.#clock.sleep(COLLECT_MS)]);
    this.#open.delete(collection);
    return AggregatorRegistry.aggregate([...values]).metrics();
  }

  receive({ collection, values }: Extract<WorkerMessage, { type: "metrics_values" }>): void {
    const open = this.#open.get(collection);
    if (open === undefined) return;
    open.values.push(values);
    if (--open.missing === 0) open.finish();
  }
}

/** A worker's half: answers collections, and asks the primary for the cluster's figures. */
export class MetricsClient {
  readonly #clock: Clock;
  readonly #send: (message: WorkerMessage) => void;
  readonly #waiting = new Map<number, (text: string) => void>();
  #next = 0;

  constructor(clock: Clock, send: (message: WorkerMessage) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** The cluster's figures; this worker's own when the primary does not answer in time. */
  async text(own: Registry): Promise<string> {
    const request = this.#next++;
    const answer = new Promise<string>((resolve) => {
      this.#waiting.set(request, resolve);
    });
    this.#send({ type: "metrics_request", request });
    const text = await Promise.race([answer, this.#clock.sleep(ANSWER_MS)]);
    this.#waiting.delete(request);
    return text ?? own.metrics();
  }

  async contribute(own: Registry, collection: number): Promise<void> {
    this.#send({ type: "metrics_values", collection, values: await own.getMetricsAsJSON() });
  }

  receive({ request, text }: Extract<PrimaryMessage, { type: "metrics_text" }>): void {
    this.#waiting.get(request)?.(text);
  }
}
