import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { personalQuoteSubject, quotesErasedSubject } from "../contracts/subjects.ts";
import { DAY_MS, HOUR_MS } from "../lib/time.ts";
import { MemoryStore } from "./memory-store.ts";
import { ownerOf } from "./partition.ts";
import { PartitionedStore } from "./partitioned-store.ts";
import { QUOTE_KEPT_MS, QuoteWriter } from "./quote-writer.ts";

const START_MS = Date.UTC(2026, 0, 1);
const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

interface Message {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly time_ms: number;
}

const LOCK_MS = 3 * DAY_MS;
const EXPIRY_MS = DAY_MS;

function quote(number: number, learner_id: string, course_id: string, time_ms: number, price = 90): Message {
  const terms = { quote_id: `q_${number}`, learner_id, course_id, price, issued_ms: time_ms, expires_ms: time_ms + EXPIRY_MS, locked_ms: time_ms + LOCK_MS };
  // Fields in another order than the schema's, and more of them.
  const answer = { zeta: number, personal_features_used: number % 2 === 0, quote_id: terms.quote_id };
  return { subject: personalQuoteSubject(learner_id, course_id), data: encode({ kind: "personal", terms, answer, more: true }), time_ms };
}

const erased = (learner_id: string, time_ms: number): Message => ({ subject: quotesErasedSubject(learner_id), data: encode({ kind: "erased" }), time_ms });

function fold(messages: readonly Message[], batch: (i: number) => boolean): { store: MemoryStore; refused: number } {
  const store = new MemoryStore();
  let writer = new QuoteWriter(store);
  let refused = 0;
  for (const [i, { subject, data, time_ms }] of messages.entries()) {
    writer.apply(subject, data, i + 1, time_ms);
    if (!batch(i) && i + 1 < messages.length) continue;
    writer.commit({ stream_created: "s", sequence: i + 1, message_hash: "" });
    refused += writer.refused;
    // A restart after every other commit.
    writer = new QuoteWriter(store);
  }
  return { store, refused };
}

describe("the fold of quotes", () => {
  test("gives the quote in force with the bytes of its answer, and every quote by its id", () => {
    const { store } = fold([quote(1, "L1", "C1", START_MS), quote(2, "L1", "C2", START_MS + 1, 70), quote(3, "L1", "C1", START_MS + 2, 80)], () => true);
    expect(store.lock("L1", "C1")).toEqual({ quote_id: "q_3", sequence: 3, price: 80, issued_ms: START_MS + 2, expires_ms: START_MS + 2 + EXPIRY_MS, locked_ms: START_MS + 2 + LOCK_MS, personal: false, answer: '{"zeta":3,"personal_features_used":false,"quote_id":"q_3"}' });
    expect(store.quote("q_1")).toMatchObject({ quote_id: "q_1", learner_id: "L1", course_id: "C1", price: 90, sequence: 1 });
    expect([store.lockSequence("L1", "C1"), store.lockSequence("L1", "C3")]).toEqual([3, undefined]);
    expect(store.lock("L1", "C3")).toBeUndefined();
    expect(store.quote("q_9")).toBeUndefined();
    expect(store.cursor("OFFERS")?.sequence).toBe(3);
    expect(store.cursor("EVENTS")).toBeUndefined();
  });

  test.each([1, 123, 128, 123_456_789_012, 2 ** 52])("reads back a lock at sequence %d", (sequence) => {
    const store = new MemoryStore();
    const writer = new QuoteWriter(store);
    const { subject, data, time_ms } = quote(1, "L1", "C1", START_MS);
    writer.apply(subject, data, sequence, time_ms);
    writer.commit({ stream_created: "s", sequence, message_hash: "" });
    expect(store.lock("L1", "C1")).toMatchObject({ quote_id: "q_1", sequence });
  });

  test("forgets the lock when it ends and the quote some time after, by the broker's time; the later quote of the same place stays", () => {
    const messages = [quote(1, "L1", "C1", START_MS), quote(2, "L2", "C1", START_MS), quote(3, "L1", "C1", START_MS + 2 * DAY_MS)];
    const after = (time_ms: number): MemoryStore => fold([...messages, quote(4, "L9", "C9", time_ms)], () => false).store;
    const locked = after(START_MS + LOCK_MS + 1);
    expect(locked.lock("L2", "C1")).toBeUndefined();
    expect(locked.quote("q_2")).toBeDefined();
    expect(locked.lock("L1", "C1")?.quote_id).toBe("q_3");
    const over = after(START_MS + LOCK_MS + QUOTE_KEPT_MS + 1);
    expect([over.quote("q_1"), over.quote("q_2"), over.quote("q_3")?.quote_id, over.lock("L1", "C1")]).toEqual([undefined, undefined, "q_3", undefined]);
    // Long after, nothing is left but the one that came last.
    const databases = [...after(START_MS + 100 * DAY_MS).dump()].filter(({ database }) => database.startsWith("offers.") && database !== "offers.meta").map(({ database }) => database);
    expect(databases).toEqual(["offers.due", "offers.due", "offers.learner", "offers.lock", "offers.quote"]);
  });

  test("an erasure leaves nothing of the learner, and what follows it counts", () => {
    const { store } = fold([quote(1, "L1", "C1", START_MS), quote(2, "L11", "C1", START_MS), quote(3, "L1", "C2", START_MS), erased("L1", START_MS + 1), quote(4, "L1", "C1", START_MS + 2)], (i) => i === 1);
    expect(store.quotesOf("L1")).toEqual(["q_4"]);
    expect([store.quote("q_1"), store.quote("q_3"), store.lock("L1", "C2")]).toEqual([undefined, undefined, undefined]);
    expect(store.lock("L1", "C1")?.quote_id).toBe("q_4");
    expect(store.lock("L11", "C1")?.quote_id).toBe("q_2");
    expect([...store.dump()].filter(({ key }) => key.includes("q_1") || key.includes("q_3"))).toEqual([]);
  });

  test("what is no quote, lies elsewhere than it says, or comes from the future is counted and changes nothing", () => {
    const good = quote(1, "L1", "C1", START_MS);
    const bad = [
      { ...good, data: new TextEncoder().encode("{") },
      { ...good, data: encode({ kind: "personal" }) },
      { ...good, data: encode(null) },
      { ...good, subject: personalQuoteSubject("L2", "C1") },
      { ...good, subject: `${personalQuoteSubject("L1", "C1")}.more` },
      { ...good, time_ms: START_MS - HOUR_MS },
    ];
    const { store, refused } = fold(bad, () => true);
    expect(refused).toBe(bad.length);
    expect([...store.dump()].filter(({ database }) => database !== "offers.meta")).toEqual([]);
  });

  test("stores the same bytes whatever the batches and restarts, and what partitions store together", () => {
    const step = fc.record({ learner: fc.integer({ min: 0, max: 4 }), course: fc.integer({ min: 0, max: 2 }), gap_ms: fc.oneof(fc.integer({ min: 0, max: HOUR_MS }), fc.integer({ min: 0, max: 20 * DAY_MS })), erase: fc.integer({ min: 0, max: 9 }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }), (steps, cuts) => {
        let time_ms = START_MS;
        const messages = steps.map(({ learner, course, gap_ms, erase }, i) => {
          time_ms += gap_ms;
          return erase === 0 ? erased(`L${learner}`, time_ms) : quote(i, `L${learner}`, `C${course}`, time_ms);
        });
        const one = fold(messages, () => true).store;
        expect([...fold(messages, (i) => cuts[i]!).store.dump()]).toEqual([...one.dump()]);
        const parts = [0, 1].map((index) => {
          const store = new MemoryStore();
          const writer = new QuoteWriter(store, { index, count: 2 });
          messages.forEach(({ subject, data, time_ms: at_ms }, i) => writer.apply(subject, data, i + 1, at_ms));
          writer.commit({ stream_created: "s", sequence: messages.length, message_hash: "" });
          return store;
        });
        const both = new PartitionedStore(parts);
        for (const [i, { learner, course }] of steps.entries()) {
          expect(both.lock(`L${learner}`, `C${course}`)).toEqual(one.lock(`L${learner}`, `C${course}`));
          expect(both.quote(`q_${i}`)).toEqual(one.quote(`q_${i}`));
          expect(parts[1 - ownerOf(`L${learner}`, 2)]!.quotesOf(`L${learner}`)).toEqual([]);
        }
        expect(both.cursor("OFFERS")).toEqual(one.cursor("OFFERS"));
      }),
      { numRuns: 150 },
    );
  });
});
