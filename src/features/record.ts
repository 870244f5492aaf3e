import { assert } from "../lib/assert.ts";
import { SLOT_BYTES_MAX, decodeSlots, encodeSlots, readVarint, varintEnd, writeVarint } from "./sparse-slots.ts";

/** First byte of every record. */
export const RECORD_FORMAT = 1;

const HEADER_BYTES_MAX = 17;

/** What a record says of itself, besides its slots. */
export interface RecordHeader {
  /** EVENTS sequence of the last change. */
  sequence: number;
  /** Latest event time that was folded. */
  updated_at_ms: number;
}

/** Bytes that any record of this many slots fits in. */
export function recordBytesMax(width: number): number {
  return HEADER_BYTES_MAX + width * SLOT_BYTES_MAX;
}

/** Format, sequence, event time, slots; the number of bytes. Event times before 1970 count as 1970. */
export function encodeRecord(header: RecordHeader, slots: Float64Array, bytes: Uint8Array): number {
  bytes[0] = RECORD_FORMAT;
  let at = writeVarint(bytes, 1, header.sequence);
  at = writeVarint(bytes, at, header.updated_at_ms);
  return encodeSlots(slots, bytes, at);
}

/** The sequence alone. */
export function recordSequence(bytes: Uint8Array): number {
  assert(bytes[0] === RECORD_FORMAT, "record of another format");
  return readVarint(bytes, 1);
}

/** Fills header and slots from the first `bytes.length` bytes. */
export function decodeRecord(bytes: Uint8Array, header: RecordHeader, slots: Float64Array): void {
  assert(bytes[0] === RECORD_FORMAT, "record of another format");
  header.sequence = readVarint(bytes, 1);
  header.updated_at_ms = readVarint(bytes, varintEnd);
  decodeSlots(bytes, varintEnd, bytes.length, slots);
}
