import { expect, test } from "vitest";
import type { LearnerMessage } from "../contracts/control.ts";
import { ControlWriter } from "../features/control-writer.ts";
import { TidemarkError } from "../lib/errors.ts";
import { silentLogger } from "../lib/log.ts";
import { ControlDesk } from "./control-desk.ts";
import { TestEngine } from "./testing.ts";

const message = (allowed: boolean): LearnerMessage => ({ type: "learner.personalisation", time: "2026-03-01T12:00:00Z", author: "local", reason: "asked", learner_id: "L1", allowed });

/** CONTROL with one fold behind it that takes a message when told to. */
function setUp() {
  const engine = new TestEngine();
  const writer = new ControlWriter(engine.store);
  const sequences = new Map<string, number>();
  let sequence = 0;
  let folding = true;
  const waiting: (() => void)[] = [];
  const publish = (subject: string, data: Uint8Array, options: { expected_last_subject_sequence?: number }) => {
    if (!engine.broker.connected) return Promise.reject(new TidemarkError("broker_unreachable", "away"));
    if (options.expected_last_subject_sequence !== (sequences.get(subject) ?? 0)) return Promise.reject(new TidemarkError("wrong_last_sequence", "no"));
    const at = ++sequence;
    sequences.set(subject, at);
    const fold = (): void => {
      writer.apply(subject, data, at);
      writer.commit({ stream_created: "c", sequence: at, message_hash: "" });
    };
    if (folding) setImmediate(fold);
    else waiting.push(fold);
    return Promise.resolve({ sequence: at, duplicate: false });
  };
  const desk = new ControlDesk({ broker: { publish }, features: engine.features, clock: engine.clock, logger: silentLogger });
  return { engine, desk, hold: () => (folding = false) };
}

test("who writes reads what they wrote as soon as they are answered", async () => {
  const { engine, desk } = setUp();
  const written = await desk.write("learner", "L1", message(false));
  expect(engine.store.control("learner", "L1")).toEqual(written);
  await desk.write("learner", "L1", message(true));
  expect(engine.store.controlHistory("learner", "L1").map((entry) => entry.message.allowed)).toEqual([false, true]);
});

test("of two changes that were decided on the same message one is refused", async () => {
  const { desk } = setUp();
  const results = await Promise.allSettled([desk.write("learner", "L1", message(false)), desk.write("learner", "L1", message(true))]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  await expect(desk.write("learner", "L1", message(true), 0)).rejects.toMatchObject({ code: "conflict" });
});

test("without a broker nothing is changed; a fold that does not follow is told of", async () => {
  const { engine, desk, hold } = setUp();
  engine.broker.connected = false;
  await expect(desk.write("learner", "L1", message(false))).rejects.toMatchObject({ code: "broker_unavailable" });
  engine.broker.connected = true;
  hold();
  const answer = desk.write("learner", "L1", message(false));
  // Time moves only when a test moves it.
  setTimeout(() => (engine.clock.time_ms += 60_000), 5);
  await expect(answer).rejects.toMatchObject({ code: "fold_behind" });
});
