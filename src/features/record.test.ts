import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decodeRecord, encodeRecord, recordBytesMax, recordSequence } from "./record.ts";

const number = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  fc.double(),
  fc.maxSafeInteger(),
  fc.integer({ min: -300, max: 300 }),
  fc.constantFrom(-0, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 53), 2 ** 31, 2 ** 31 - 1, 2 ** 32, 127, 128),
);
const whole = fc.maxSafeNat();

test("decoding gives back every bit of what was encoded", () => {
  fc.assert(
    fc.property(fc.array(number, { maxLength: 700 }), whole, whole, (values, sequence, updated_at_ms) => {
      const slots = Float64Array.from(values);
      const bytes = new Uint8Array(recordBytesMax(slots.length));
      const stored = bytes.subarray(0, encodeRecord({ sequence, updated_at_ms }, slots, bytes));
      const header = { sequence: 0, updated_at_ms: 0 };
      const decoded = new Float64Array(slots.length).fill(3);
      decodeRecord(stored, header, decoded);
      expect(header).toEqual({ sequence, updated_at_ms });
      expect(recordSequence(stored)).toBe(sequence);
      expect([...decoded.keys()].filter((i) => !Object.is(decoded[i], slots[i]))).toEqual([]);
    }),
  );
});

test("the longest encoding fits", () => {
  const slots = new Float64Array(540).fill(Number.MIN_SAFE_INTEGER);
  const bytes = new Uint8Array(recordBytesMax(slots.length));
  expect(encodeRecord({ sequence: Number.MAX_SAFE_INTEGER, updated_at_ms: Number.MAX_SAFE_INTEGER }, slots, bytes)).toBeLessThanOrEqual(bytes.length);
});

test("empty slots cost nothing", () => {
  const bytes = new Uint8Array(recordBytesMax(1_000));
  const empty = encodeRecord({ sequence: 1, updated_at_ms: 1 }, new Float64Array(0), bytes);
  expect(encodeRecord({ sequence: 1, updated_at_ms: 1 }, new Float64Array(1_000), bytes)).toBe(empty);
});

test("a record of another format is refused", () => {
  expect(() => decodeRecord(Uint8Array.of(9, 1, 1), { sequence: 0, updated_at_ms: 0 }, new Float64Array(1))).toThrow(/format/);
});
