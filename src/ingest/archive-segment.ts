import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { brotliCompress, brotliDecompress, constants } from "node:zlib";
import { z } from "zod";
import { readVarint, varintEnd, writeVarint } from "../features/sparse-slots.ts";
import { TidemarkError } from "../lib/errors.ts";
import type { BrokerMessage } from "./broker-message.ts";

// A segment file: magic, length of the header (4 bytes, low first), the header as JSON, the messages compressed, SHA-256 of header and
// messages as they were before compression: a newer zlib that compresses otherwise gives the same digest.

const MAGIC = Buffer.from("tidemark-events-1\n");
const LENGTH_BYTES = 4;
const DIGEST_BYTES = 32;
/** Enough for every header: its fields are numbers and two short names. */
export const HEADER_BYTES_MAX = 4096;
/** Quality 5: a tenth of the events' size at 60 MB a second. */
const QUALITY = 5;
/** The largest message of a segment that is read: far above what the stream takes, so that damaged bytes allocate nothing wild. */
const RAW_BYTES_MAX = 64 * 1024 * 1024;

const headerSchema = z.object({
  stream: z.string(),
  /** Creation time of the stream: its identity. */
  stream_created: z.string(),
  /** The range that it covers: what is missing in between, the stream did not have either. */
  first_sequence: z.int().positive(),
  last_sequence: z.int().positive(),
  messages: z.int().min(0),
  /** The broker's timestamps of the first and last message. */
  first_time_ms: z.number(),
  last_time_ms: z.number(),
  raw_bytes: z.int().min(0).max(RAW_BYTES_MAX),
  /** Messages that erase a learner who is still named. */
  erasures: z.int().min(0),
  /** Messages of learners who were forgotten: no longer what the stream had. */
  rewritten: z.int().min(0),
});
export type SegmentHeader = Readonly<z.infer<typeof headerSchema>>;

export interface Segment {
  readonly header: SegmentHeader;
  /** All messages, in the form that SegmentReader reads. */
  readonly raw: Uint8Array;
}

export interface ArchivedMessage extends BrokerMessage {
  /** Not what the stream had: it was of a learner who is forgotten. */
  readonly rewritten: boolean;
}

const REWRITTEN = 1;

/** Bytes that `writeMessage` may take. */
export function messageBytesMax(message: BrokerMessage): number {
  return 5 * 8 + 1 + 3 * message.subject.length + message.data.length;
}

/** Appends a message; the position after it. `previous` is the message before it, or the position before the first. */
export function writeMessage(bytes: Buffer, at: number, message: BrokerMessage, rewritten: boolean, previous: { readonly sequence: number; readonly time_ms: number }): number {
  const elapsed_ms = message.time_ms - previous.time_ms;
  at = writeVarint(bytes, at, message.sequence - previous.sequence);
  // The broker's clock may step back.
  at = writeVarint(bytes, at, elapsed_ms < 0 ? -2 * elapsed_ms - 1 : 2 * elapsed_ms);
  bytes[at++] = rewritten ? REWRITTEN : 0;
  at = writeVarint(bytes, at, Buffer.byteLength(message.subject));
  at += bytes.write(message.subject, at);
  at = writeVarint(bytes, at, message.data.length);
  bytes.set(message.data, at);
  return at + message.data.length;
}

/** Reads a segment's messages in order. Their data lies in the segment's bytes. */
export class SegmentReader {
  readonly header: SegmentHeader;
  readonly #raw: Buffer;
  #at = 0;
  #sequence = 0;
  #time_ms = 0;

  constructor({ header, raw }: Segment) {
    this.header = header;
    this.#raw = Buffer.from(raw.buffer, raw.byteOffset, raw.length);
  }

  next(): ArchivedMessage | undefined {
    const raw = this.#raw;
    if (this.#at >= raw.length) return undefined;
    this.#sequence += readVarint(raw, this.#at);
    const elapsed_ms = readVarint(raw, varintEnd);
    this.#time_ms += elapsed_ms % 2 === 0 ? elapsed_ms / 2 : -(elapsed_ms + 1) / 2;
    const rewritten = (raw[varintEnd]! & REWRITTEN) !== 0;
    const subject_bytes = readVarint(raw, varintEnd + 1);
    const data_at = varintEnd + subject_bytes;
    const subject = raw.toString("utf8", varintEnd, data_at);
    const data_bytes = readVarint(raw, data_at);
    const data = raw.subarray(varintEnd, varintEnd + data_bytes);
    this.#at = varintEnd + data_bytes;
    return { subject, sequence: this.#sequence, time_ms: this.#time_ms, data, rewritten };
  }
}

function digestOf(header: Uint8Array, raw: Uint8Array): Buffer {
  return createHash("sha256").update(header).update(raw).digest();
}

const compress = promisify(brotliCompress);
const decompress = promisify(brotliDecompress);

/** The bytes of a segment file. Equal segments give equal digests, whoever wrote them. */
export async function encodeSegment({ header, raw }: Segment): Promise<Buffer> {
  const head = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(head.length);
  const body = await compress(raw, { params: { [constants.BROTLI_PARAM_QUALITY]: QUALITY, [constants.BROTLI_PARAM_SIZE_HINT]: raw.length } });
  return Buffer.concat([MAGIC, length, head, body, digestOf(head, raw)]);
}

function damaged(path: string, detail: string): TidemarkError {
  return new TidemarkError("archive_damaged", `${path} is no whole archive segment: ${detail}. Restore it from a copy of the archive, or remove it: what it held is then missing`);
}

function headerBytes(bytes: Buffer, path: string): Buffer {
  const at = MAGIC.length + LENGTH_BYTES;
  if (bytes.length < at || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw damaged(path, "it does not begin like one");
  const length = bytes.readUInt32LE(MAGIC.length);
  if (length > HEADER_BYTES_MAX - at || bytes.length < at + length) throw damaged(path, "its header is cut off");
  return bytes.subarray(at, at + length);
}

/** The header alone, from a file's first HEADER_BYTES_MAX bytes. Throws TidemarkError `archive_damaged`. */
export function decodeHeader(bytes: Buffer, path: string): SegmentHeader {
  try {
    return headerSchema.parse(JSON.parse(headerBytes(bytes, path).toString()));
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    throw damaged(path, "its header cannot be read");
  }
}

/** A whole file, checked against its digest. Throws TidemarkError `archive_damaged`. */
export async function decodeSegment(bytes: Buffer, path: string): Promise<Segment> {
  const header = decodeHeader(bytes, path);
  const head = headerBytes(bytes, path);
  const body_at = MAGIC.length + LENGTH_BYTES + head.length;
  if (bytes.length < body_at + DIGEST_BYTES) throw damaged(path, "it is cut off");
  let raw: Buffer;
  try {
    raw = await decompress(bytes.subarray(body_at, bytes.length - DIGEST_BYTES), { maxOutputLength: RAW_BYTES_MAX });
  } catch {
    throw damaged(path, "its messages cannot be decompressed");
  }
  if (!digestOf(head, raw).equals(bytes.subarray(bytes.length - DIGEST_BYTES))) throw damaged(path, "its digest is another one");
  return { header, raw };
}
