import { hash } from "node:crypto";
import type { OptimizeAnswer } from "../contracts/api.ts";
import { type BatchRecord, batchRecordSchema, type BatchRow } from "../contracts/price-batch.ts";
import { formatTime } from "../lib/time.ts";
import type { DecisionMoment } from "./decision.ts";

const ID_DIGITS = 32;

/** The row of a batch that a decision makes. A batch holds known courses only. */
export function batchRow(answer: Omit<OptimizeAnswer, "freshness_ms">): BatchRow {
  const { course_id, quote_id, current_price, optimal_price, expected, recommendation, degraded } = answer;
  const { confidence, risk } = recommendation;
  return { course_id: course_id ?? "", quote_id, current_price, optimal_price, increase_pct: expected.increase_pct, confidence, risk, ...(degraded === undefined ? {} : { degraded }) };
}

/** What a batch of prices decided: its rows' JSON text, and the decisions that they come from. */
export interface Batch {
  readonly rows_json: string;
  readonly decisions: readonly string[];
  readonly unknown_courses: readonly string[];
}

function rowsDigest(rows_json: string): string {
  return hash("sha256", rows_json, "hex");
}

/** Rows name their decisions, so identical decisions in the same order are one batch. */
export function batchId({ rows_json, unknown_courses }: Pick<Batch, "rows_json" | "unknown_courses">): string {
  return hash("sha256", `${rowsDigest(rows_json)} ${unknown_courses.join()}`, "hex").slice(0, ID_DIGITS);
}

/** The JSON of a BatchRecord. */
export function batchRecordJson(id: string, { rows_json, decisions, unknown_courses }: Batch, { decided_at_ms, cursor_sequence }: DecisionMoment): string {
  const record: BatchRecord = { id, kind: "batch", decided_at: formatTime(decided_at_ms), cursor_sequence, decisions: [...decisions], unknown_courses: [...unknown_courses], rows_digest: rowsDigest(rows_json) };
  return JSON.stringify(record);
}

/**
 * Composes a recorded batch again from its decisions' replayed answers, in the record's order. `identical`: the same rows come out, and the id is theirs.
 * Throws ZodError when it is no record.
 */
export function replayBatch(record: unknown, answers: readonly Omit<OptimizeAnswer, "freshness_ms">[]): { identical: boolean; rows: readonly BatchRow[] } {
  const { id, decisions, unknown_courses, rows_digest } = batchRecordSchema.parse(record);
  const rows = answers.map(batchRow);
  const rows_json = JSON.stringify(rows);
  const named = decisions.length === rows.length && decisions.every((decision, i) => decision === rows[i]?.quote_id);
  return { identical: named && rowsDigest(rows_json) === rows_digest && batchId({ rows_json, unknown_courses }) === id, rows };
}
