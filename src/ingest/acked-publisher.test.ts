import * as fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { TidemarkError } from "../lib/errors.ts";
import { AckedPublisher } from "./acked-publisher.ts";
import type { PublishTerms } from "./broker-message.ts";
import type { Wire, WireMessage } from "./wire.ts";

interface Sent {
  readonly subject: string;
  readonly reply: string;
  readonly terms: PublishTerms | undefined;
}

/** A connection that keeps what is sent, and answers when it is told to. */
function fakeWire() {
  const sent: Sent[] = [];
  const listeners: ((connected: boolean) => void)[] = [];
  let answered: (message: WireMessage) => void = () => undefined;
  const state = { connected: true };
  const wire: Wire = {
    get connected() {
      return state.connected;
    },
    closed: false,
    onStatus: (callback) => {
      listeners.push(callback);
      return () => undefined;
    },
    inbox: () => "_INBOX.x",
    publish: (subject, data, reply, terms) => {
      if (data.length > 100) throw new Error("MAX_PAYLOAD_EXCEEDED");
      sent.push({ subject, reply, terms });
    },
    subscribe: (subject, callback) => {
      expect(subject).toBe("_INBOX.x.*");
      answered = callback;
      return { unsubscribe: () => undefined };
    },
  };
  const say = (to: Sent, data: Uint8Array, headers?: WireMessage["headers"]): void => answered({ subject: to.reply, data, headers });
  const lose = (): void => {
    state.connected = false;
    for (const listener of listeners) listener(false);
  };
  return { wire, sent, say, answer: (to: Sent, answer: object): void => say(to, Buffer.from(JSON.stringify(answer))), lose };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const data = Buffer.from("{}");

afterEach(() => {
  vi.useRealTimers();
});

describe("AckedPublisher", () => {
  it("sends what one turn publishes at its end, in order, and gives each its own answer, whatever order they come in", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.integer({ min: 1, max: 1e9 }), fc.boolean()), { minLength: 1, maxLength: 20 }), fc.infiniteStream(fc.nat()), async (answers, order) => {
        const { wire, sent, answer } = fakeWire();
        const publisher = new AckedPublisher(wire);
        const acks = answers.map((_, i) => publisher.publish(`s.${i}`, data, { message_id: `m${i}`, expected_last_subject_sequence: i }));
        expect(sent).toEqual([]);
        await turn();
        expect(sent.map(({ subject, terms }) => ({ subject, terms }))).toEqual(answers.map((_, i) => ({ subject: `s.${i}`, terms: { message_id: `m${i}`, expected_last_subject_sequence: i } })));
        const waiting = [...sent.keys()];
        while (waiting.length > 0) {
          const [i] = waiting.splice((order.next().value as number) % waiting.length, 1) as [number];
          answer(sent[i]!, { stream: "S", seq: answers[i]![0], duplicate: answers[i]![1] });
        }
        expect(await Promise.all(acks)).toEqual(answers.map(([sequence, duplicate]) => ({ sequence, duplicate })));
      }),
      { numRuns: 50 },
    );
  });

  it("tells a refusal, a lost race and a broker that is busy apart", async () => {
    const { wire, sent, answer } = fakeWire();
    const publisher = new AckedPublisher(wire);
    const cases = [
      [{ code: 400, err_code: 10_071, description: "wrong last sequence: 7" }, "wrong_last_sequence"],
      [{ code: 400, err_code: 10_077, description: "maximum messages exceeded" }, "broker_refused"],
      [{ code: 503, err_code: 10_008, description: "temporarily unavailable" }, "broker_unreachable"],
    ] as const;
    const settled = Promise.allSettled(cases.map((_, i) => publisher.publish(`s.${i}`, data, {})));
    await turn();
    cases.forEach(([error], i) => answer(sent[i]!, { error }));
    expect((await settled).map((outcome) => (outcome as PromiseRejectedResult).reason)).toMatchObject(cases.map(([, code]) => ({ code })));
  });

  it("says of what nobody listens to, and of what finds no connection, that it is certainly not stored", async () => {
    const { wire, sent, say, lose } = fakeWire();
    const publisher = new AckedPublisher(wire);
    const unheard = publisher.publish("nobody.home", data, {});
    await turn();
    say(sent[0]!, new Uint8Array(0), { code: 503, description: "" });
    expect(await unheard).toBeUndefined();
    lose();
    expect(await publisher.publish("s", data, {})).toBeUndefined();
    expect(sent).toHaveLength(1);
  });

  it("says of what was under way when the connection was lost that nothing is known, and sends none of it later", async () => {
    const { wire, sent, answer, lose } = fakeWire();
    const publisher = new AckedPublisher(wire);
    const under_way = publisher.publish("s.1", data, {});
    await turn();
    const queued = publisher.publish("s.2", data, {});
    lose();
    await expect(under_way).rejects.toMatchObject({ code: "broker_unreachable" });
    await expect(queued).rejects.toMatchObject({ code: "broker_unreachable" });
    await turn();
    answer(sent[0]!, { seq: 1 });
    expect(sent).toHaveLength(1);
  });

  it("refuses what the client or the broker's permissions refuse, and nothing beside it", async () => {
    const { wire, sent, answer } = fakeWire();
    const publisher = new AckedPublisher(wire);
    const large = publisher.publish("s.large", new Uint8Array(101), {});
    const denied = publisher.publish("s.denied", data, {});
    const allowed = publisher.publish("s.allowed", data, {});
    const refused = large.catch((error: unknown) => error);
    await turn();
    expect(await refused).toMatchObject({ code: "broker_refused" });
    publisher.deny("s.denied", new TidemarkError("broker_forbidden", "no"));
    await expect(denied).rejects.toMatchObject({ code: "broker_forbidden" });
    answer(sent[1]!, { seq: 3 });
    expect(await allowed).toEqual({ sequence: 3, duplicate: false });
  });

  it("gives up on what is not answered within five seconds, and on that alone", async () => {
    vi.useFakeTimers({ toFake: ["setImmediate", "setInterval", "clearInterval", "performance"] });
    const { wire, sent, answer } = fakeWire();
    const publisher = new AckedPublisher(wire);
    const old = publisher.publish("s.old", data, {}).catch((error: unknown) => error);
    vi.advanceTimersByTime(3_000);
    const young = publisher.publish("s.young", data, {});
    vi.advanceTimersByTime(3_000);
    expect(await old).toMatchObject({ code: "broker_unreachable", message: expect.stringContaining("s.old") as string });
    answer(sent[1]!, { seq: 9 });
    expect(await young).toEqual({ sequence: 9, duplicate: false });
    vi.advanceTimersByTime(1_000);
    expect(vi.getTimerCount()).toBe(0);
  });
});
