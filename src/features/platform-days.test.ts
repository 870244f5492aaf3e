import { describe, expect, test } from "vitest";
import type { Event } from "../contracts/events.ts";
import { DAY_MS, formatTime } from "../lib/time.ts";
import { mix32 } from "./distinct.ts";
import { EntityReader, entityFeatureNames } from "./entity-reader.ts";
import { FeatureWriter } from "./feature-writer.ts";
import { MemoryStore } from "./memory-store.ts";

const START_MS = Date.UTC(2026, 0, 1);
const dayKey = (day: number): string => formatTime(START_MS + day * DAY_MS).slice(0, 10);

class Platform {
  readonly #store = new MemoryStore();
  readonly #writer = new FeatureWriter(this.#store, { entities: ["course", "platform"] });
  readonly #reader = new EntityReader(this.#store);
  #sequence = 0;

  fold(day: number, body: Partial<Event>): void {
    const sequence = ++this.#sequence;
    const time_ms = START_MS + day * DAY_MS;
    // What is left out is put back here; the types of the rest are the caller's.
    const event = { id: `e${sequence}`, time: formatTime(time_ms), ...body } as Event;
    this.#writer.apply({ sequence, broker_time_ms: time_ms, event_time_ms: time_ms, known_at_ms: time_ms, event });
  }

  read(day: number, name: string): number | undefined {
    this.#writer.commit({ stream_created: "s", sequence: this.#sequence, message_hash: "" });
    return this.#reader.read("platform", dayKey(day), START_MS)?.values[entityFeatureNames.platform.indexOf(name)];
  }
}

describe("a day's features of several days", () => {
  test("follow what comes late for days that were read before", () => {
    const platform = new Platform();
    platform.fold(0, { type: "token.purchased", learner_id: "L1", amount: 100 });
    platform.fold(70, { type: "token.spent", learner_id: "L1", amount: 30 });
    expect([platform.read(0, "tokens_outstanding"), platform.read(70, "tokens_outstanding")]).toEqual([100, 70]);
    expect([platform.read(70, "churned"), platform.read(70, "churn_rate")]).toEqual([1, 1]);
    platform.fold(0, { type: "token.purchased", learner_id: "L2", amount: 5 });
    platform.fold(40, { type: "activity.session", learner_id: "L1" });
    expect([platform.read(0, "tokens_outstanding"), platform.read(70, "tokens_outstanding"), platform.read(70, "tokens_outstanding_change")]).toEqual([105, 75, -30]);
    expect([platform.read(70, "churned"), platform.read(70, "churn_rate")]).toEqual([1, 0.5]);
    expect(platform.read(69, "churned")).toBeUndefined();
  });

  test("begin and end with the days that they name", () => {
    const platform = new Platform();
    platform.fold(0, { type: "activity.session", learner_id: "L1" });
    for (const day of [6, 7, 29, 30, 59, 60, 89, 90]) platform.fold(day, { type: "token.spent", learner_id: "L1", amount: 1 });
    const read = (name: string): (number | undefined)[] => [6, 7, 29, 30, 59, 60, 89, 90].map((day) => platform.read(day, name));
    expect(read("actives_7d")).toEqual([1, 0, 0, 0, 0, 0, 0, 0]);
    expect(read("actives_30d")).toEqual([1, 1, 1, 0, 0, 0, 0, 0]);
    expect(read("churned")).toEqual([0, 0, 0, 0, 0, 1, 1, 0]);
  });

  test("tell churned learners within the stated share of those who were active", () => {
    const platforms = 6;
    let square = 0;
    for (let p = 0; p < platforms; p++) {
      const platform = new Platform();
      const learners = 6_000;
      const before = 0.2 + 0.1 * p;
      for (let i = 0; i < learners; i++) {
        const stays = mix32(p * 1_000_003 + i) / 2 ** 32 > before;
        const learner_id = `L${p}-${i}`;
        platform.fold(i % 30, { type: "activity.forum", learner_id });
        if (stays) platform.fold(30 + (i % 60), { type: "activity.forum", learner_id });
      }
      const gone = Array.from({ length: learners }, (_, i) => i).filter((i) => mix32(p * 1_000_003 + i) / 2 ** 32 <= before).length;
      square += ((platform.read(89, "churned")! - gone) / learners) ** 2 / platforms;
    }
    expect(Math.sqrt(square)).toBeLessThan(0.023);
  });
});
