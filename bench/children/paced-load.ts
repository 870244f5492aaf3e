/**
 * Requests at a fixed rate, each at its own moment, over as many connections in turn; whatever is slow does not hold back what is due after it. (autocannon's
 * `overallRate` sends each second's requests as fast as they are answered and rests for the remainder.)
 */
import { Client } from "undici";
import { must } from "../../src/lib/assert.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { answer } from "../child.ts";
import { headersOf } from "../roles.ts";
import { quantile } from "../stats.ts";
import type { PacedLoadResult } from "../processes.ts";
import type { PacedLoadOptions } from "./load-options.ts";
import { RequestBodies } from "./request-bodies.ts";

const options = JSON.parse(must(process.argv[2], "options")) as PacedLoadOptions;
const WARMUP_S = 2;
const TICK_MS = 1;
/** Seconds' worth of requests that may wait for answers; what would be sent beyond it is not sent. */
const WAITING_MAX_S = 1;
/** How long after the last was sent answers are waited for. */
const DRAIN_MAX_MS = 5_000;

/** NaN where nothing was answered. */
const quantileOf = (latencies: readonly number[], q: number): number => (latencies.length === 0 ? Number.NaN : quantile(latencies, q));

const clients = Array.from({ length: options.connections }, () => new Client(new URL(options.url).origin));
const bodies = new RequestBodies(options);
const headers = headersOf(options.key);

class PacedRun {
  /** Milliseconds from when a request was due. */
  readonly #latencies: number[] = [];
  #waiting = 0;
  #refused = 0;
  #unsent = 0;
  readonly #failed: Record<string, number> = {};

  async run(seconds: number): Promise<PacedLoadResult> {
    const { rate } = options;
    const requests = Math.round(rate * seconds);
    const start = performance.now();
    for (let sent = 0; sent < requests; await systemClock.sleep(TICK_MS)) {
      const due = Math.min(requests, Math.floor(((performance.now() - start) / 1000) * rate) + 1);
      for (; sent < due; sent++) this.#send(must(clients[sent % clients.length], "client"), start + (sent / rate) * 1000);
    }
    const end = performance.now() + DRAIN_MAX_MS;
    while (this.#waiting > 0 && performance.now() < end) await systemClock.sleep(TICK_MS);
    const elapsed_s = (performance.now() - start) / 1000;
    return {
      rps: this.#latencies.length / elapsed_s,
      total: requests,
      p50_ms: quantileOf(this.#latencies, 0.5),
      p99_ms: quantileOf(this.#latencies, 0.99),
      refused: this.#refused,
      unanswered: this.#unsent + this.#waiting,
      errors: Object.values(this.#failed).reduce((sum, count) => sum + count, 0),
      failed: this.#failed,
    };
  }

  #send(client: Client, due_ms: number): void {
    if (this.#waiting >= options.rate * WAITING_MAX_S) {
      this.#unsent++;
      return;
    }
    this.#waiting++;
    let status = 0;
    client.dispatch(
      { method: "POST", path: options.path, headers, body: bodies.next() },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, code) => {
          status = code;
        },
        onResponseData: () => undefined,
        onResponseEnd: () => {
          this.#waiting--;
          if (status < 300) this.#latencies.push(performance.now() - due_ms);
          else if (status === 503) this.#refused++;
          else this.#fail(String(status));
        },
        onResponseError: (_controller, error) => {
          this.#waiting--;
          this.#fail("code" in error ? String(error.code) : error.name);
        },
      },
    );
  }

  #fail(reason: string): void {
    this.#failed[reason] = (this.#failed[reason] ?? 0) + 1;
  }
}

const warmup_s = options.warmup_s ?? WARMUP_S;
if (warmup_s > 0) await new PacedRun().run(warmup_s);
answer(await new PacedRun().run(options.seconds));
