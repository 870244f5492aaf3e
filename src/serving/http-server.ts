import { createServer, STATUS_CODES } from "node:http";
import type { Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { Clock } from "../lib/clock.ts";
import { Admission } from "./admission.ts";
import type { Certificates } from "./certificates.ts";
import { closingResponse } from "./closing-response.ts";
import { ProblemError, problemResponse, problemText } from "./problem.ts";
import { wholeListener } from "./whole-listener.ts";

/** What a client may take its time over. Whole requests are small: a slow one holds a connection for nothing. */
const LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  /** Longer than the usual idle time of load balancers (60 s), so that they close first and never hit a closing one. */
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16 * 1024,
} as const;
/** A connection on which nothing moves for so long is cut, such as that of a client which does not take its answer. Longer than any other wait. */
const SILENCE_MAX_MS = 75_000;

/** Connections at a time; each holds its buffers, so there is an end to them. Beyond it a new one is closed at once, and counted. */
const CONNECTIONS_MAX = 8_192;
/** How long a stopping server still takes connections, answering each with `connection: close`. */
const LINGER_MS = 500;
/** How long requests in flight may take once nothing new is accepted. */
const FINISH_MS = 2_000;

const details = {
  headers_too_large: `All headers together may hold ${LIMITS.maxHeaderSize} bytes.`,
  request_timeout: "Send the whole request at once.",
  invalid_request: "What arrived is not a request.",
} as const;

/** Answers what is not even a request; node:http hands over the bare socket. */
function answerMalformed(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable) return;
  const code = error.code === "HPE_HEADER_OVERFLOW" ? "headers_too_large" : error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? "request_timeout" : "invalid_request";
  const problem = new ProblemError(code, details[code]);
  const body = problemText(problem);
  socket.end(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
}

export interface HttpServerOptions {
  readonly connections_max?: number;
  /** Encrypts every connection. */
  readonly tls?: Certificates | undefined;
  /** Shorter waits than usual, for tests. */
  readonly limits?: Partial<Record<keyof typeof LIMITS | "silence", number>>;
}

export class HttpServer {
  readonly #server: Server | TlsServer;
  readonly #clock: Clock;
  readonly #state = { closing: false };
  readonly admission = new Admission();
  #refused = 0;

  constructor(app: Hono, clock: Clock, { connections_max = CONNECTIONS_MAX, tls, limits = {} }: HttpServerOptions = {}) {
    this.#clock = clock;
    // Only a target or host that is no URL gets to the error handler: routes have their own.
    const usual = getRequestListener(app.fetch, { errorHandler: () => problemResponse(new ProblemError("invalid_request", "The request target or host is not valid.")) });
    const listener = wholeListener(app, this.admission, (request, response) => void usual(request, response));
    const { silence = SILENCE_MAX_MS, ...changed } = limits;
    const options = { ...LIMITS, ...changed, ServerResponse: closingResponse(this.#state) };
    this.#server = tls === undefined ? createServer(options, listener) : createTlsServer({ ...options, ...tls, minVersion: "TLSv1.2", handshakeTimeout: LIMITS.headersTimeout }, listener);
    this.#server.maxConnections = connections_max;
    this.#server.timeout = silence;
    this.#server.on("drop", () => this.#refused++);
    // An expectation that nobody knows is no reason to refuse: by default it would get a bare 417.
    this.#server.on("checkExpectation", listener);
    this.#server.on("clientError", answerMalformed);
  }

  /** Connections that were one too many. */
  get refused(): number {
    return this.#refused;
  }

  /** New connections are encrypted with what is read now; without TLS nothing is read. Throws what reading throws, and goes on as before. */
  async renew(read: () => Promise<Certificates | undefined>): Promise<void> {
    if (!("setSecureContext" in this.#server)) return;
    const certificates = await read();
    if (certificates !== undefined) this.#server.setSecureContext({ ...certificates, minVersion: "TLSv1.2" });
  }

  /** Resolves with the port. Throws TidemarkError `address_in_use` or `cannot_listen`. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const failed = (error: Error & { code?: string }): void => {
        if (error.code === "EADDRINUSE") reject(new TidemarkError("address_in_use", `${host}:${port} is in use: stop what listens there, or choose another port with TIDEMARK_PORT`, { cause: error }));
        else reject(new TidemarkError("cannot_listen", `cannot listen on ${host}:${port}: ${errorMessage(error)}`, { cause: error }));
      };
      this.#server.once("error", failed);
      this.#server.listen({ host, port, backlog: 1024 }, () => {
        this.#server.off("error", failed);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Takes a connection that did not come from the network. */
  serve(connection: Duplex): void {
    this.#server.emit("connection", connection);
  }

  /**
   * Stops without failing a request: first every answer tells its client to close the connection, then nothing new is
   * accepted, then what is in flight finishes. Connections that are still there at the end are cut.
   */
  async drain(): Promise<void> {
    this.#state.closing = true;
    this.admission.flush();
    const linger_until_ms = this.#clock.now_ms() + LINGER_MS;
    while (this.#clock.now_ms() < linger_until_ms && (await this.#connections()) > 0) await this.#clock.sleep(20);
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    await Promise.race([closed, this.#clock.sleep(FINISH_MS)]);
    this.#server.closeAllConnections();
    await closed;
  }

  #connections(): Promise<number> {
    return new Promise((resolve) => {
      this.#server.getConnections((error, count) => resolve(error === null ? count : 0));
    });
  }
}
