import type { PriceMessage } from "../../contracts/control.ts";
import { parseTime } from "../../lib/time.ts";

/** A message of a course's price subject, as CONTROL ordered it. */
export interface PriceEntry {
  readonly sequence: number;
  readonly message: PriceMessage;
}

/** A price that is to come into force at its time. */
export interface ScheduledPrice {
  readonly sequence: number;
  readonly course_id: string;
  readonly price: number;
  readonly at_ms: number;
}

/** What people and policies have decided about a course's price, as far as it still matters. */
export interface PriceLedger {
  /** CONTROL sequence of the last message, which the next one is decided on; 0: none. */
  readonly sequence: number;
  /** Waits for somebody's approval; null: nothing does. */
  readonly proposal: { readonly sequence: number; readonly message: Extract<PriceMessage, { type: "price.proposed" }> } | null;
  /** By time, those of the past included: whether they are in force is for EVENTS to say. */
  readonly scheduled: readonly ScheduledPrice[];
  readonly accepted_ms: number | null;
  readonly rejected: { readonly price: number; readonly time_ms: number } | null;
}

export const emptyLedger: PriceLedger = { sequence: 0, proposal: null, scheduled: [], accepted_ms: null, rejected: null };

/**
 * The ledger after one more message: an acceptance answers whatever was proposed; a rejection withdraws the proposal and the schedule of that price; a proposal takes
 * the place of the one before; schedules stand side by side.
 */
export function nextLedger(ledger: PriceLedger, { sequence, message }: PriceEntry): PriceLedger {
  const time_ms = parseTime(message.time);
  switch (message.type) {
    case "price.proposed":
      return { ...ledger, sequence, proposal: { sequence, message } };
    case "price.accepted":
      return { ...ledger, sequence, proposal: null, accepted_ms: Math.max(ledger.accepted_ms ?? time_ms, time_ms) };
    case "price.rejected":
      return {
        ...ledger,
        sequence,
        proposal: ledger.proposal?.message.price === message.price ? null : ledger.proposal,
        scheduled: ledger.scheduled.filter(({ price }) => price !== message.price),
        rejected: { price: message.price, time_ms },
      };
    case "price.scheduled": {
      const scheduled = [...ledger.scheduled, { sequence, course_id: message.course_id, price: message.price, at_ms: parseTime(message.at) }];
      return { ...ledger, sequence, scheduled: scheduled.sort((a, b) => a.at_ms - b.at_ms || a.sequence - b.sequence) };
    }
  }
}

/** The ledger of a whole history, oldest first. */
export function priceLedger(history: readonly PriceEntry[]): PriceLedger {
  return history.reduce(nextLedger, emptyLedger);
}

/** When the price last changed or was decided to by `now_ms`: by CONTROL, or by whatever else repriced the course; undefined: never. */
export function lastChangeMs({ accepted_ms, scheduled }: PriceLedger, repriced_ms: number | undefined, now_ms: number): number | undefined {
  const due = scheduled.filter(({ at_ms }) => at_ms <= now_ms).map(({ at_ms }) => at_ms);
  const known = [...due, ...(accepted_ms === null ? [] : [accepted_ms]), ...(repriced_ms === undefined ? [] : [repriced_ms])];
  return known.length === 0 ? undefined : Math.max(...known);
}
