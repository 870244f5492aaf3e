import * as fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { deadLetterSubject, STREAM_EVENTS } from "../contracts/subjects.ts";
import type { Cursor } from "../features/store.ts";
import type { Clock } from "../lib/clock.ts";
import { TidemarkError } from "../lib/errors.ts";
import { hexHash } from "../lib/hash128.ts";
import { silentLogger } from "../lib/log.ts";
import type { LetterBroker } from "./dead-letters.ts";
import { StreamFold } from "./stream-fold.ts";
import { MemoryStream } from "./testing/memory-stream.ts";

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
};
const clock: Clock = { now_ms: () => 0, sleep: () => turns(1) };

interface Scenario {
  /** Whether each message is refused. */
  readonly refused: readonly boolean[];
  /** Turns of the event loop that commits and publications take, one after the other, again from the first. */
  readonly delays: readonly number[];
  /** Whether the broker is away for a publication, likewise. */
  readonly away: readonly boolean[];
  readonly batch_max: number;
  /** The run is stopped after so many turns. */
  readonly stop: number;
}

const scenarios: fc.Arbitrary<Scenario> = fc.record({
  refused: fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }),
  delays: fc.array(fc.nat(4), { minLength: 1, maxLength: 20 }),
  away: fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
  batch_max: fc.integer({ min: 1, max: 8 }),
  stop: fc.nat(60),
});

/** A store and a DLQ that outlive runs, and what must hold of them at every moment. */
class World {
  readonly #stream = new MemoryStream();
  readonly #scenario: Scenario;
  readonly letters = new Set<string>();
  /** Sequences that the store holds, in order of their fold. */
  readonly durable: number[] = [];
  readonly broken: string[] = [];
  #cursor: Cursor | undefined;
  #commits = 0;
  #asked = 0;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    for (let sequence = 1; sequence <= scenario.refused.length; sequence++) this.#stream.append({ subject: "events.x.y", sequence, time_ms: sequence, data: Uint8Array.of(sequence) });
  }

  async run({ steady }: { readonly steady: boolean }): Promise<void> {
    const { refused, delays, away, batch_max, stop } = this.#scenario;
    const last = refused.length;
    const ended = new AbortController();
    const delay = (): number => delays[this.#asked++ % delays.length]!;
    const publish = async (subject: string): Promise<{ sequence: number; duplicate: boolean }> => {
      await turns(delay());
      if (!steady && away[this.#asked % away.length]!) throw new TidemarkError("broker_unreachable", "away");
      if (this.letters.has(subject)) throw new TidemarkError("broker_refused", "maximum messages per subject exceeded");
      this.letters.add(subject);
      return { sequence: this.letters.size, duplicate: false };
    };
    const broker: LetterBroker = { publish, getMessage: () => Promise.resolve(undefined) };
    let folded: number[] = [];
    let in_flight = false;
    const fold = new StreamFold({
      broker,
      source: this.#stream,
      stream: STREAM_EVENTS,
      cursor: this.#cursor,
      batch_max,
      logger: silentLogger,
      clock,
      fold: ({ sequence }) => {
        folded.push(sequence);
        return refused[sequence - 1] === true ? { reason: "not_json", detail: "" } : undefined;
      },
      commit: async (cursor) => {
        this.#must(!in_flight, "one commit at a time");
        in_flight = true;
        this.#must(cursor.sequence === folded.at(-1), "the cursor stands on what was folded last");
        this.#must(cursor.message_hash === hexHash(Uint8Array.of(cursor.sequence)), "and knows its message");
        const missing = folded.filter((sequence) => refused[sequence - 1] === true && !this.letters.has(deadLetterSubject(STREAM_EVENTS, sequence)));
        this.#must(missing.length === 0, "dead letters are stored before the commit that passes them");
        const batch = folded;
        folded = [];
        await turns(delay());
        this.durable.push(...batch);
        this.#cursor = cursor;
        this.#commits++;
        in_flight = false;
      },
      onCommit: ({ sequence }) => {
        if (steady && sequence === last) ended.abort();
      },
    });
    if (!steady) void turns(stop).then(() => ended.abort());
    await fold.run(ended.signal);
    this.#must(!in_flight, "nothing is under way at the end");
  }

  #must(holds: boolean, what: string): void {
    if (!holds) this.broken.push(what);
  }

  get commits(): number {
    return this.#commits;
  }
}

describe("a fold of a stream", () => {
  test("commits what it folded once, in order, and passes no dead letter that is not stored, whatever takes how long and wherever it stops", async () => {
    let stopped_short = 0;
    let commits = 0;
    await fc.assert(
      fc.asyncProperty(scenarios, async (scenario) => {
        const world = new World(scenario);
        await world.run({ steady: false });
        if (world.durable.length < scenario.refused.length) stopped_short++;
        await world.run({ steady: true });
        expect(world.broken).toEqual([]);
        expect(world.durable).toEqual(scenario.refused.map((_, i) => i + 1));
        expect([...world.letters].sort()).toEqual(scenario.refused.flatMap((bad, i) => (bad ? [deadLetterSubject(STREAM_EVENTS, i + 1)] : [])).sort());
        commits += world.commits;
      }),
      { numRuns: 150, seed: 5 },
    );
    expect(stopped_short).toBeGreaterThan(10);
    expect(commits).toBeGreaterThan(150);
  });

  test("commits what comes alone at once, what follows after the spacing, a full batch and the end's at once", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const stream = new MemoryStream();
    const ended = new AbortController();
    const commits: number[] = [];
    const broker: LetterBroker = { publish: () => Promise.reject(new TidemarkError("broker_refused", "none")), getMessage: () => Promise.resolve(undefined) };
    const commit = (cursor: Cursor): Promise<void> => {
      commits.push(cursor.sequence);
      return Promise.resolve();
    };
    const fold = new StreamFold({ broker, source: stream, stream: STREAM_EVENTS, cursor: undefined, batch_max: 4, commit_spacing_ms: 200, logger: silentLogger, clock, fold: () => undefined, commit, onCommit: () => undefined });
    const running = fold.run(ended.signal);
    const append = async (...sequences: number[]): Promise<void> => {
      for (const sequence of sequences) stream.append({ subject: "events.x.y", sequence, time_ms: sequence, data: Uint8Array.of(sequence) });
      await turns(6);
    };
    try {
      await turns(4);
      await append(1);
      expect(commits).toEqual([1]);
      await append(2);
      await append(3);
      vi.advanceTimersByTime(199);
      await turns(4);
      expect(commits).toEqual([1]);
      vi.advanceTimersByTime(1);
      await turns(4);
      expect(commits).toEqual([1, 3]);
      await append(4, 5, 6, 7);
      expect(commits).toEqual([1, 3, 7]);
      await append(8);
      ended.abort();
      await running;
      expect(commits).toEqual([1, 3, 7, 8]);
    } finally {
      vi.useRealTimers();
    }
  });
});
