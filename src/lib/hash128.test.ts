import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HASH_BYTES, HASH_WORDS, hashBytes, hashText, hexHash, readHash, writeHash } from "./hash128.ts";

const IDS = 200_000;

function text(value: string): Int32Array {
  const hash = new Int32Array(HASH_WORDS);
  hashText(value, hash);
  return hash;
}

function bytes(value: Uint8Array, seed = 0): Uint8Array {
  const hash = new Int32Array(HASH_WORDS);
  hashBytes(value, hash, seed);
  const out = new Uint8Array(HASH_BYTES);
  writeHash(hash, out, 0);
  return out;
}

describe("hash128", () => {
  test("is MurmurHash3_x86_128: SMHasher's verification over keys of every length", () => {
    const key = Uint8Array.from({ length: 256 }, (_, i) => i);
    const hashes = new Uint8Array(256 * HASH_BYTES);
    for (let i = 0; i < 256; i++) hashes.set(bytes(key.subarray(0, i), 256 - i), i * HASH_BYTES);
    expect(new DataView(bytes(hashes).buffer).getUint32(0, true)).toBe(0xb3ece62a);
  });

  test("of a text is that of its UTF-16 units, whatever was hashed before", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 160 }), fc.string({ maxLength: 160 }), (value, before) => {
        text(before);
        const out = new Uint8Array(HASH_BYTES);
        writeHash(text(value), out, 0);
        expect(out).toEqual(bytes(Buffer.from(value, "utf16le")));
      }),
      { numRuns: 50 },
    );
  });

  test("is written and read back, and printed as hexadecimal digits", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(5), (value, at) => {
        const out = new Uint8Array(at + HASH_BYTES);
        out.set(bytes(value), at);
        const hash = new Int32Array(HASH_WORDS);
        readHash(out, at, hash);
        expect([...hash].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("")).toBe(hexHash(value));
        expect(hexHash(value)).toMatch(/^[0-9a-f]{32}$/);
      }),
    );
  });

  // Ids as producers make them: counters behind a prefix, which differ in few bits.
  test.each([
    ["counters", (i: number) => `h${String(i).padStart(9, "0")}`],
    ["short counters", (i: number) => String(i)],
    ["counters in front of a long tail", (i: number) => `${i}-0191b7a0-7c1e-7000-8000-000000000000`],
  ])("spreads %s evenly, each word by itself", (_name, id) => {
    const buckets = Array.from({ length: 2 * HASH_WORDS }, () => new Float64Array(1024));
    const seen = new Set<number>();
    for (let i = 0; i < IDS; i++) {
      const hash = text(id(i));
      // 53 bits of the 128.
      seen.add((hash[0]! >>> 0) * 2 ** 21 + (hash[1]! >>> 11));
      for (let word = 0; word < HASH_WORDS; word++) {
        buckets[2 * word]![hash[word]! & 1023]!++;
        buckets[2 * word + 1]![hash[word]! >>> 22]!++;
      }
    }
    expect(seen.size).toBe(IDS);
    for (const counts of buckets) {
      const chi_square = counts.reduce((sum, count) => sum + (count - IDS / 1024) ** 2 / (IDS / 1024), 0);
      // 1023 degrees of freedom: mean 1023, standard deviation 45; six of them either way.
      expect(Math.abs(chi_square - 1023)).toBeLessThan(6 * 45);
    }
  });

  test("changes half of its bits with any one bit of the input", () => {
    const base = Uint8Array.from({ length: 23 }, (_, i) => i * 37);
    const reference = bytes(base);
    for (let bit = 0; bit < base.length * 8; bit++) {
      const changed = Uint8Array.from(base);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const differing = bytes(changed).reduce((sum, byte, i) => sum + (byte ^ reference[i]!).toString(2).replaceAll("0", "").length, 0);
      expect(differing).toBeGreaterThan(30);
      expect(differing).toBeLessThan(98);
    }
  });
});
