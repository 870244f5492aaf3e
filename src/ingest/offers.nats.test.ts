import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { learnerBudgetSubject, personalQuoteSubject, quotesErasedSubject, STREAM_BUDGETS, STREAM_OFFERS } from "../contracts/subjects.ts";
import { MemoryStore } from "../features/memory-store.ts";
import { QuoteWriter } from "../features/quote-writer.ts";
import type { DumpEntry } from "../features/store.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { DAY_MS } from "../lib/time.ts";
import { runIngest } from "./ingest.ts";
import type { Broker } from "./nats.ts";
import { forgetQuoteMarks, forgetQuotes } from "./quote-erasure.ts";
import { startTestBroker, type TestBroker } from "./testing/test-broker.ts";

let rig: TestBroker;
let broker: Broker;

beforeAll(async () => {
  rig = await startTestBroker("quotes");
  broker = rig.broker;
});

afterAll(async () => {
  await rig.stop();
});

const offered = (store: MemoryStore): DumpEntry[] => [...store.dump()].filter(({ database }) => database.startsWith("offers.") && database !== "offers.meta");

async function quote(learner_id: string, course_id: string, number: number): Promise<void> {
  const now_ms = Date.now();
  const terms = { quote_id: `q_${number}`, learner_id, course_id, price: 10, issued_ms: now_ms, expires_ms: now_ms + DAY_MS, locked_ms: now_ms + 3 * DAY_MS };
  await broker.publish(personalQuoteSubject(learner_id, course_id), Buffer.from(JSON.stringify({ kind: "personal", terms, answer: { personal_features_used: true } })));
}

/** Folds until `holds`, beside what `meanwhile` does. */
async function fold(store: MemoryStore, holds: () => void, meanwhile: () => Promise<void> = () => Promise.resolve()): Promise<void> {
  const stop = new AbortController();
  const running = runIngest({ broker, store, logger: silentLogger, clock: systemClock, signal: stop.signal });
  await meanwhile();
  await vi.waitFor(holds, 10_000);
  stop.abort();
  await running;
}

test("an erasure leaves nothing of a learner's quotes in the stream and in any fold, one that was away included", { timeout: 60_000 }, async () => {
  const [live, away] = [new MemoryStore(), new MemoryStore()];
  await quote("L1", "C1", 1);
  await quote("L1", "C2", 2);
  await quote("L2", "C1", 3);
  await broker.publish(learnerBudgetSubject("L1", "p"), Buffer.from("{}"));
  await broker.publish(learnerBudgetSubject("L2", "p"), Buffer.from("{}"));
  await fold(away, () => expect(away.lock("L2", "C1")).toBeDefined());
  await fold(live, () => expect(live.quotesOf("L1")).toEqual([]), async () => {
    await vi.waitFor(() => expect(live.quotesOf("L1")).toEqual(["q_1", "q_2"]), 10_000);
    await forgetQuotes(broker, [{ learner_id: "L1", sequence: 1 }, { learner_id: "L1", sequence: 9 }]);
  });
  expect(away.quotesOf("L1")).toHaveLength(2);
  await fold(away, () => expect(away.quotesOf("L1")).toEqual([]));
  expect(offered(away)).toEqual(offered(live));
  expect(offered(live).some(({ key, value }) => key.includes("L1") || new TextDecoder().decode(value).includes("L1"))).toBe(false);
  expect((await broker.subjects(STREAM_OFFERS, "quotes.>")).toSorted()).toEqual([quotesErasedSubject("L1"), personalQuoteSubject("L2", "C1")]);
  expect(await broker.subjects(STREAM_BUDGETS, "budgets.>")).toEqual([learnerBudgetSubject("L2", "p")]);
  // The mark stays for who is not there yet, and then goes, too.
  expect(await forgetQuoteMarks(broker, systemClock, DAY_MS)).toBe(0);
  expect(await forgetQuoteMarks(broker, systemClock, 0)).toBe(1);
  expect(await broker.subjects(STREAM_OFFERS, "quotes.>")).toEqual([personalQuoteSubject("L2", "C1")]);
  const fresh = new MemoryStore();
  await fold(fresh, () => expect(fresh.lock("L2", "C1")).toBeDefined());
  expect(offered(fresh)).toEqual(offered(live));
});

test.each([
  ["stream_recreated", async () => ({ stream_created: "2020-01-01T00:00:00Z", sequence: 1, message_hash: "" })],
  ["cursor_ahead", async () => ({ stream_created: (await broker.streamInfo(STREAM_OFFERS))!.created, sequence: 1_000_000, message_hash: "" })],
  ["cursor_mismatch", async () => ({ stream_created: (await broker.streamInfo(STREAM_OFFERS))!.created, sequence: (await broker.streamInfo(STREAM_OFFERS))!.last_sequence, message_hash: "another" })],
])("a store that stands elsewhere in OFFERS than the stream says is refused: %s", { timeout: 30_000 }, async (code, cursor) => {
  await quote("L9", "C9", 9);
  const store = new MemoryStore();
  new QuoteWriter(store).commit(await cursor());
  await expect(runIngest({ broker, store, logger: silentLogger, clock: systemClock, signal: new AbortController().signal })).rejects.toMatchObject({ code });
});
