import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Event } from "../contracts/events.ts";
import { formatTime } from "../lib/time.ts";
import { FeatureWriter } from "./feature-writer.ts";
import { MemoryStore } from "./memory-store.ts";
import { ownerOf } from "./partition.ts";
import { PartitionedStore } from "./partitioned-store.ts";
import type { Citation } from "./store.ts";

const START_MS = Date.UTC(2026, 0, 1);

interface Step {
  readonly learner: number;
  readonly quote: number;
  readonly enrollment: number;
  readonly kind: number;
}

function eventOf({ learner, quote, enrollment, kind }: Step, i: number): Event {
  const common = { id: `e${i}`, time: formatTime(START_MS + i * 1000), learner_id: `L${learner}` };
  if (kind === 0) return { ...common, type: "learner.erased" };
  const quote_id = kind === 1 ? undefined : kind === 2 ? `f00${quote}` : `q_${quote}`;
  return { ...common, type: "enrollment.created", enrollment_id: `E${enrollment}`, course_id: `C${quote % 2}`, price: 50 + i, ...(quote_id === undefined ? {} : { quote_id }) };
}

function fold(events: readonly Event[], cut: (i: number) => boolean, partition?: { index: number; count: number }): MemoryStore {
  const store = new MemoryStore();
  let writer = new FeatureWriter(store, { partition });
  for (const [i, event] of events.entries()) {
    const time_ms = START_MS + i * 1000;
    writer.apply({ sequence: i + 1, broker_time_ms: time_ms, event_time_ms: time_ms, known_at_ms: time_ms, event });
    if (!cut(i) && i + 1 < events.length) continue;
    writer.commit({ stream_created: "s", sequence: i + 1, message_hash: "" });
    writer = new FeatureWriter(store, { partition });
  }
  return store;
}

/** The definition, word for word: an enrollment counts once for ever, by its id. */
function oracle(events: readonly Event[]): Map<string, Citation> {
  const found = new Map<string, Citation>();
  const seen = new Set<string>();
  for (const [i, event] of events.entries()) {
    if (event.type === "learner.erased") for (const key of [...found.keys()].filter((own) => own.startsWith(`${event.learner_id}/`))) found.delete(key);
    if (event.type !== "enrollment.created" || seen.has(event.enrollment_id)) continue;
    seen.add(event.enrollment_id);
    const { quote_id, learner_id, course_id, enrollment_id, price } = event;
    if (quote_id === undefined || !quote_id.startsWith("q_")) continue;
    const key = `${learner_id}/${quote_id}`;
    const before = found.get(key);
    found.set(key, before === undefined ? { quote_id, learner_id, course_id, enrollment_id, price, sequence: i + 1, time_ms: START_MS + i * 1000, repeats: 0 } : { ...before, repeats: before.repeats + 1 });
  }
  return found;
}

test("the first enrollment that cites a quote is kept with how many followed, whatever the batches, restarts and partitions", () => {
  const step = fc.record({ learner: fc.integer({ min: 0, max: 3 }), quote: fc.integer({ min: 0, max: 3 }), enrollment: fc.integer({ min: 0, max: 25 }), kind: fc.integer({ min: 0, max: 9 }) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }), (steps, cuts) => {
      const events = steps.map(eventOf);
      const wanted = oracle(events);
      const store = fold(events, (i) => cuts[i]!);
      expect([...store.citationKeys()]).toEqual([...wanted.keys()].sort());
      for (const citation of wanted.values()) expect(store.citation(citation.learner_id, citation.quote_id)).toEqual(citation);
      expect([...fold(events, () => true).dump()]).toEqual([...store.dump()]);
      const parts = [0, 1].map((index) => fold(events, (i) => cuts[39 - i]!, { index, count: 2 }));
      const both = new PartitionedStore(parts);
      expect([...both.citationKeys()]).toEqual([...wanted.keys()].sort());
      for (const citation of wanted.values()) {
        expect(both.citation(citation.learner_id, citation.quote_id)).toEqual(citation);
        expect(parts[1 - ownerOf(citation.learner_id, 2)]!.citation(citation.learner_id, citation.quote_id)).toBeUndefined();
      }
    }),
    { numRuns: 100 },
  );
});
