import { createConnection, createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { must } from "../../src/lib/assert.ts";
import { Prng } from "../../src/lib/prng.ts";

const CRLF = Buffer.from("\r\n");
/** Deliveries of a stream say by this where they stand in it. */
const DELIVERY = "$JS.ACK.";
const FAULTS = ["dropped", "doubled", "swapped"] as const;

export type WireFaults = Record<(typeof FAULTS)[number], number>;

/**
 * A proxy between a client and the broker that drops, doubles and swaps what streams deliver, each so often; everything else passes as it is. TCP would not do so; a broker
 * that resends after a change of leader, or a consumer that has lost its place, does.
 */
export class BadWire {
  readonly faults: WireFaults = { dropped: 0, doubled: 0, swapped: 0 };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #random = new Prng("drill/wire");
  #share = 0;

  private constructor(broker_port: number) {
    this.#server = createServer((client) => this.#join(client, createConnection({ host: "127.0.0.1", port: broker_port })));
  }

  static async open(broker_port: number): Promise<BadWire> {
    const wire = new BadWire(broker_port);
    wire.#server.listen(0, "127.0.0.1");
    await once(wire.#server, "listening");
    return wire;
  }

  get url(): string {
    const address = must(this.#server.address(), "a server that listens");
    return `nats://127.0.0.1:${typeof address === "string" ? address : address.port}`;
  }

  /** Of each kind of fault, the share of deliveries that have it from now on. */
  spoil(share: number): void {
    this.#share = share;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(client: Socket, broker: Socket): void {
    client.pipe(broker);
    const frames = new Frames();
    let held: Buffer | undefined;
    broker.on("data", (chunk) => {
      for (const frame of frames.of(chunk)) {
        const fault = isDelivery(frame) ? this.#draw() : undefined;
        if (fault !== undefined) this.faults[fault]++;
        if (fault === "dropped") continue;
        if (fault === "swapped" && held === undefined) {
          held = frame;
          continue;
        }
        client.write(frame);
        if (fault === "doubled") client.write(frame);
        if (held !== undefined) client.write(held);
        held = undefined;
      }
    });
    // What is still on its way to the client is not taken back.
    broker.once("close", () => client.end());
    client.once("close", () => broker.destroy());
    for (const socket of [client, broker]) {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      socket.on("error", () => socket.destroy());
    }
  }

  #draw(): (typeof FAULTS)[number] | undefined {
    return FAULTS[Math.floor(this.#random.uniform() / this.#share)];
  }
}

function isDelivery(frame: Buffer): boolean {
  const line = frame.subarray(0, frame.indexOf(CRLF)).toString("latin1");
  return /^H?MSG /.test(line) && line.includes(DELIVERY);
}

/** What the broker writes, cut into whole protocol frames. */
class Frames {
  #rest = Buffer.alloc(0);

  *of(chunk: Buffer): Generator<Buffer> {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const line_end = this.#rest.indexOf(CRLF);
      if (line_end < 0) return;
      const line = this.#rest.subarray(0, line_end).toString("latin1");
      const head_bytes = line_end + CRLF.length;
      // The last word of a message's first line is the size of what follows.
      const bytes = /^H?MSG /.test(line) ? head_bytes + Number(line.slice(line.lastIndexOf(" "))) + CRLF.length : head_bytes;
      if (this.#rest.length < bytes) return;
      yield this.#rest.subarray(0, bytes);
      this.#rest = this.#rest.subarray(bytes);
    }
  }
}
