import { defaultDeduplication } from "../features/deduplication.ts";
import type { Clock } from "../lib/clock.ts";
import { TidemarkError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { ArchivedSegment, ArchiveIndex, ForgottenSpan } from "./archive-index.ts";
import type { ArchivedMessage, Segment } from "./archive-segment.ts";
import type { BrokerMessage } from "./broker-message.ts";
import { decodeEvent, isRefusal } from "./decode.ts";
import { type Compaction, CompactionConflict, type EventArchive } from "./event-archive.ts";
import { emptied, erasureOf, mentions, pseudonymOf, type RandomBytes, renamed } from "./learner-erasure.ts";
import type { ForgottenLearner } from "./learner-traces.ts";
import { SegmentBuilder } from "./segment-builder.ts";

/** Messages between two turns of the event loop. */
const TURN_MESSAGES = 512;
/** An erasure that repeats an earlier one's id within so many messages is folded as a duplicate: it erases nothing. */
const DUPLICATE_MESSAGES = defaultDeduplication.blocks * defaultDeduplication.block_ids;

export interface CompactionOptions {
  readonly archive: EventArchive;
  readonly stream_created: string;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly logger: Logger;
  /** How long after a learner's erasure, by the broker's clock, their events are kept as they were. */
  readonly delay_ms: number;
  /**
   * Told who is forgotten before the archive forgets their names: whoever holds more of them forgets it first, and again should this die before its end.
   */
  readonly onForget?: (learners: readonly ForgottenLearner[]) => Promise<void>;
  readonly signal?: AbortSignal;
}

export interface CompactionResult {
  /** Erasures that were carried out now. */
  readonly forgotten: number;
  readonly segments: number;
  readonly messages: number;
  /** Erasures that wait for their day. */
  readonly waiting: number;
}

interface Erasure {
  readonly learner_id: string;
  readonly sequence: number;
  pseudonym: string;
  /** The first message that names the learner, and the last that is renamed: a repetition of the erasure may follow it. */
  first_sequence: number;
}

interface Found {
  readonly due: ReadonlyMap<string, readonly Erasure[]>;
  /** Repetitions of an erasure that the fold passes over: by sequence, the learner's pseudonym is that of the original. */
  readonly repeated: ReadonlyMap<number, Erasure>;
  readonly last_sequence: number;
  readonly waiting: number;
}

/**
 * Forgets erased learners: in the archive, whatever they did up to their erasure is from now on somebody's of whom nobody knows who it
 * was. Every message keeps its sequence, and a fold of the archive gives what it gave before. Throws what the archive throws, and
 * TidemarkError `interrupted`; until the end, nothing has changed.
 */
export async function compactArchive(options: CompactionOptions): Promise<CompactionResult> {
  const { archive, stream_created, clock, logger } = options;
  await archive.sweep(stream_created, clock.now_ms());
  const before = await archive.compaction(stream_created);
  const index = await archive.index(stream_created);
  const found = await findErasures(options, index);
  if (found.due.size === 0) return { forgotten: 0, segments: 0, messages: 0, waiting: found.waiting };
  const replaced = { ...before.replaced };
  const written: string[] = [];
  let messages = 0;
  try {
    for (const segment of index.segments) {
      if (segment.header.first_sequence > found.last_sequence) break;
      const rewritten = await rewrite(options, segment, found);
      if (rewritten === undefined) continue;
      const file = await archive.addReplacement(rewritten);
      written.push(file);
      replaced[segment.name] = { file, purged: false };
      messages += rewritten.header.rewritten - segment.header.rewritten;
    }
    const erasures = [...found.due.values()].flat();
    await options.onForget?.(erasures);
    const compaction: Compaction = { generation: before.generation + 1, replaced, spans: [...before.spans, ...erasures.map(spanOf)] };
    await archive.commitCompaction(stream_created, compaction);
    await archive.sweep(stream_created, clock.now_ms());
    for (const [name, { file }] of Object.entries(before.replaced)) if (replaced[name]?.file !== file) await archive.remove(stream_created, file);
    logger.info({ learners: erasures.length, segments: written.length, messages }, "learners were forgotten in the archive");
    return { forgotten: erasures.length, segments: written.length, messages, waiting: found.waiting };
  } catch (error) {
    for (const file of written) await archive.remove(stream_created, file);
    if (error instanceof CompactionConflict) throw new TidemarkError("archive_busy", "another process compacted the archive at the same time: this one has changed nothing", { cause: error });
    throw error;
  }
}

function spanOf({ first_sequence, sequence }: Erasure): ForgottenSpan {
  return { first_sequence, erased_sequence: sequence };
}

/** All messages of a segment, with turns of the event loop in between. */
export async function eachMessage(archive: EventArchive, segment: ArchivedSegment, signal: AbortSignal | undefined, onMessage: (message: ArchivedMessage) => void): Promise<void> {
  const reader = await archive.read(segment);
  if (reader === undefined) throw new TidemarkError("archive_busy", "another process compacted the archive meanwhile");
  let turn = 0;
  for (let message = reader.next(); message !== undefined; message = reader.next()) {
    onMessage(message);
    if (++turn % TURN_MESSAGES > 0) continue;
    await new Promise(setImmediate);
    if (signal?.aborted === true) throw new TidemarkError("interrupted", "interrupted; the archive is as it was");
  }
}

/** The erasures that are due, and that the fold has carried out. */
async function findErasures({ archive, clock, random, delay_ms, logger, signal }: CompactionOptions, index: ArchiveIndex): Promise<Found> {
  const until_ms = clock.now_ms() - delay_ms;
  const candidates = new Map<number, { readonly id: string; readonly learner_id: string }>();
  let waiting = 0;
  for (const segment of index.segments) {
    if (segment.header.erasures === 0) continue;
    if (segment.header.first_time_ms > until_ms) {
      waiting += segment.header.erasures;
      continue;
    }
    await eachMessage(archive, segment, signal, (message) => {
      const event = message.rewritten ? undefined : erasureOf(message);
      if (event === undefined) return;
      if (message.time_ms > until_ms) waiting++;
      else candidates.set(message.sequence, { id: event.id, learner_id: event.learner_id });
    });
  }
  if (candidates.size === 0) return { due: new Map(), repeated: new Map(), last_sequence: 0, waiting };

  // Which of them had an id that was known? Those were duplicates to the fold.
  const ids = new Set([...candidates.values()].map(({ id }) => id));
  const sequences = [...candidates.keys()].toSorted((a, b) => a - b);
  const first = sequences[0]! - DUPLICATE_MESSAGES;
  const last_sequence = sequences.at(-1)!;
  /** By event id: the sequence of the last message that counted, and the erasure that it was. */
  const known = new Map<string, { readonly sequence: number; readonly erasure: Erasure | undefined }>();
  const due = new Map<string, Erasure[]>();
  const repeated = new Map<number, Erasure>();
  for (const segment of index.segments) {
    if (segment.header.last_sequence < first) continue;
    if (segment.header.first_sequence > last_sequence) break;
    await eachMessage(archive, segment, signal, (message) => {
      const decoded = decodeEvent(message);
      if (isRefusal(decoded) || !ids.has(decoded.event.id)) return;
      const { id } = decoded.event;
      const candidate = candidates.get(message.sequence);
      const earlier = known.get(id);
      if (earlier === undefined || message.sequence - earlier.sequence > DUPLICATE_MESSAGES) {
        const erasure = candidate === undefined ? undefined : { learner_id: candidate.learner_id, sequence: message.sequence, pseudonym: "", first_sequence: message.sequence };
        if (erasure !== undefined) due.set(erasure.learner_id, [...(due.get(erasure.learner_id) ?? []), erasure]);
        known.set(id, { sequence: message.sequence, erasure });
      } else if (candidate !== undefined) {
        if (earlier.erasure?.learner_id === candidate.learner_id) repeated.set(message.sequence, earlier.erasure);
        else logger.warn({ sequence: message.sequence }, "a learner.erased has the id of another event and erased nobody: publish it again with an id of its own");
      }
    });
  }
  for (const erasures of due.values()) for (const erasure of erasures) erasure.pseudonym = await pseudonymOf(erasure.learner_id, random);
  return { due, repeated, last_sequence, waiting };
}

/** The segment with every due learner renamed; undefined when it names none. */
async function rewrite({ archive, signal }: CompactionOptions, segment: ArchivedSegment, found: Found): Promise<Segment | undefined> {
  const { header } = segment;
  const builder = new SegmentBuilder(header.stream_created, header.first_sequence);
  const learners = [...found.due.keys()];
  let changed = false;
  await eachMessage(archive, segment, signal, (message) => {
    const anonymous = message.rewritten ? undefined : anonymised(message, found, learners);
    changed ||= anonymous !== undefined;
    builder.add(anonymous ?? message, message.rewritten || anonymous !== undefined);
  });
  return changed ? builder.finish(header.last_sequence) : undefined;
}

/** What is to stand for a message; undefined when it is of nobody who is to be forgotten. */
function anonymised(message: BrokerMessage, { due, repeated, last_sequence }: Found, learners: readonly string[]): BrokerMessage | undefined {
  const decoded = decodeEvent(message);
  if (isRefusal(decoded)) return message.sequence < last_sequence && learners.some((id) => mentions(message, id)) ? emptied(message) : undefined;
  const { event } = decoded;
  if (!("learner_id" in event)) return undefined;
  const erasure = repeated.get(message.sequence) ?? due.get(event.learner_id)?.find(({ sequence }) => message.sequence <= sequence);
  if (erasure === undefined) return undefined;
  if (message.sequence < erasure.first_sequence) erasure.first_sequence = message.sequence;
  return renamed(message, event, erasure.pseudonym);
}
