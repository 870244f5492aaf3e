import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Hono } from "hono";
import type { Admission } from "./admission.ts";
import { jsonHeaders } from "./headers.ts";
import { JsonAnswer } from "./json-answer.ts";
import { internalProblem, problemResponse } from "./problem.ts";
import { WholeRequest, canBeWhole } from "./whole-request.ts";

/** What tells whoever keeps the process alive that it lives. */
const ALWAYS_ANSWERED = new Set(["/livez", "/readyz", "/health", "/metrics"]);

/** Names and values in turn: node:http writes such a list without making an object of it. */
const jsonHeaderList = Object.entries(jsonHeaders).flat();

/**
 * Waits for a small JSON body, then takes the request through the application in one turn of the event loop: routes, keys, metrics and errors are the
 * application's, only the framework's request and response objects are left out. Everything else goes to `otherwise`. What `admission` does not let pass
 * goes nowhere.
 */
export function wholeListener(app: Hono, admission: Admission, otherwise: RequestListener): RequestListener {
  const answers = new TurnAnswers();
  const answer = (request: WholeRequest, outgoing: ServerResponse): void => {
    const answered = app.fetch(request as unknown as Request);
    if (!(answered instanceof Promise)) {
      answers.add(outgoing, answered);
      return;
    }
    admission.follow(outgoing);
    answered.then(
      (response) => answers.add(outgoing, response),
      () => answers.add(outgoing, problemResponse(internalProblem())),
    );
  };
  return (incoming, outgoing) => {
    const { method, url = "" } = incoming;
    const admitted = admission.admits() || (method === "GET" && ALWAYS_ANSWERED.has(url));
    if (!admitted) admission.refuse(outgoing);
    else if (canBeWhole(incoming)) collect(incoming, (body) => answer(new WholeRequest(incoming, body), outgoing));
    else {
      admission.follow(outgoing);
      otherwise(incoming, outgoing);
    }
  };
}

/** Calls `done` once the whole body is there, or without it when the client went away before. */
function collect(incoming: IncomingMessage, done: (body: Buffer | undefined) => void): void {
  let body: Buffer | undefined;
  incoming.on("data", (chunk: Buffer) => {
    body = body === undefined ? chunk : Buffer.concat([body, chunk]);
  });
  incoming.on("end", () => done(body ?? Buffer.alloc(0)));
  incoming.on("error", () => done(undefined));
}

/**
 * Answers that are ready in one turn of the event loop, written together at its end. A write wakes whoever waits for it: one after the other, each answer would
 * wake its reader anew while the next one is worked out, which costs both sides about as much as the answer.
 */
class TurnAnswers {
  #ready: { readonly outgoing: ServerResponse; readonly answered: Response }[] = [];

  add(outgoing: ServerResponse, answered: Response): void {
    if (this.#ready.push({ outgoing, answered }) === 1) setImmediate(() => this.#write());
  }

  #write(): void {
    const ready = this.#ready;
    this.#ready = [];
    for (const { outgoing, answered } of ready) write(outgoing, answered);
  }
}

function write(outgoing: ServerResponse, answered: Response): void {
  if ((answered as unknown) instanceof JsonAnswer) writeText(outgoing, answered as unknown as JsonAnswer);
  else void writeResponse(outgoing, answered).catch(() => outgoing.destroy());
}

/** Text that is ASCII throughout is written as it lies in memory. */
function writeText(outgoing: ServerResponse, { text, changed_headers }: JsonAnswer): void {
  const bytes = Buffer.byteLength(text);
  const headers = changed_headers === undefined ? jsonHeaderList : [...changed_headers].flat();
  outgoing.writeHead(200, [...headers, "content-length", String(bytes)]);
  outgoing.end(text, bytes === text.length ? "latin1" : "utf8");
}

/** Problems, mostly. */
async function writeResponse(outgoing: ServerResponse, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  outgoing.writeHead(response.status, { ...Object.fromEntries(response.headers), "content-length": body.length });
  outgoing.end(body);
}
