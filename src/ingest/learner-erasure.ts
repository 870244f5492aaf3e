import { type Event, type EventOf } from "../contracts/events.ts";
import { eventSubject } from "../contracts/subjects.ts";
import { LEARNER_SKETCH_PRECISION } from "../features/platform-features.ts";
import { sketchClass } from "../features/distinct.ts";
import { hash32 } from "../lib/prng.ts";
import type { BrokerMessage } from "./broker-message.ts";
import { decodeEvent, isRefusal } from "./decode.ts";

/** Bytes that nobody can foresee, such as node:crypto's. */
export type RandomBytes = (count: number) => Uint8Array;

const LEARNER_SUBJECT = /^(?:events|backfill)\.learner\./;
const BACKFILL = "backfill.";
/** Of a message that carries nothing; every fold refuses it, as it refused what stood there. */
const FORGOTTEN_SUBJECT = "events.forgotten";
const STEM_BYTES = 15;
const TRIES_A_SLICE = 50_000;

/** The erasure that a message is; undefined for anything else. */
export function erasureOf(message: BrokerMessage): EventOf<"learner.erased"> | undefined {
  if (!LEARNER_SUBJECT.test(message.subject)) return undefined;
  const decoded = decodeEvent(message);
  return !isRefusal(decoded) && decoded.event.type === "learner.erased" ? decoded.event : undefined;
}

/**
 * A name that stands for a learner in every aggregate, and for nobody else's knowledge. It is random; what it shares with the
 * learner's id is only the register and rank that every distinct count of learners holds of it anyhow: of ids that the
 * platform gave, about one in 4,000 would do as well. It is found by trying, some 40,000 names on average.
 */
export async function pseudonymOf(learner_id: string, random: RandomBytes): Promise<string> {
  const wanted = sketchClass(hash32(learner_id), LEARNER_SKETCH_PRECISION);
  const stem = `erased-${Buffer.from(random(STEM_BYTES)).toString("base64url")}-`;
  for (let tried = 0; ; tried++) {
    const name = stem + tried.toString(36);
    if (sketchClass(hash32(name), LEARNER_SKETCH_PRECISION) === wanted) return name;
    if (tried % TRIES_A_SLICE === TRIES_A_SLICE - 1) await new Promise(setImmediate);
  }
}

/**
 * An event of a learner under another name, without what only describes the person: country, attributes, the quote that was shown
 * and every field that the schema does not know. Its id, times, course, price and amount stay: aggregates rest on them.
 */
export function renamed(message: BrokerMessage, event: Event, learner_id: string): BrokerMessage {
  const { country: _country, attributes: _attributes, quote_id: _quote, ...kept } = event as Event & { country?: string; attributes?: object; quote_id?: string };
  const anonymous = { ...kept, learner_id } as Event;
  return {
    subject: eventSubject(anonymous, message.subject.startsWith(BACKFILL) ? "backfill" : "events"),
    sequence: message.sequence,
    time_ms: message.time_ms,
    data: new TextEncoder().encode(JSON.stringify(anonymous)),
  };
}

/** What stays of a message that no fold accepts and that names a learner. */
export function emptied({ sequence, time_ms }: BrokerMessage): BrokerMessage {
  return { subject: FORGOTTEN_SUBJECT, data: new Uint8Array(0), sequence, time_ms };
}

/** Whether that is all that is left of a message: there is nothing that a dead letter of it could keep. */
export function isEmptied({ subject, data }: BrokerMessage): boolean {
  return data.length === 0 && subject === FORGOTTEN_SUBJECT;
}

/** Whether a message, whatever it is, contains the id as a word of its own. */
export function mentions(message: BrokerMessage, learner_id: string): boolean {
  const word = new RegExp(`(?<![A-Za-z0-9_-])${learner_id}(?![A-Za-z0-9_-])`);
  return word.test(message.subject) || word.test(Buffer.from(message.data.buffer, message.data.byteOffset, message.data.length).toString("latin1"));
}
