import * as fc from "fast-check";
import { expect, it } from "vitest";
import { type EventType, eventSchemas, eventTypes } from "../contracts/events.ts";
import { FeatureWriter } from "../features/feature-writer.ts";
import { MemoryStore } from "../features/memory-store.ts";
import { decodeEvent, isRefusal } from "./decode.ts";
import { BROKER_TIME_MS, sentMessage } from "./testing/schema-values.ts";

it("folds, knows already or refuses every message, whatever is in any field of any type", { timeout: 60_000 }, () => {
  const folded = new Set<string>();
  const refused = new Set<string>();
  let late = 0;
  fc.assert(
    fc.property(fc.array(sentMessage, { minLength: 1, maxLength: 60 }), (messages) => {
      const store = new MemoryStore();
      const writer = new FeatureWriter(store);
      let letters = 0;
      messages.forEach(({ subject, data }, i) => {
        const decoded = decodeEvent({ subject, data, sequence: i + 1, time_ms: BROKER_TIME_MS });
        if (isRefusal(decoded)) {
          letters++;
          if (decoded.reason === "invalid_field") refused.add(`${typeOf(data)}.${decoded.field?.split(".")[0]}`);
        } else {
          if (writer.apply(decoded)) folded.add(decoded.event.type);
        }
        if (i % 7 === 0) writer.commit({ stream_created: "s", sequence: i + 1, message_hash: "" });
      });
      writer.commit({ stream_created: "s", sequence: messages.length, message_hash: "" });
      const { events, duplicates } = writer.counters;
      expect(events + duplicates + letters).toBe(messages.length);
      // What is too late is left out of single states of an event that is folded, and each time listed.
      const listed = [...store.lateCounts()].reduce((sum, [, count]) => sum + count, 0);
      expect(listed).toBe(writer.counters.late);
      expect(store.lateUpdates()).toHaveLength(listed);
      late += listed;
      for (const { value } of store.dump()) expect(value.length).toBeLessThan(32_768);
    }),
    { numRuns: 400, seed: 7 },
  );
  // The generator reaches everything: each type is folded at times, and each of its fields refused at times.
  expect([...folded].sort()).toEqual([...eventTypes].sort());
  expect(eventTypes.flatMap((type) => Object.keys(eventSchemas[type].shape).filter((name) => name !== "type" && !refused.has(`${type}.${name}`)).map((name) => `${type}.${name}`))).toEqual([]);
  expect(late).toBeGreaterThan(0);
});

function typeOf(data: Uint8Array): EventType | undefined {
  return (JSON.parse(new TextDecoder().decode(data)) as { type?: EventType }).type;
}
