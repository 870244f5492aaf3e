import type { EventOf, EventType, StreamEvent } from "../../contracts/events.ts";
import { must } from "../../lib/assert.ts";
import { parseTime } from "../../lib/time.ts";
import type { EnrollmentDetail } from "./detail-ledger.ts";
import type { Cell, Column, Row } from "./table.ts";

/** A table that has one row an event, in the order of the stream. */
export interface EventTable {
  readonly types: ReadonlySet<EventType>;
  readonly columns: readonly Column[];
  /** Of an event of its types. */
  readonly row: (stream: StreamEvent) => Row;
}

function eventTable<Type extends EventType>(types: readonly Type[], columns: readonly Column[], cells: (event: EventOf<Type>) => readonly Cell[]): EventTable {
  const known: ReadonlySet<EventType> = new Set(types);
  return {
    types: known,
    columns: [...columns, { name: "known_at", type: "timestamp" }, { name: "sequence", type: "integer" }],
    row: ({ event, known_at_ms, sequence }) => [...cells(must(known.has(event.type) ? (event as EventOf<Type>) : undefined, "an event of another table")), known_at_ms, sequence],
  };
}

const time = parseTime;

/** What an event of the ledger does to the learner's balance. */
const signs = { "token.purchased": 1, "token.earned": 1, "token.refunded": 1, "token.spent": -1, "token.expired": -1 } as const;
const tokenTypes = Object.keys(signs) as (keyof typeof signs)[];

export const eventTables = {
  token_transactions: eventTable(
    tokenTypes,
    [
      { name: "transaction_id", type: "string" },
      { name: "learner_id", type: "string" },
      { name: "transaction_type", type: "string" },
      { name: "amount", type: "integer" },
      { name: "balance_change", type: "integer" },
      { name: "course_id", type: "string", nullable: true },
      { name: "transaction_at", type: "timestamp" },
    ],
    (event) => [event.id, event.learner_id, event.type.slice("token.".length), event.amount, signs[event.type] * event.amount + 0, event.course_id ?? null, time(event.time)],
  ),
  exposures: eventTable(
    ["exposure.viewed"],
    [
      { name: "exposure_id", type: "string" },
      { name: "learner_id", type: "string" },
      { name: "course_id", type: "string" },
      { name: "token_price", type: "integer" },
      { name: "viewed_at", type: "timestamp" },
      { name: "quote_id", type: "string", nullable: true },
    ],
    ({ id, learner_id, course_id, price, time: at, quote_id }) => [id, learner_id, course_id, price, time(at), quote_id ?? null],
  ),
  activities: eventTable(
    ["activity.session", "activity.assignment", "activity.forum", "activity.rating"],
    [
      { name: "activity_id", type: "string" },
      { name: "learner_id", type: "string" },
      { name: "activity_type", type: "string" },
      { name: "course_id", type: "string", nullable: true },
      { name: "occurred_at", type: "timestamp" },
      { name: "minutes", type: "double", nullable: true },
      { name: "submitted", type: "boolean", nullable: true },
      { name: "score", type: "double", nullable: true },
      { name: "rating", type: "double", nullable: true },
    ],
    ({ id, learner_id, type, course_id, time: at, minutes, submitted, score, rating }) => [
      id,
      learner_id,
      type.slice("activity.".length),
      course_id ?? null,
      time(at),
      minutes ?? null,
      submitted ?? null,
      score ?? null,
      rating ?? null,
    ],
  ),
  price_changes: eventTable(
    ["course.repriced"],
    [
      { name: "price_change_id", type: "string" },
      { name: "course_id", type: "string" },
      { name: "token_price", type: "integer" },
      { name: "changed_at", type: "timestamp" },
      { name: "jitter_base", type: "double", nullable: true },
      { name: "jitter_sigma", type: "double", nullable: true },
      { name: "jitter_probability", type: "double", nullable: true },
    ],
    ({ id, course_id, price, time: at, jitter }) => [id, course_id, price, time(at), jitter?.base ?? null, jitter?.sigma ?? null, jitter?.probability ?? null],
  ),
  competitor_prices: eventTable(
    ["market.competitor_price"],
    [
      { name: "observation_id", type: "string" },
      { name: "category", type: "string" },
      { name: "course_id", type: "string", nullable: true },
      { name: "price", type: "integer" },
      { name: "observed_at", type: "timestamp" },
    ],
    ({ id, category, course_id, price, time: at }) => [id, category, course_id ?? null, price, time(at)],
  ),
} as const;

export type EventTableName = keyof typeof eventTables;
export const eventTableNames = Object.keys(eventTables) as EventTableName[];

export function isEventTable(table: string): table is EventTableName {
  return Object.hasOwn(eventTables, table);
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
