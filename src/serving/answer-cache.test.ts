import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AnswerCache } from "./answer-cache.ts";

describe("AnswerCache", () => {
  test("never exceeds its limit, never answers with another key's value, and counts what left", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 20 }))), (limit, operations) => {
        const cache = new AnswerCache<number>(limit);
        const written = new Map<string, number>();
        let added = 0;
        for (const [i, [write, key]] of operations.entries()) {
          const name = `k${key}`;
          const held = cache.get(name);
          expect([undefined, written.get(name)]).toContain(held);
          if (!write) continue;
          if (held === undefined) added++;
          cache.set(name, i);
          written.set(name, i);
          expect(cache.get(name)).toBe(i);
          expect(cache.size).toBeLessThanOrEqual(limit);
        }
        expect(cache.evicted).toBe(added - cache.size);
      }),
    );
  });

  test("what is read survives what is not", () => {
    const cache = new AnswerCache<number>(100);
    cache.set("hot", 1);
    for (let i = 0; i < 10_000; i++) {
      cache.set(`cold${i}`, i);
      expect(cache.get("hot")).toBe(1);
    }
  });
});
