import type { IncomingMessage } from "node:http";
import { ProblemError } from "./problem.ts";

/** A target that names nothing but a path, and a host that is a name or an address with a port or none: what needs no parsing to be a valid URL. */
const PLAIN_TARGET = /^\/[A-Za-z0-9_/-]*$/;
const PLAIN_HOST = /^[a-z0-9._-]+(?::\d{1,5})?$/;
/** A body that is longer is read as it arrives. */
const WHOLE_BYTES_MAX = 16 * 1024;
const BYTE_ORDER_MARK = 0xfeff;

/** Whether a request can be a WholeRequest: a POST of JSON with a declared, small length and nothing unusual about its address. */
export function canBeWhole({ method, url, headers }: IncomingMessage): boolean {
  if (method !== "POST" || headers["content-type"] !== "application/json" || headers.expect !== undefined) return false;
  const declared = headers["content-length"];
  return declared !== undefined && Number(declared) <= WHOLE_BYTES_MAX && PLAIN_TARGET.test(url ?? "") && PLAIN_HOST.test(headers.host ?? "");
}

/**
 * What handlers use of a Request, for one whose JSON body has arrived whole: no stream, no abort signal, no header objects. The framework's own request
 * object costs as much as everything else about a price call. Whatever is not here is a real Request's, made when somebody asks for it.
 */
export class WholeRequest {
  readonly method = "POST";
  readonly url: string;
  readonly headers: Pick<Headers, "get" | "has" | "forEach">;
  readonly #body: Buffer | undefined;
  #real: Request | undefined;

  /** `body` undefined: the client went away before its end. */
  constructor(incoming: IncomingMessage, body: Buffer | undefined) {
    this.url = `${"encrypted" in incoming.socket ? "https" : "http"}://${incoming.headers.host}${incoming.url}`;
    this.headers = new IncomingHeaders(incoming.headers);
    this.#body = body;
  }

  /** The body's text. Throws ProblemError `invalid_request` when it did not arrive whole. */
  get content(): string {
    if (this.#body === undefined) throw new ProblemError("invalid_request", "The body did not arrive whole.", { headers: { connection: "close" } });
    const content = this.#body.toString("utf8");
    return content.charCodeAt(0) === BYTE_ORDER_MARK ? content.slice(1) : content;
  }

  get signal(): AbortSignal {
    return this.#request().signal;
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.#request().body;
  }

  async text(): Promise<string> {
    return this.content;
  }

  async json(): Promise<unknown> {
    return JSON.parse(this.content);
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#request().arrayBuffer();
  }

  #request(): Request {
    const headers = new Headers();
    this.headers.forEach((value, name) => headers.set(name, value));
    return (this.#real ??= new Request(this.url, { method: this.method, headers, body: this.content }));
  }
}

/** node:http's own record of a request's headers, by lower-case name. */
class IncomingHeaders implements Pick<Headers, "get" | "has" | "forEach"> {
  readonly #headers: IncomingMessage["headers"];

  constructor(headers: IncomingMessage["headers"]) {
    this.#headers = headers;
  }

  get(name: string): string | null {
    const key = name.toLowerCase();
    if (!Object.hasOwn(this.#headers, key)) return null;
    const value = this.#headers[key];
    return Array.isArray(value) ? value.join(", ") : (value ?? null);
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  forEach(each: (value: string, name: string, headers: Headers) => void): void {
    for (const name of Object.keys(this.#headers)) each(this.get(name) ?? "", name, this as unknown as Headers);
  }
}
