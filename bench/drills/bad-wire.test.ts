import { once } from "node:events";
import { createConnection, createServer, type Server } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Prng } from "../../src/lib/prng.ts";
import { BadWire } from "./bad-wire.ts";

const DELIVERIES = 2_000;
const random = new Prng("bad wire");

/** A delivery whose payload is its number, and text that looks like the protocol. */
function delivery(i: number): string {
  const payload = `${i}\r\nMSG a 1 $JS.ACK.b 3\r\n`;
  const head = "NATS/1.0\r\n\r\n";
  return i % 2 === 0 ? `MSG events.a 1 $JS.ACK.EVENTS.c.1.${i}.${i}.0.0 ${payload.length}\r\n${payload}\r\n` : `HMSG events.a 1 $JS.ACK.EVENTS.c.1.${i}.${i}.0.0 ${head.length} ${head.length + payload.length}\r\n${head}${payload}\r\n`;
}

const deliveries = Array.from({ length: DELIVERIES }, (_, i) => delivery(i));
/** What is no delivery stands between them, and must pass whatever is spoilt. */
const others = ["INFO {}\r\n", "PING\r\n", "MSG _INBOX.a 2 2\r\nok\r\n"];
const stream = deliveries.map((text, i) => (i % 10 === 0 ? others.join("") + text : text)).join("") + others.join("");

let broker: Server;
let port: number;

beforeAll(async () => {
  broker = createServer((socket) => {
    let at = 0;
    const write = (): void => {
      const end = Math.min(stream.length, at + 1 + random.integer(700));
      socket.write(stream.slice(at, end));
      at = end;
      if (at < stream.length) setImmediate(write);
      else socket.end();
    };
    socket.setNoDelay(true);
    write();
  }).listen(0, "127.0.0.1");
  await once(broker, "listening");
  ({ port } = broker.address() as { port: number });
});
afterAll(() => broker.close());

async function received(share: number): Promise<{ readonly text: string; readonly faults: BadWire["faults"] }> {
  const wire = await BadWire.open(port);
  wire.spoil(share);
  let text = "";
  const client = createConnection(Number(new URL(wire.url).port), "127.0.0.1").setEncoding("latin1");
  client.on("data", (chunk: string) => (text += chunk));
  await once(client, "close");
  await wire.close();
  return { text, faults: wire.faults };
}

test("what nobody spoils passes byte by byte, however it is cut on its way", async () => {
  expect((await received(0)).text).toBe(stream);
});

test("deliveries are dropped, doubled and swapped, whole ones and nothing else", async () => {
  const { text, faults } = await received(0.05);
  const numbers = [...text.matchAll(/H?MSG events\.a 1 \$JS\.ACK\.EVENTS\.c\.1\.(\d+)/g)].map(([, number]) => Number(number));
  const counts = new Map<number, number>();
  for (const number of numbers) counts.set(number, (counts.get(number) ?? 0) + 1);
  expect([...counts.values()].filter((count) => count === 2).length).toBe(faults.doubled);
  // One that was to be swapped with the next, at the end, has no next one.
  expect([0, 1]).toContain(DELIVERIES - counts.size - faults.dropped);
  expect(numbers.filter((number, i) => number < (numbers[i - 1] ?? -1)).length).toBeGreaterThan(50);
  for (const kind of ["dropped", "doubled", "swapped"] as const) expect(faults[kind], kind).toBeGreaterThan(50);
  for (const other of others) expect(text.split(other).length, other).toBe(stream.split(other).length);
  expect(text.length).toBe(numbers.reduce((sum, number) => sum + deliveries[number]!.length, 0) + others.join("").length * (DELIVERIES / 10 + 1));
});
