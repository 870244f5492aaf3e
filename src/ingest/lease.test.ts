import * as fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import type { Clock } from "../lib/clock.ts";
import { TidemarkError } from "../lib/errors.ts";
import type { BrokerMessage, PublishAck, PublishOptions } from "./broker-message.ts";
import { Lease, LEASE_MS } from "./lease.ts";

class OneSubject {
  last: BrokerMessage | undefined;
  /** The next publication is stored, and its answer lost. */
  loses = false;

  getMessage(): Promise<BrokerMessage | undefined> {
    return Promise.resolve(this.last);
  }

  publish(subject: string, data: Uint8Array, { expected_last_subject_sequence }: PublishOptions = {}): Promise<PublishAck> {
    if ((this.last?.sequence ?? 0) !== expected_last_subject_sequence) return Promise.reject(new TidemarkError("wrong_last_sequence", subject));
    this.last = { subject, sequence: (this.last?.sequence ?? 0) + 1, time_ms: 0, data };
    if (!this.loses) return Promise.resolve({ sequence: this.last.sequence, duplicate: false });
    this.loses = false;
    return Promise.reject(new TidemarkError("broker_unreachable", "no answer"));
  }
}

/** A process's own clock, off by what it likes. */
class OwnClock implements Clock {
  readonly #off_ms: number;
  static time_ms = 0;

  constructor(off_ms: number) {
    this.#off_ms = off_ms;
  }

  now_ms(): number {
    return OwnClock.time_ms + this.#off_ms;
  }

  sleep(): Promise<void> {
    return Promise.resolve();
  }
}

let broker: OneSubject;
const lease = (holder: string, off_ms = 0): Lease => new Lease({ broker, clock: new OwnClock(off_ms), name: "test", holder });

beforeEach(() => {
  broker = new OneSubject();
  OwnClock.time_ms = 1_000_000;
});

describe("Lease", () => {
  test("is one process's until it says nothing for its whole time", async () => {
    const [a, b] = [lease("a"), lease("b", -3_600_000)];
    expect([await a.hold(), await b.hold()]).toEqual([true, false]);
    for (let i = 0; i < 20; i++) {
      OwnClock.time_ms += LEASE_MS / 2;
      expect([await a.hold(), await b.hold()]).toEqual([true, false]);
    }
    expect(a.term).toBe(1);
    OwnClock.time_ms += LEASE_MS - 1;
    expect([a.held, await b.hold()]).toEqual([false, false]);
    OwnClock.time_ms += 1;
    expect([await b.hold(), await a.hold()]).toEqual([true, false]);
    expect([a.held, b.held]).toEqual([false, true]);
  });

  test("that is released is another's at once; taken again it is another term", async () => {
    const [a, b] = [lease("a"), lease("b")];
    await a.hold();
    await a.release();
    expect([a.held, await b.hold(), b.held]).toEqual([false, true, true]);
    await b.release();
    expect([await a.hold(), a.term]).toEqual([true, 2]);
  });

  test("whose message was stored without an answer is found again", async () => {
    const a = lease("a");
    broker.loses = true;
    await expect(a.hold()).rejects.toThrow("no answer");
    expect(a.held).toBe(false);
    expect(await a.hold()).toBe(true);
    OwnClock.time_ms += LEASE_MS / 2;
    broker.loses = true;
    await expect(a.hold()).rejects.toThrow("no answer");
    await a.hold();
    expect(await a.hold()).toBe(true);
  });

  test("a new process of the same place waits like any other", async () => {
    await lease("before the kill").hold();
    const after = lease("after the kill");
    expect(await after.hold()).toBe(false);
    OwnClock.time_ms += LEASE_MS;
    expect(await after.hold()).toBe(true);
  });

  test("never two at a time, however clocks differ and whoever sleeps", async () => {
    const step = fc.record({ who: fc.nat(2), what: fc.constantFrom("hold", "hold", "hold", "release", "lose"), pass_ms: fc.nat(LEASE_MS) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.array(fc.integer({ min: -1e6, max: 1e6 }), { minLength: 3, maxLength: 3 }), async (steps, offsets) => {
        broker = new OneSubject();
        const all = offsets.map((off_ms, i) => lease(`p${i}`, off_ms));
        for (const { who, what, pass_ms } of steps) {
          OwnClock.time_ms += pass_ms;
          broker.loses = what === "lose";
          if (what === "release") await all[who]!.release();
          else await all[who]!.hold().catch(() => undefined);
          expect(all.filter(({ held }) => held).length).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 200 },
    );
  });
});
