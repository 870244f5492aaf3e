import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AckSubjectReader } from "./ack-subject.ts";
import { checkPosition } from "./position.ts";
import { PullWindow } from "./pull-window.ts";
import { parseServerList } from "./server-list.ts";

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

describe("parseServerList", () => {
  it.each([
    ["nats://127.0.0.1:4333", { servers: ["127.0.0.1:4333"] }],
    ["localhost", { servers: ["localhost:4222"] }],
    ["nats://u:p%40@a:1,nats://b:2", { servers: ["a:1", "b:2"], user: "u", pass: "p@" }],
    ["tls://secret@a:1", { servers: ["a:1"], token: "secret", tls: {} }],
  ])("%s", (text, expected) => {
    expect(parseServerList(text)).toEqual(expected);
  });

  it.each([["http://a"], ["nats://"], [""], ["nats://a:b:c"]])("refuses %j without repeating it", (text) => {
    expect(() => parseServerList(text)).toThrow(expect.objectContaining({ code: "bad_broker_url" }));
  });
});
