import { afterAll, beforeAll, expect, it } from "vitest";
import type { DeadLetter } from "../contracts/dead-letter.ts";
import { deadLetterRetrySubject, deadLetterSubject, STREAM_DLQ, STREAM_EVENTS } from "../contracts/subjects.ts";
import { EntityReader, entityFeatureNames } from "../features/entity-reader.ts";
import { MemoryStore } from "../features/memory-store.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { formatTime } from "../lib/time.ts";
import { findDeadLetter, listDeadLetters, openDeadLetters, retryDeadLetter } from "./dead-letter-queue.ts";
import { runIngest } from "./ingest.ts";
import type { Broker } from "./nats.ts";
import { replayEvents } from "./replay-events.ts";
import { startTestBroker, type TestBroker } from "./testing/test-broker.ts";

let rig: TestBroker;
let broker: Broker;

beforeAll(async () => {
  rig = await startTestBroker("dlq");
  broker = rig.broker;
});

afterAll(async () => {
  await rig.stop();
});

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const view = (id: string): object => ({ id, type: "exposure.viewed", time: formatTime(Date.now()), course_id: "c1", learner_id: "l1", price: 5 });
const last = async (): Promise<number> => (await broker.streamInfo(STREAM_EVENTS))?.last_sequence ?? 0;

/** A letter of an earlier version, which did not know this type of event yet. */
async function storeLetter(sequence: number, data: Uint8Array): Promise<void> {
  const letter: DeadLetter = { stream: STREAM_EVENTS, sequence, subject: "events.exposure.c1", broker_time_ms: Date.now(), reason: "unknown_type", field: "type", detail: "type is new", payload_base64: Buffer.from(data).toString("base64") };
  await broker.publish(deadLetterSubject(STREAM_EVENTS, sequence), encode(letter));
}

const retry = async (sequence: number, force = false): Promise<unknown> => retryDeadLetter(broker, await findDeadLetter(broker, STREAM_EVENTS, sequence), systemClock, force);

async function ingestAll(store = new MemoryStore()): Promise<void> {
  const stop = new AbortController();
  const until = await last();
  await runIngest({
    broker,
    store,
    logger: silentLogger,
    clock: systemClock,
    signal: stop.signal,
    onProgress: ({ sequence }) => {
      if (sequence >= until) stop.abort();
    },
  });
}

async function countOf(id: string): Promise<number> {
  let count = 0;
  await replayEvents(broker, {}, ({ event }) => void (event.id === id && count++));
  return count;
}

it("lists what ingest refused, newest last, by stream and reason, with a limit", async () => {
  expect(await listDeadLetters(broker, { limit: 5 })).toEqual({ letters: [], matching: 0, unreadable: 0 });
  const sequences: number[] = [];
  for (let i = 0; i < 7; i++) sequences.push((await broker.publish("events.exposure.c1", i % 3 === 0 ? new Uint8Array([0xff, i]) : encode({ ...view(`p${i}`), price: -1 }))).sequence);
  await ingestAll();
  const { letters, matching } = await listDeadLetters(broker, { limit: 100 });
  expect(matching).toBe(7);
  expect(letters.map(({ letter }) => letter.sequence)).toEqual(sequences);
  expect(letters[0]).toMatchObject({ letter: { stream: STREAM_EVENTS, subject: "events.exposure.c1", reason: "not_json", payload_bytes: 2 }, retry: undefined });
  expect(letters[1]).toMatchObject({ letter: { reason: "invalid_field", field: "price" } });
  for (const limit of [1, 3, 6, 7]) expect((await listDeadLetters(broker, { limit })).letters.map(({ letter }) => letter.sequence)).toEqual(sequences.slice(-limit));
  expect((await listDeadLetters(broker, { limit: 2, reason: "not_json" })).letters.map(({ letter }) => letter.sequence)).toEqual([sequences[3], sequences[6]]);
  expect(await listDeadLetters(broker, { limit: 9, stream: "CONTROL" })).toMatchObject({ letters: [], matching: 0 });
  expect(await openDeadLetters(broker, STREAM_EVENTS)).toEqual(sequences);
});

it("publishes a letter again once, however often and however many at a time", async () => {
  const data = encode(view("fixed"));
  await storeLetter(70_001, data);
  const outcomes = await Promise.all([retry(70_001), retry(70_001), retry(70_001)]);
  const sequence = await last();
  expect(outcomes).toContainEqual({ outcome: "published", sequence });
  expect(outcomes.filter((outcome) => (outcome as { outcome: string }).outcome === "published_before").length).toBe(2);
  expect(await retry(70_001)).toEqual({ outcome: "published_before", sequence });
  expect(await last()).toBe(sequence);
  const again = await broker.getMessage(STREAM_EVENTS, { sequence });
  expect([again?.subject, Buffer.from(again?.data ?? []).equals(data)]).toEqual(["events.exposure.c1", true]);
  expect(await countOf("fixed")).toBe(1);
  // The letter is still there, and says what became of it.
  const stored = await findDeadLetter(broker, STREAM_EVENTS, 70_001);
  expect(stored).toMatchObject({ letter: { sequence: 70_001 }, retry: { sequence } });
  expect((await listDeadLetters(broker, { limit: 1 })).letters[0]).toMatchObject({ letter: { sequence: 70_001 }, retry: { sequence } });
  expect(await openDeadLetters(broker, STREAM_EVENTS)).not.toContain(70_001);
});

it("a message that an earlier version refused counts once, whether it is folded anew or as its retry", async () => {
  const data = encode({ ...view("understood"), learner_id: "l2" });
  const { sequence } = await broker.publish("events.exposure.c1", data);
  const early = new MemoryStore();
  await ingestAll(early);
  await storeLetter(sequence, data);
  expect(await retry(sequence)).toEqual({ outcome: "published", sequence: sequence + 1 });
  const anew = new MemoryStore();
  await ingestAll(anew);
  // The one that folded the message before, and goes on.
  await ingestAll(early);
  for (const store of [anew, early]) expect(new EntityReader(store).read("learner", "l2", Date.now())?.values[entityFeatureNames.learner.indexOf("exposures")]).toBe(1);
});

it("a retry that died before its mark is repeated without a second message", async () => {
  const data = encode(view("half"));
  await storeLetter(70_002, data);
  const { sequence } = await broker.publish("events.exposure.c1", data, { message_id: "dlq-EVENTS-70002" });
  expect(await retry(70_002)).toEqual({ outcome: "published_before", sequence });
  expect(await last()).toBe(sequence);
  expect((await findDeadLetter(broker, STREAM_EVENTS, 70_002)).retry?.sequence).toBe(sequence);
});

it("leaves what would be refused again, unless forced: then it is refused as a message of its own", async () => {
  const [poison] = await openDeadLetters(broker, STREAM_EVENTS);
  const before = await last();
  expect(await retry(poison ?? 0)).toMatchObject({ outcome: "refused_again", refusal: { reason: "not_json" } });
  expect(await last()).toBe(before);
  expect(await retry(poison ?? 0, true)).toEqual({ outcome: "published", sequence: before + 1 });
  await ingestAll();
  const open = await openDeadLetters(broker, STREAM_EVENTS);
  expect(open).not.toContain(poison);
  expect(open).toContain(before + 1);
});

it("publishes a corrected event in a letter's place, once, where it belongs; one that is still wrong stays", async () => {
  await storeLetter(70_003, encode({ ...view("wrong"), price: -1 }));
  const stored = (): ReturnType<typeof findDeadLetter> => findDeadLetter(broker, STREAM_EVENTS, 70_003);
  const before = await last();
  const still = await retryDeadLetter(broker, await stored(), systemClock, false, encode({ ...view("wrong"), price: "five" }));
  expect(still).toMatchObject({ outcome: "refused_again", refusal: { field: "price" } });
  const corrected = encode({ ...view("wrong"), course_id: "c2", price: 5 });
  expect(await retryDeadLetter(broker, await stored(), systemClock, false, corrected)).toEqual({ outcome: "published", sequence: before + 1 });
  expect(await retryDeadLetter(broker, await stored(), systemClock, false, corrected)).toMatchObject({ outcome: "published_before" });
  expect((await broker.getMessage(STREAM_EVENTS, { sequence: before + 1 }))?.subject).toBe("events.exposure.c2");
  expect(await countOf("wrong")).toBe(1);
});

it("says so when there is no such letter, or something else in its place", async () => {
  await expect(findDeadLetter(broker, STREAM_EVENTS, 999)).rejects.toMatchObject({ code: "unknown_dead_letter" });
  await broker.publish(deadLetterSubject(STREAM_EVENTS, 998), encode({ not: "a letter" }));
  await broker.publish(deadLetterRetrySubject(STREAM_EVENTS, 997), new Uint8Array([1]));
  await expect(findDeadLetter(broker, STREAM_EVENTS, 998)).rejects.toMatchObject({ code: "unreadable_dead_letter" });
  expect((await listDeadLetters(broker, { limit: 1 })).unreadable).toBe(2);
  expect(await openDeadLetters(broker, STREAM_EVENTS)).not.toContain(998);
  expect((await broker.streamInfo(STREAM_DLQ))?.messages).toBeGreaterThan(10);
});
