/**
 * A record's slots as bytes. An empty slot (0) costs nothing. Every other slot is a varint of (gap << 2 | kind), gap =
 * empty slots before it, then its value: a varint for whole numbers, the magnitude for negative ones, else 8 bytes, the
 * double itself, little end first. Negative zero and NaN are doubles, so that decode∘encode is the identity.
 */
const WHOLE = 0;
const NEGATIVE = 1;
const DOUBLE = 2;

/** The most bytes that one slot can take: a 3-byte control and a 53-bit varint or a double. */
export const SLOT_BYTES_MAX = 11;

/** Of the buffer that was used last: one is used for very many records. Byte by byte a double takes five times as long. */
let viewed: ArrayBufferLike = new ArrayBuffer(0);
let view: DataView = new DataView(viewed);

function viewOf(bytes: Uint8Array): DataView {
  if (bytes.buffer !== viewed) {
    viewed = bytes.buffer;
    view = new DataView(viewed);
  }
  return view;
}

/** Writes a whole number of at most 53 bits; the position after it. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  while (value > 0x7fffffff) {
    bytes[at++] = (value % 128) | 128;
    value = Math.floor(value / 128);
  }
  while (value >= 128) {
    bytes[at++] = (value & 127) | 128;
    value >>>= 7;
  }
  bytes[at++] = value;
  return at;
}

/** Position after what readVarint read: a second result without an object. */
export let varintEnd = 0;

export function readVarint(bytes: Uint8Array, at: number): number {
  let byte = bytes[at++]!;
  let value = byte & 127;
  let place = 128;
  while (byte >= 128) {
    byte = bytes[at++]!;
    value += (byte & 127) * place;
    place *= 128;
  }
  varintEnd = at;
  return value;
}

/** Encodes all slots from `at` on; the position after them. */
export function encodeSlots(slots: Float64Array, bytes: Uint8Array, at: number): number {
  const doubles = viewOf(bytes);
  const start = bytes.byteOffset;
  let gap = 0;
  for (let i = 0; i < slots.length; i++) {
    const value = slots[i]!;
    if (value === 0 && !Object.is(value, -0)) {
      gap++;
      continue;
    }
    const small = value | 0;
    if (small === value && small > 0 && small < 128 && gap < 32) {
      // Most of what there is: two bytes, as the general case below would write them.
      bytes[at] = gap << 2;
      bytes[at + 1] = small;
      at += 2;
    } else if (Number.isSafeInteger(value) && value !== 0) {
      at = writeVarint(bytes, at, (gap << 2) | (value < 0 ? NEGATIVE : WHOLE));
      at = writeVarint(bytes, at, Math.abs(value));
    } else {
      at = writeVarint(bytes, at, (gap << 2) | DOUBLE);
      doubles.setFloat64(start + at, value, true);
      at += 8;
    }
    gap = 0;
  }
  return at;
}

/** Overwrites `slots` with what bytes [at, end) hold. */
export function decodeSlots(bytes: Uint8Array, at: number, end: number, slots: Float64Array): void {
  slots.fill(0);
  const doubles = viewOf(bytes);
  const start = bytes.byteOffset;
  let slot = 0;
  while (at < end) {
    let control = bytes[at++]!;
    if (control >= 128) {
      control = readVarint(bytes, at - 1);
      at = varintEnd;
    }
    slot += control >>> 2;
    const kind = control & 3;
    if (kind === DOUBLE) {
      slots[slot++] = doubles.getFloat64(start + at, true);
      at += 8;
      continue;
    }
    let value = bytes[at++]!;
    if (value >= 128) {
      value = readVarint(bytes, at - 1);
      at = varintEnd;
    }
    slots[slot++] = kind === WHOLE ? value : -value;
  }
}
