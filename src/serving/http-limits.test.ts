import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { Hono } from "hono";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../lib/clock.ts";
import { HttpServer } from "./http-server.ts";

/** As the shipped ones, a hundred times shorter. */
const limits = { headersTimeout: 150, requestTimeout: 250, keepAliveTimeout: 650, connectionsCheckingInterval: 50, silence: 750 };
const large = "x".repeat(8 * 1024 * 1024);

/** The server's side of the connection that asked for the large answer. */
let asked: { readonly socket: Promise<Socket>; readonly resolve: (socket: Socket) => void };
let server: HttpServer;
let port: number;

beforeEach(async () => {
  let resolve = (_socket: Socket): void => undefined;
  const socket = new Promise<Socket>((done) => {
    resolve = done;
  });
  asked = { socket, resolve };
  const app = new Hono<{ Bindings: { incoming: IncomingMessage } }>();
  app.get("/large", (context) => {
    asked.resolve(context.env.incoming.socket);
    return new Response(large);
  });
  server = new HttpServer(app as unknown as Hono, systemClock, { limits });
  port = await server.listen("127.0.0.1", 0);
});

afterEach(() => server.drain());

async function open(first: string): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  socket.write(first);
  return socket;
}

/** What the server says until it closes the connection. */
async function untilClosed(socket: Socket): Promise<string> {
  let said = "";
  socket.on("data", (chunk) => (said += chunk.toString("latin1")));
  socket.on("error", () => undefined);
  await once(socket, "close");
  return said;
}

test("a connection on which nothing comes is closed", async () => {
  expect(await untilClosed(await open(""))).toMatch(/^HTTP\/1.1 408 /);
});

test("headers that come a byte at a time are given up", async () => {
  const socket = await open("GET /large HTTP/1.1\r\nhost: x\r\nslow: ");
  const drip = setInterval(() => socket.write("x"), 20);
  expect(await untilClosed(socket)).toMatch(/^HTTP\/1.1 408 /);
  clearInterval(drip);
});

test("a body that comes a byte at a time is given up", async () => {
  const socket = await open("POST /large HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10000\r\n\r\n");
  const drip = setInterval(() => socket.write(" "), 20);
  expect(await untilClosed(socket)).toMatch(/^HTTP\/1.1 408 /);
  clearInterval(drip);
});

test("a client that does not take its answer is cut off", async () => {
  const client = await open("GET /large HTTP/1.1\r\nhost: x\r\n\r\n");
  client.pause();
  client.on("error", () => undefined);
  const socket = await asked.socket;
  await once(socket, "close");
  expect(client.bytesRead).toBeLessThan(large.length);
  client.destroy();
});

test.each([
  ["too many", Array.from({ length: 3_000 }, (_, i) => `h${i}: x`)],
  ["too long", [`h: ${"x".repeat(64 * 1024)}`]],
])("headers that are %s get 431", async (_what, headers) => {
  expect(await untilClosed(await open(`GET / HTTP/1.1\r\nhost: x\r\n${headers.join("\r\n")}\r\n\r\n`))).toMatch(/^HTTP\/1.1 431 /);
});
