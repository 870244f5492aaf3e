import type { EventOf, StreamEvent } from "../../contracts/events.ts";
import type { EnrollmentDetail } from "./detail-ledger.ts";
import type { Column, Row } from "./table.ts";

/** What an event of the ledger does to the learner's balance. */
const signs = { "token.purchased": 1, "token.earned": 1, "token.refunded": 1, "token.spent": -1, "token.expired": -1 } as const;

type TokenType = keyof typeof signs;

export interface TokenEvent extends StreamEvent {
  readonly event: EventOf<TokenType>;
}

export function isTokenEvent(stream: StreamEvent): stream is TokenEvent {
  return Object.hasOwn(signs, stream.event.type);
}

/** One row an event, in the order of the stream. */
export const tokenColumns: readonly Column[] = [
  { name: "transaction_id", type: "string" },
  { name: "learner_id", type: "string" },
  { name: "transaction_type", type: "string" },
  { name: "amount", type: "integer" },
  { name: "balance_change", type: "integer" },
  { name: "course_id", type: "string", nullable: true },
  { name: "transaction_at", type: "timestamp" },
  { name: "known_at", type: "timestamp" },
  { name: "sequence", type: "integer" },
];

export function tokenRow({ event, event_time_ms, known_at_ms, sequence }: TokenEvent): Row {
  const { id, learner_id, type, amount, course_id } = event;
  return [id, learner_id, type.slice("token.".length), amount, signs[type] * amount + 0, course_id ?? null, event_time_ms, known_at_ms, sequence];
}

/** One row an enrollment, by its id. */
export const enrollmentColumns: readonly Column[] = [
  { name: "enrollment_id", type: "string" },
  { name: "learner_id", type: "string" },
  { name: "course_id", type: "string" },
  { name: "token_price", type: "integer" },
  { name: "enrolled_at", type: "timestamp" },
  { name: "status", type: "string" },
  { name: "completed_at", type: "timestamp", nullable: true },
  { name: "dropped_at", type: "timestamp", nullable: true },
  { name: "refunded_at", type: "timestamp", nullable: true },
  { name: "quote_id", type: "string", nullable: true },
  { name: "known_at", type: "timestamp" },
];

/** Money given back is final, then completion: whoever dropped out may have come back. */
function statusOf({ refunded_ms, completed_ms, dropped_ms }: EnrollmentDetail): string {
  if (refunded_ms !== null) return "refunded";
  if (completed_ms !== null) return "completed";
  return dropped_ms === null ? "active" : "dropped";
}

export function enrollmentRow(detail: EnrollmentDetail): Row {
  const { enrollment_id, learner_id, course_id, price, enrolled_ms, completed_ms, dropped_ms, refunded_ms, quote_id, known_ms } = detail;
  return [enrollment_id, learner_id, course_id, price, enrolled_ms, statusOf(detail), completed_ms, dropped_ms, refunded_ms, quote_id, known_ms];
}
