import { systemClock } from "../../src/lib/clock.ts";

const ASK_EVERY_MS = 20;
const PATIENCE_MS = 5_000;

export interface PriceCounts {
  readonly asked: number;
  readonly answered: number;
  readonly degraded: number;
}

/** Asks for a price all the time and counts the answers. Where one does not answer it asks the next host, or the same one once more, as a balancer does: a price may be asked for twice. */
export class PriceProbe {
  readonly #counts = { asked: 0, answered: 0, degraded: 0 };
  readonly #ended: Promise<void>;
  #stopped = false;

  constructor(urls: readonly string[], course_ids: readonly string[]) {
    this.#ended = this.#ask(urls, course_ids);
  }

  get counts(): PriceCounts {
    return { ...this.#counts };
  }

  async stop(): Promise<PriceCounts> {
    this.#stopped = true;
    await this.#ended;
    return this.counts;
  }

  async #ask(urls: readonly string[], course_ids: readonly string[]): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      this.#counts.asked++;
      const body = JSON.stringify({ course_id: course_ids[i % course_ids.length] });
      let answer: Answer | undefined;
      for (const url of [...urls, ...urls]) answer ??= await ask(url, body);
      if (answer !== undefined) this.#counts.answered++;
      // A rig has no model, which is no fault of the drill's.
      if (answer?.degraded?.some((reason) => reason !== "no_model") === true) this.#counts.degraded++;
      await systemClock.sleep(ASK_EVERY_MS);
    }
  }
}

interface Answer {
  readonly degraded?: readonly string[];
}

async function ask(url: string, body: string): Promise<Answer | undefined> {
  // A connection each: a caller behind a balancer is not tied to the process that died.
  const headers = { "content-type": "application/json", connection: "close" };
  const response = await fetch(`${url}/optimize_price`, { method: "POST", headers, body, signal: AbortSignal.timeout(PATIENCE_MS) }).catch(() => undefined);
  return response?.status === 200 ? ((await response.json().catch(() => undefined)) as Answer | undefined) : undefined;
}
