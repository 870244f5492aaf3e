import { expect, test } from "vitest";
import { ControlWriter } from "./control-writer.ts";
import { MemoryStore } from "./memory-store.ts";
import { CONTROL_HISTORY_MAX } from "./store.ts";

const encode = (message: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(message));
const promotion = (family: string, version: string): object => ({ type: "model.promoted", time: "2026-01-01T00:00:00Z", author: "somebody", family, artifact: `${family}-${version}`, digest: "ab".repeat(32), version, reason: "better" });

test("the last promotion of a family is its champion; other messages are ignored", () => {
  const store = new MemoryStore();
  const writer = new ControlWriter(store);
  writer.apply("control.model.elasticity", encode(promotion("elasticity", "1")), 1);
  writer.apply("control.model.churn", encode(promotion("churn", "7")), 2);
  writer.apply("control.unheard.p1", encode({ anything: true }), 3);
  expect(store.champion("elasticity")).toBeUndefined();
  writer.commit({ stream_created: "s", sequence: 3, message_hash: "" });
  writer.apply("control.model.elasticity", encode(promotion("elasticity", "2")), 4);
  writer.commit({ stream_created: "s", sequence: 4, message_hash: "" });
  expect(store.champion("elasticity")).toEqual({ artifact: "elasticity-2", digest: "ab".repeat(32), version: "2", sequence: 4 });
  expect(store.champion("churn")?.version).toBe("7");
  expect(store.cursor("CONTROL")).toEqual({ stream_created: "s", sequence: 4, message_hash: "" });
  expect(store.cursor("EVENTS")).toBeUndefined();
  expect(writer.refused).toBe(0);
});

test("what a promotion says of its run and of pinning is kept, in bytes that do not depend on the order of its fields", () => {
  const more = { pinned: true, run_id: "r1", trained_at: "2026-01-01T00:00:00Z", training_seconds: { gam: 2 } };
  const [store, other] = [new MemoryStore(), new MemoryStore()];
  for (const [into, message] of [[store, { ...promotion("elasticity", "1"), ...more }], [other, { ...more, ...promotion("elasticity", "1") }]] as const) {
    const writer = new ControlWriter(into);
    writer.apply("control.model.elasticity", encode(message), 1);
    writer.commit({ stream_created: "s", sequence: 1, message_hash: "" });
  }
  expect(store.champion("elasticity")).toEqual({ artifact: "elasticity-1", digest: "ab".repeat(32), version: "1", sequence: 1, ...more });
  expect([...store.dump()]).toEqual([...other.dump()]);
});

test("a promotion that is malformed or on another family's subject changes nothing", () => {
  const store = new MemoryStore();
  const writer = new ControlWriter(store);
  writer.apply("control.model.elasticity", new TextEncoder().encode("{"), 1);
  writer.apply("control.model.elasticity", encode({ ...promotion("elasticity", "1"), digest: "short" }), 2);
  writer.apply("control.model.elasticity", encode(promotion("churn", "1")), 3);
  writer.commit({ stream_created: "s", sequence: 3, message_hash: "" });
  expect(writer.refused).toBe(3);
  expect(store.champion("elasticity")).toBeUndefined();
  expect(store.champion("churn")).toBeUndefined();
});

const opt = (learner_id: string, allowed: boolean): object => ({ type: "learner.personalisation", time: "2026-01-01T00:00:00Z", author: "local", reason: "asked", learner_id, allowed });

test("the messages of a subject are kept in order, the newest of them, whatever the batches", () => {
  const all = CONTROL_HISTORY_MAX + 7;
  const stores = [1, 64].map((batch) => {
    const store = new MemoryStore();
    let writer = new ControlWriter(store);
    for (let i = 1; i <= all; i++) {
      writer.apply("control.learner.L1", encode(opt("L1", i % 2 === 0)), i);
      if (i % batch !== 0 && i !== all) continue;
      writer.commit({ stream_created: "s", sequence: i, message_hash: "" });
      if (i % 3 === 0) writer = new ControlWriter(store);
    }
    return store;
  });
  const [store] = stores;
  expect([...stores[0]!.dump()]).toEqual([...stores[1]!.dump()]);
  expect(store!.controlCount("learner", "L1")).toBe(all);
  const history = store!.controlHistory("learner", "L1");
  expect(history.map(({ sequence }) => sequence)).toEqual(Array.from({ length: CONTROL_HISTORY_MAX }, (_, i) => i + 8));
  expect(history.every(({ sequence, message }) => message.allowed === (sequence % 2 === 0))).toBe(true);
  expect(store!.control("learner", "L1")).toEqual(history.at(-1));
  expect(store!.control("learner", "L2")).toBeUndefined();
});

test("ids that begin alike are kept apart and listed in order; kinds do not mix", () => {
  const store = new MemoryStore();
  const writer = new ControlWriter(store);
  for (const [i, id] of ["a", "a-b", "a0", "A", "a_"].entries()) writer.apply(`control.learner.${id}`, encode(opt(id, true)), i + 1);
  writer.apply("control.key.a", encode({ type: "key.revoked", time: "2026-01-01T00:00:00Z", author: "x", reason: "", key_id: "a" }), 6);
  writer.commit({ stream_created: "s", sequence: 6, message_hash: "" });
  expect(store.controlIds("learner")).toEqual(["A", "a", "a-b", "a0", "a_"]);
  expect(store.controlIds("key")).toEqual(["a"]);
  expect(store.controlIds("policy")).toEqual([]);
  expect(store.controlHistory("learner", "a").map(({ message }) => message.learner_id)).toEqual(["a"]);
});

test("what is no object with a type is refused; what only a later version understands is kept and passed over", () => {
  const store = new MemoryStore();
  const writer = new ControlWriter(store);
  writer.apply("control.learner.L1", new Uint8Array([0xff, 0xfe]), 1);
  writer.apply("control.learner.L1", encode([1]), 2);
  writer.apply("control.learner.L 1", encode(opt("L1", true)), 3);
  writer.apply("control.unheard.L1", encode(opt("L1", true)), 4);
  writer.apply("control.learner.L1", encode(opt("L1", true)), 5);
  writer.apply("control.learner.L1", encode({ type: "learner.renamed", to: "L2" }), 6);
  writer.commit({ stream_created: "s", sequence: 6, message_hash: "" });
  expect(writer.refused).toBe(3);
  expect(store.controlCount("learner", "L1")).toBe(2);
  expect(store.controlHistory("learner", "L1").map(({ sequence }) => sequence)).toEqual([5]);
  expect(store.control("learner", "L1")).toBeUndefined();
});
