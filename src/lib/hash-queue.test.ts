import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HashQueue } from "./hash-queue.ts";
import { HASH_BYTES, readHash } from "./hash128.ts";

/** Few first words, so that runs are long and wrap around the table's end; few others, so that hashes come again. */
const hash = fc.tuple(fc.constantFrom(0, 1, 63, 127, -1, -2), fc.nat(2), fc.nat(1), fc.nat(1)).map((words) => Int32Array.from(words));
const step = fc.oneof({ weight: 8, arbitrary: hash }, fc.integer({ min: 1, max: 12 }));

const universe = [0, 1, 63, 127, -1, -2].flatMap((a) => [0, 1, 2].flatMap((b) => [0, 1].flatMap((c) => [0, 1].map((d) => Int32Array.of(a, b, c, d)))));

function contents(queue: HashQueue): string[] {
  const bytes = new Uint8Array(HASH_BYTES);
  return Array.from({ length: queue.length }, (_, i) => {
    queue.write(queue.first + i, bytes, 0);
    const words = new Int32Array(4);
    readHash(bytes, 0, words);
    return words.join(" ");
  });
}

describe("HashQueue", () => {
  test("is a first-in first-out set, however it grows, wraps and shrinks", () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 3, 7, 64, 65, Number.POSITIVE_INFINITY), fc.nat(1000), fc.constantFrom(0, 3, 100), fc.array(step, { maxLength: 300, size: "max" }), (length_max, first, expected, steps) => {
        const queue = new HashQueue(length_max, first, expected);
        let model: string[] = [];
        let added = first;
        const wrong: string[] = [];
        for (const what of steps) {
          if (typeof what === "number") {
            const count = Math.min(what, model.length);
            queue.drop(count);
            model = model.slice(count);
          } else {
            if (queue.has(what) !== model.includes(what.join(" "))) wrong.push(what.join(" "));
            if (queue.has(what) || model.length === length_max) continue;
            queue.add(what);
            model.push(what.join(" "));
            added++;
          }
        }
        expect(queue.end).toBe(added);
        expect(contents(queue)).toEqual(model);
        wrong.push(...universe.map((one) => [one, one.join(" ")] as const).flatMap(([one, key]) => (queue.has(one) === model.includes(key) ? [] : [key])));
        expect(wrong).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  test("loads what it wrote", () => {
    fc.assert(
      fc.property(fc.uniqueArray(hash, { maxLength: 60, selector: (words) => words.join(" ") }), fc.nat(50), (hashes, first) => {
        const queue = new HashQueue(100, first);
        for (const one of hashes) queue.add(one);
        const bytes = new Uint8Array(hashes.length * HASH_BYTES);
        for (let i = 0; i < hashes.length; i++) queue.write(first + i, bytes, i * HASH_BYTES);
        const loaded = new HashQueue(100, first, hashes.length);
        loaded.load(bytes);
        expect(contents(loaded)).toEqual(hashes.map((words) => words.join(" ")));
      }),
    );
  });

  test("refuses what is not there, and more than it may hold", () => {
    const queue = new HashQueue(1);
    queue.add(Int32Array.of(1, 2, 3, 4));
    expect(() => queue.add(Int32Array.of(5, 6, 7, 8))).toThrow(/full/);
    expect(() => queue.drop(2)).toThrow(/fewer/);
    expect(() => queue.write(1, new Uint8Array(HASH_BYTES), 0)).toThrow(/no such/);
  });
});
