import { type DeadLetter, type DeadLetterReason, type DeadLetterRetry, deadLetterRetrySchema, deadLetterSchema } from "../contracts/dead-letter.ts";
import { deadLetterRetrySubject, deadLetterSubject, eventSubject, STREAM_DLQ } from "../contracts/subjects.ts";
import type { Clock } from "../lib/clock.ts";
import { TidemarkError } from "../lib/errors.ts";
import { formatTime } from "../lib/time.ts";
import { parse, SUBJECT_TAKEN } from "./dead-letters.ts";
import { decodeBytes, decodeEvent, isRefusal, type Refusal } from "./decode.ts";
import type { Broker, BrokerMessage } from "./nats.ts";
import { readStream } from "./read-stream.ts";

/** A dead letter and, when its message was published again, as what. */
export interface StoredLetter {
  readonly letter: DeadLetter;
  readonly retry: DeadLetterRetry | undefined;
}

/** The same without the message, of which only the size is told. */
export interface ListedLetter {
  readonly letter: Omit<DeadLetter, "payload_base64"> & { readonly payload_bytes: number };
  readonly retry: DeadLetterRetry | undefined;
}

export interface LetterFilter {
  readonly stream?: string | undefined;
  readonly reason?: DeadLetterReason | undefined;
  /** At most so many, the newest. */
  readonly limit: number;
}

export interface LetterList {
  /** Newest last. */
  readonly letters: readonly ListedLetter[];
  /** How many match, listed or not. */
  readonly matching: number;
  /** Messages of DLQ that are no dead letters: something else writes there. */
  readonly unreadable: number;
}

export type RetryOutcome =
  | { readonly outcome: "published"; readonly sequence: number }
  | { readonly outcome: "published_before"; readonly sequence: number }
  | { readonly outcome: "refused_again"; readonly refusal: Refusal };

const RETRIED = ".retried";

function keyOf({ stream, sequence }: { readonly stream: string; readonly sequence: number }): string {
  return deadLetterSubject(stream, sequence);
}

/** One pass over DLQ. */
export async function listDeadLetters(broker: Broker, { stream, reason, limit }: LetterFilter): Promise<LetterList> {
  const retries = new Map<string, DeadLetterRetry>();
  // A ring: the newest letters overwrite the oldest.
  const newest: ListedLetter["letter"][] = [];
  let matching = 0;
  let unreadable = 0;
  await readStream(broker, STREAM_DLQ, {}, ({ subject, data }) => {
    const content = parse(data);
    if (subject.endsWith(RETRIED)) {
      const retry = deadLetterRetrySchema.safeParse(content);
      if (retry.success) retries.set(subject.slice(0, -RETRIED.length), retry.data);
      else unreadable++;
      return;
    }
    const letter = deadLetterSchema.safeParse(content);
    if (!letter.success || keyOf(letter.data) !== subject) unreadable++;
    else if ((stream ?? letter.data.stream) === letter.data.stream && (reason ?? letter.data.reason) === letter.data.reason) {
      const { payload_base64, ...listed } = letter.data;
      newest[matching++ % limit] = { ...listed, payload_bytes: Buffer.byteLength(payload_base64, "base64") };
    }
  });
  const oldest = matching % limit;
  const letters = matching <= limit ? newest : [...newest.slice(oldest), ...newest.slice(0, oldest)];
  return { letters: letters.map((letter) => ({ letter, retry: retries.get(keyOf(letter)) })), matching, unreadable };
}

/** Sequences of a stream's dead letters that were not published again, oldest first. What is no dead letter is passed over. */
export async function openDeadLetters(broker: Broker, stream: string): Promise<number[]> {
  const open = new Map<string, number>();
  await readStream(broker, STREAM_DLQ, {}, ({ subject, data }) => {
    if (subject.endsWith(RETRIED)) {
      open.delete(subject.slice(0, -RETRIED.length));
      return;
    }
    const letter = deadLetterSchema.safeParse(parse(data));
    if (letter.success && letter.data.stream === stream && keyOf(letter.data) === subject) open.set(subject, letter.data.sequence);
  });
  return [...open.values()];
}

/** Throws TidemarkError `unknown_dead_letter` when there is none. */
export async function findDeadLetter(broker: Broker, stream: string, sequence: number): Promise<StoredLetter> {
  const stored = await broker.getMessage(STREAM_DLQ, { last_by_subject: deadLetterSubject(stream, sequence) });
  if (stored === undefined) throw new TidemarkError("unknown_dead_letter", `there is no dead letter of sequence ${sequence} of ${stream}: \`tidemark dlq list\` shows what there is`);
  const letter = deadLetterSchema.safeParse(parse(stored.data));
  if (!letter.success) throw new TidemarkError("unreadable_dead_letter", `what ${STREAM_DLQ} holds for sequence ${sequence} of ${stream} is no dead letter`);
  const retry = await broker.getMessage(STREAM_DLQ, { last_by_subject: deadLetterRetrySubject(stream, sequence) });
  return { letter: letter.data, retry: retry === undefined ? undefined : deadLetterRetrySchema.parse(parse(retry.data)) };
}

export function letterBytes(letter: DeadLetter): Uint8Array {
  return Buffer.from(letter.payload_base64, "base64");
}

/** The subject that a corrected event belongs on, by its own fields; that of the letter where they do not say. */
function correctedSubject(subject: string, data: Uint8Array): string {
  const event = decodeBytes(data);
  return isRefusal(event) ? subject : eventSubject(event, subject.startsWith("backfill.") ? "backfill" : "events");
}

/**
 * Publishes the message of a dead letter again, as it was or `corrected`, unless that was done before or this version of the fold would
 * refuse it again (`force` leaves that to the fold). The letter stays; a mark beside it says that it was retried, so that
 * running this any number of times, at the same time too, publishes once. Should it die between publishing and
 * marking, the message id stops a repeat within the broker's duplicate window, and the event's own id after it.
 */
export async function retryDeadLetter(broker: Broker, { letter, retry }: StoredLetter, clock: Clock, force: boolean, corrected?: Uint8Array): Promise<RetryOutcome> {
  if (retry !== undefined) return { outcome: "published_before", sequence: retry.sequence };
  const { stream, sequence } = letter;
  const data = corrected ?? letterBytes(letter);
  const subject = corrected === undefined ? letter.subject : correctedSubject(letter.subject, corrected);
  const message: BrokerMessage = { subject, sequence, time_ms: clock.now_ms(), data };
  const decoded = decodeEvent(message);
  if (isRefusal(decoded) && !force) return { outcome: "refused_again", refusal: decoded };
  const stored = await broker.publish(subject, data, { message_id: `dlq-${stream}-${sequence}` });
  const mark: DeadLetterRetry = { time: formatTime(clock.now_ms()), sequence: stored.sequence };
  try {
    await broker.publish(deadLetterRetrySubject(stream, sequence), new TextEncoder().encode(JSON.stringify(mark)), { message_id: `dlq-${stream}-${sequence}-retried` });
  } catch (error) {
    // Taken: another retry of the same letter has marked it meanwhile.
    if (!(error instanceof TidemarkError && error.message.includes(SUBJECT_TAKEN))) throw error;
  }
  return { outcome: stored.duplicate ? "published_before" : "published", sequence: stored.sequence };
}
