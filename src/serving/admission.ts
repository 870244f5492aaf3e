import type { ServerResponse } from "node:http";
import { problemHeaders } from "./headers.ts";
import { ProblemError, problemText } from "./problem.ts";

/** Fewer requests at once than this are always answered: the last of them waits for some milliseconds. */
const TOGETHER_MIN = 112;
/** How old a turn of the event loop may be when one more of its requests is begun. What is answered has then waited for this turn and the one before at most. */
const TURN_MAX_MS = 3;
/** Requests that wait for something else than the processor, such as the broker. */
const UNDER_WAY_MAX = 2_048;
/** Refusals a second. Writing one costs half as much as answering: without a limit, clients that ask again at once would leave no time for anything else. */
const REFUSALS_PER_S = 1_000;
const RELEASE_MS = 10;
const RELEASED_MAX = (REFUSALS_PER_S * RELEASE_MS) / 1000;
const HELD_MAX = 8_192;

const problem = new ProblemError("overloaded", "More is asked for than can be answered in time. Repeat the request in a second.");
const text = problemText(problem);
const headerList = [...Object.entries(problemHeaders).flat(), "content-length", String(Buffer.byteLength(text)), "retry-after", "1"];

function refuse(outgoing: ServerResponse): void {
  if (outgoing.destroyed) return;
  outgoing.writeHead(problem.status, headerList);
  outgoing.end(text);
}

/**
 * Decides which requests are begun. The queue of a process that does not keep up is the sockets that are ready in one turn of its event loop, in the order in
 * which they became so: requests beyond what a turn may take are refused, and those before are answered as if there were no others. A refusal is not even
 * written at once when there are many: until it is, its connection cannot ask again.
 */
export class Admission {
  readonly #now_ms: () => number;
  readonly #held: ServerResponse[] = [];
  #releasing = false;
  #in_turn = false;
  #turn_began_ms = 0;
  #together = 0;
  #under_way = 0;
  #refused = 0;

  constructor(now_ms: () => number = () => performance.now()) {
    this.#now_ms = now_ms;
  }

  /** Requests turned away. */
  get refused(): number {
    return this.#refused;
  }

  /** Of those, the ones that do not know it yet. */
  get held(): number {
    return this.#held.length;
  }

  /** Requests that were begun and not answered in their own turn. */
  get under_way(): number {
    return this.#under_way;
  }

  /** Whether a request is to be begun. */
  admits(): boolean {
    const now_ms = this.#now_ms();
    if (!this.#in_turn) this.#beginTurn(now_ms);
    this.#together++;
    return this.#under_way < UNDER_WAY_MAX && (this.#together <= TOGETHER_MIN || now_ms - this.#turn_began_ms <= TURN_MAX_MS);
  }

  /** Counts a request until its answer is written, or its client is gone. */
  follow(outgoing: ServerResponse): void {
    this.#under_way++;
    outgoing.once("close", () => this.#under_way--);
  }

  /** Answers 503 with Retry-After, once it is this refusal's turn. */
  refuse(outgoing: ServerResponse): void {
    this.#refused++;
    if (this.#held.length >= HELD_MAX) {
      refuse(outgoing);
      return;
    }
    this.#held.push(outgoing);
    if (!this.#releasing) this.#releaseLater();
  }

  /** Writes all refusals, for a server that stops. */
  flush(): void {
    for (const outgoing of this.#held.splice(0)) refuse(outgoing);
  }

  #beginTurn(now_ms: number): void {
    this.#in_turn = true;
    this.#turn_began_ms = now_ms;
    this.#together = 0;
    // Comes after everything that is ready to be read now.
    setImmediate(() => {
      this.#in_turn = false;
    });
  }

  #releaseLater(): void {
    this.#releasing = true;
    setTimeout(() => this.#release(), RELEASE_MS).unref();
  }

  #release(): void {
    for (const outgoing of this.#held.splice(0, RELEASED_MAX)) refuse(outgoing);
    if (this.#held.length > 0) this.#releaseLater();
    else this.#releasing = false;
  }
}
