import { Agent, request } from "node:http";
import { headersOf } from "./roles.ts";

const EVERY_MS = 20;

/** Asks for one price fifty times a second, whatever becomes of the answers, and notes how long each took. */
export class Probe {
  readonly #url: string;
  readonly #key: string | undefined;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #answers: { readonly at_ms: number; readonly took_ms: number }[] = [];
  readonly #timer: NodeJS.Timeout;
  #under_way = 0;

  constructor(url: string, key: string | undefined) {
    this.#url = url;
    this.#key = key;
    this.#timer = setInterval(() => this.#ask(), EVERY_MS);
  }

  /** When the last answer since `from_ms` was asked for that took longer, or was no price; `from_ms` when there is none. */
  lastAbove(limit_ms: number, from_ms: number): number {
    return this.#answers.reduce((last, { at_ms, took_ms }) => (at_ms > from_ms && took_ms > limit_ms ? Math.max(last, at_ms) : last), from_ms);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    while (this.#under_way > 0) await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    this.#agent.destroy();
  }

  #ask(): void {
    const at_ms = Date.now();
    this.#under_way++;
    const end = (good: boolean): void => {
      this.#under_way--;
      this.#answers.push({ at_ms, took_ms: good ? Date.now() - at_ms : Number.POSITIVE_INFINITY });
    };
    const sent = request(`${this.#url}/optimize_price`, { method: "POST", agent: this.#agent, headers: headersOf(this.#key) }, (answer) => {
      answer.resume();
      answer.once("end", () => end(answer.statusCode === 200));
    });
    sent.once("error", () => end(false));
    const body = JSON.stringify({ course_id: "C00001" });
    sent.setHeader("content-length", Buffer.byteLength(body)).end(body);
  }
}
