import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TidemarkError } from "../lib/errors.ts";
import { hexHash } from "../lib/hash128.ts";
import { AckSubjectReader } from "./ack-subject.ts";
import type { ConsumeOptions, StreamState } from "./broker-message.ts";
import { ConnectionStatus } from "./connection-status.ts";
import { OrderedConsumption } from "./ordered-consumption.ts";
import { PayloadCopy } from "./payload-copy.ts";
import { checkMessage, checkPosition } from "./position.ts";
import { PullWindow } from "./pull-window.ts";
import { parseServerList } from "./server-list.ts";
import type { ConsumerApi, Wire } from "./wire.ts";

describe("AckSubjectReader", () => {
  const number = fc.integer({ min: 0, max: 2 ** 40 });

  it("reads both layouts of the reply subject", () => {
    fc.assert(
      fc.property(fc.boolean(), fc.array(fc.tuple(number, number, number, fc.integer({ min: 10 ** 12, max: 9 * 10 ** 12 })), { minLength: 1 }), (long, rows) => {
        const reader = new AckSubjectReader();
        for (const [sequence, delivery, pending, time_ms] of rows) {
          const numbers = `1.${sequence}.${delivery}.${time_ms}123456.${pending}`;
          expect(reader.read(long ? `$JS.ACK._.hash.EVENTS.Name.${numbers}.rnd` : `$JS.ACK.EVENTS.Name.${numbers}`)).toBe(true);
          expect({ ...reader }).toEqual({ sequence, delivery, time_ms, pending });
        }
      }),
    );
  });

  it.each([[""], ["_INBOX.a.b"], ["$JS.ACK.EVENTS.Name"], ["$JS.API.x"]])("is not taken in by %j", (subject) => {
    expect(new AckSubjectReader().read(subject)).toBe(false);
  });
});

describe("PullWindow", () => {
  const open = (batch: number, paused = false) => {
    const sent: number[] = [];
    const window = new PullWindow(batch, paused, (pull) => sent.push(pull));
    window.fill();
    return { window, sent };
  };

  it("keeps two requests open and renews each when it is used up", () => {
    const { window, sent } = open(3);
    expect(sent).toEqual([1, 2]);
    for (let i = 0; i < 6; i++) window.delivered();
    expect(sent).toEqual([1, 2, 3, 4]);
  });

  it("replaces a request that ended early and starts counting its successor at zero", () => {
    const { window, sent } = open(3);
    window.delivered();
    window.ended(1);
    expect(sent).toEqual([1, 2, 3]);
    window.delivered();
    window.delivered();
    expect(sent).toEqual([1, 2, 3]);
    window.delivered();
    expect(sent).toEqual([1, 2, 3, 4]);
  });

  it("leaves the count alone when a later request, or an unknown one, ends", () => {
    const { window, sent } = open(2);
    window.delivered();
    window.ended(2);
    window.ended(99);
    window.delivered();
    expect(sent).toEqual([1, 2, 3, 4]);
  });

  it("asks for nothing while paused", () => {
    const { window, sent } = open(1, true);
    expect(sent).toEqual([]);
    expect(window.expecting).toBe(false);
    window.resume();
    window.pause();
    window.delivered();
    window.delivered();
    expect(sent).toEqual([1, 2]);
    window.resume();
    expect(sent).toEqual([1, 2, 3, 4]);
  });
});

describe("checkPosition", () => {
  const state = { created: "A", first_sequence: 10, last_sequence: 20, messages: 11, bytes: 1 };
  const check = (stream_created: string, sequence: number) => () => checkPosition("EVENTS", { stream_created, sequence }, state);

  it("accepts exactly what the stream continues", () => {
    for (const sequence of [9, 10, 20]) expect(check("A", sequence)).not.toThrow();
  });

  it.each([
    ["stream_recreated", "B", 15],
    ["cursor_ahead", "A", 21],
    ["gap_below_first", "A", 8],
  ])("%s", (code, created, sequence) => {
    expect(check(created, sequence)).toThrow(expect.objectContaining({ code, message: expect.stringContaining("delete its directory") }));
  });

  it("accepts an empty stream at its beginning", () => {
    expect(() => checkPosition("EVENTS", { stream_created: "A", sequence: 0 }, { created: "A", first_sequence: 0, last_sequence: 0, messages: 0, bytes: 0 })).not.toThrow();
  });
});

describe("checkMessage", () => {
  const message = (...data: number[]) => ({ subject: "s", sequence: 7, time_ms: 1, data: Uint8Array.from(data) });

  it("accepts the very bytes that were folded and nothing else, an empty message among them", () => {
    for (const data of [[], [0], [1, 2, 3]]) {
      const hash = hexHash(Uint8Array.from(data));
      expect(() => checkMessage("EVENTS", hash, message(...data))).not.toThrow();
      expect(() => checkMessage("EVENTS", hash, message(...data, 0))).toThrow(expect.objectContaining({ code: "cursor_mismatch", message: expect.stringMatching(/sequence 7.*delete its directory/s) }));
    }
    expect(() => checkMessage("EVENTS", "", message())).toThrow(expect.objectContaining({ code: "cursor_mismatch" }));
  });
});

describe("PayloadCopy", () => {
  it("keeps the last bytes, whatever becomes of the buffer they came in", () => {
    const copy = new PayloadCopy();
    expect(copy.bytes).toHaveLength(0);
    for (const length of [10, 100_000, 3, 0, 4_096]) {
      const data = new Uint8Array(length).fill(length);
      copy.set(data);
      data.fill(1);
      expect(copy.bytes).toEqual(new Uint8Array(length).fill(length));
    }
  });
});

describe("parseServerList", () => {
  it.each([
    ["nats://127.0.0.1:4333", { servers: ["127.0.0.1:4333"] }],
    ["localhost", { servers: ["localhost:4222"] }],
    ["nats://u:p%40@a:1,nats://b:2", { servers: ["a:1", "b:2"], user: "u", pass: "p@" }],
    ["tls://secret@a:1", { servers: ["a:1"], token: "secret", tls: {} }],
    ["nats://a:1,nats://b:2?creds=%2Fc&replicas=3", { servers: ["a:1", "b:2"], creds_file: "/c", replicas: 3 }],
  ])("%s", (text, expected) => {
    expect(parseServerList(text)).toEqual(expected);
  });

  it.each([["http://a"], ["nats://"], [""], ["nats://a:b:c"], ["nats://a?replicas=0"], ["nats://a?replicas=six"]])("refuses %j without repeating it", (text) => {
    expect(() => parseServerList(text)).toThrow(expect.objectContaining({ code: "bad_broker_url" }));
  });
});

describe("OrderedConsumption", () => {
  const state: StreamState = { created: "A", first_sequence: 10, last_sequence: 20, messages: 11, bytes: 1 };

  /** A connection whose consumers never deliver anything; what it asked for is recorded. */
  function open(options: ConsumeOptions, answer: () => Promise<StreamState | undefined> = () => Promise.resolve(state)) {
    const status = new ConnectionStatus();
    const opened: number[] = [];
    const link = { closed: false };
    const wire: Wire = {
      get connected() {
        return status.connected;
      },
      get closed() {
        return link.closed;
      },
      onStatus: (callback) => status.onChange(callback),
      inbox: () => "_INBOX.x",
      publish: () => undefined,
      subscribe: () => ({ unsubscribe: () => undefined }),
    };
    const api: ConsumerApi = {
      streamState: answer,
      create: (start_sequence) => {
        opened.push(start_sequence);
        return Promise.resolve({ next_subject: "next", remove: () => Promise.resolve() });
      },
    };
    return { consumption: new OrderedConsumption("EVENTS", wire, api, options, () => undefined), status, opened, link };
  }

  it("ends when the connection closes for good while it is down", async () => {
    const { consumption, status, link } = open({ start_sequence: 1 });
    await consumption.start();
    status.set(false);
    link.closed = true;
    status.close();
    expect(await consumption.closed).toMatchObject({ code: "broker_closed" });
  });

  it("begins at the first message there is, or exactly where it was told to", async () => {
    for (const [start_sequence, from] of [[1, 10], [12, 12], [21, 21]] as const) {
      const { consumption, opened } = open({ start_sequence });
      await consumption.start();
      await consumption.stop();
      expect(opened).toEqual([from]);
    }
  });

  it("of one subject goes on where the stream begins now: what it lost may have been of others", async () => {
    const { consumption, opened } = open({ start_sequence: 5, subject: "events.market.rare" });
    await consumption.start();
    await consumption.stop();
    expect(opened).toEqual([10]);
  });

  it.each([
    ["stream_recreated", { start_sequence: 1, stream_created: "B" }],
    ["gap_below_first", { start_sequence: 9, stream_created: "A" }],
    ["cursor_ahead", { start_sequence: 22, stream_created: "A" }],
  ])("%s: is refused at its first opening already, however late that is", async (code, options) => {
    let asked = 0;
    const away = new TidemarkError("broker_unreachable", "away");
    const { consumption, opened } = open(options, () => (asked++ === 0 ? Promise.reject(away) : Promise.resolve(state)));
    await expect(consumption.start()).rejects.toMatchObject({ code });
    expect(opened).toEqual([]);
  });
});
