import { assert } from "./assert.ts";

assert(new Uint8Array(Float64Array.of(1).buffer)[7] === 0x3f, "doubles are stored little end first on every platform that Node.js runs on");

/** Doubles as base64 of their bytes, little end first: exact, and some twenty times faster than decimal digits. */
export function encodeDoubles(values: ArrayLike<number>): string {
  const doubles = values instanceof Float64Array ? values : Float64Array.from(values);
  return Buffer.from(doubles.buffer, doubles.byteOffset, doubles.byteLength).toString("base64");
}

/** What encodeDoubles wrote; undefined when the text is not whole doubles. */
export function decodeDoubles(text: string): Float64Array | undefined {
  const bytes = Buffer.from(text, "base64");
  if (bytes.byteLength % 8 !== 0 || bytes.toString("base64") !== text) return undefined;
  const doubles = new Float64Array(bytes.byteLength / 8);
  new Uint8Array(doubles.buffer).set(bytes);
  return doubles;
}
