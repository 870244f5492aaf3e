import { createConnection } from "node:net";
import type { HostileRequest } from "./hostile-requests.ts";

const SILENCE_MS = 5_000;

export interface RawAnswer {
  /** 0: the connection was closed without one. */
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** Sends bytes over a connection of their own, as no client library would, and reads the first answer; ends at once where events begin. */
export function sendBytes(port: number, bytes: Uint8Array): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: "127.0.0.1", port });
    const chunks: Buffer[] = [];
    const done = (): void => {
      socket.destroy();
      resolve(readAnswer(Buffer.concat(chunks)));
    };
    // A server that refuses a body cuts the connection while it is still being sent.
    socket.on("error", done);
    socket.on("close", done);
    socket.setTimeout(SILENCE_MS, () => {
      socket.destroy();
      reject(new Error(`no end of the answer for ${SILENCE_MS} ms: ${Buffer.concat(chunks).toString("latin1").slice(0, 300)}`));
    });
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      if (chunks.length === 1 && chunk.includes("text/event-stream")) done();
    });
    socket.end(bytes);
  });
}

function readAnswer(bytes: Buffer): RawAnswer {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return { status: 0, type: "", text: "" };
  const [first = "", ...lines] = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const headers = new Map(lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]));
  const body = bytes.subarray(end + 4);
  const text = headers.get("transfer-encoding") === "chunked" ? unchunked(body) : body.subarray(0, Number(headers.get("content-length") ?? body.length));
  return { status: Number(first.split(" ")[1]), type: headers.get("content-type") ?? "", text: text.toString("utf8") };
}

function unchunked(body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = body.indexOf("\r\n", at);
    const length = line < 0 ? 0 : Number.parseInt(body.subarray(at, line).toString("latin1"), 16);
    if (!(length > 0)) return Buffer.concat(parts);
    parts.push(body.subarray(line + 2, line + 2 + length));
    at = line + 2 + length + 2;
  }
}

/** The request as bytes: whatever a target or header holds goes out as it is. */
export function requestBytes({ method, target, headers, body }: HostileRequest): Buffer {
  const lines = [`${method} ${target} HTTP/1.1`, "host: 127.0.0.1", "connection: close", ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)];
  if (body !== undefined && headers["content-length"] === undefined && headers["transfer-encoding"] === undefined) lines.push(`content-length: ${body.length}`);
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "utf8"), body ?? Buffer.alloc(0)]);
}

const get = (rest: string): string => `GET /livez HTTP/1.1\r\nhost: x\r\n${rest}`;
const post = (rest: string): string => `POST /optimize_price HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${rest}`;
const price = '{"course_id":"c1"}';

/** What is no request, or two where one was meant. */
export const malformed: readonly string[] = [
  "",
  "\r\n\r\n\r\n",
  "\u0000\u0000\u0000",
  "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001",
  "GET\r\n\r\n",
  "GET /livez\r\n\r\n",
  "GET /livez HTTP/9.9\r\nhost: x\r\n\r\n",
  "GET  /livez  HTTP/1.1\r\nhost: x\r\n\r\n",
  "GET http://[::1 HTTP/1.1\r\nhost: x\r\n\r\n",
  "GET http://other/livez HTTP/1.1\r\nhost: x\r\n\r\n",
  "GET //x:y@z/livez HTTP/1.1\r\nhost: x\r\n\r\n",
  "GET * HTTP/1.1\r\nhost: x\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n",
  "CONNECT metrics:80 HTTP/1.1\r\nhost: x\r\n\r\n",
  "TRACE /metrics HTTP/1.1\r\nhost: x\r\n\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "GET /livez HTTP/1.1\r\n\r\n",
  "GET /livez HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n",
  "GET /livez HTTP/1.1\r\nhost: a b<>\r\n\r\n",
  `GET /livez HTTP/1.1\r\nhost: ${"x".repeat(10_000)}\r\n\r\n`,
  `GET /${"x".repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`,
  get(`x: ${"y".repeat(20_000)}\r\n\r\n`),
  get(`${Array.from({ length: 3_000 }, (_, i) => `h${i}: 1\r\n`).join("")}\r\n`),
  get("upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: x\r\n\r\n"),
  get("upgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: x\r\n\r\n"),
  get(" folded: x\r\n\r\n"),
  get("a\u0000b: x\r\n\r\n"),
  get("a: x\u0000y\r\n\r\n"),
  get("a : x\r\n\r\n"),
  get("a: x\n\n"),
  get("content-length: 5\r\n\r\nhello"),
  post(`content-length: ${price.length}\r\ncontent-length: ${price.length + 1}\r\n\r\n${price}`),
  post(`content-length: ${price.length}, ${price.length}\r\n\r\n${price}`),
  post(`content-length: +${price.length}\r\n\r\n${price}`),
  post(`content-length: ${price.length}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\nhost: x\r\n\r\n`),
  post("transfer-encoding: chunked\r\n\r\nzz\r\n"),
  post("transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n"),
  post("transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
  post("transfer-encoding: \u000bchunked\r\n\r\n0\r\n\r\n"),
  post("transfer-encoding: chunked\r\n\r\n5;x=\u0000\r\nhello\r\n0\r\ntrailer: x\r\n\r\n"),
  post("content-length: 100\r\n\r\nshort"),
  post("expect: 100-continue\r\ncontent-length: 99999999\r\n\r\n"),
];
