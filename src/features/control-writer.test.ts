import { expect, test } from "vitest";
import { ControlWriter } from "./control-writer.ts";
import { MemoryStore } from "./memory-store.ts";

const encode = (message: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(message));
const promotion = (family: string, version: string): object => ({ type: "model.promoted", time: "2026-01-01T00:00:00Z", family, artifact: `${family}-${version}`, digest: "ab".repeat(32), version, reason: "better" });

test("the last promotion of a family is its champion; other messages are ignored", () => {
  const store = new MemoryStore();
  const writer = new ControlWriter(store);
  writer.apply("control.model.elasticity", encode(promotion("elasticity", "1")), 1);
  writer.apply("control.model.churn", encode(promotion("churn", "7")), 2);
  writer.apply("control.policy.p1", encode({ anything: true }), 3);
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
