import { EVENT_BYTES_MAX, EVENT_FUTURE_MAX_MS, type Event, eventSchemas } from "../../contracts/events.ts";
import { HASH_BYTES, HASH_WORDS, hashText, writeHash } from "../../lib/hash128.ts";
import { formatTime } from "../../lib/time.ts";
import type { EventDraft } from "./import-tables.ts";

/** What is wrong with an event, by its own field. */
export interface DraftProblem {
  readonly field: string;
  readonly reason: string;
}

export const isProblem = (event: Event | DraftProblem): event is DraftProblem => "reason" in event;

/** Where the columns of time end that features are counted in. */
const TIME_MIN_MS = 0;
const hash = new Int32Array(HASH_WORDS);
const bytes = Buffer.alloc(HASH_BYTES);

/** The id that a row's event has in every import of the row; `repetition` tells equal rows of a table without ids apart. */
export function importedId({ type, identity }: EventDraft, repetition = 0): string {
  hashText(`${type}\n${repetition}\n${identity}`, hash);
  writeHash(hash, bytes, 0);
  return `import-${bytes.toString("base64url")}`;
}

function timeProblem(field: string, time_ms: number, now_ms: number): DraftProblem | undefined {
  if (time_ms <= TIME_MIN_MS) return { field, reason: `${formatTime(time_ms)} lies before 1970` };
  if (time_ms > now_ms + EVENT_FUTURE_MAX_MS) return { field, reason: `${formatTime(time_ms)} lies in the future` };
  return undefined;
}

/** The event, as whoever folds it will read it, or what its schema has against it. */
export function eventOfDraft(draft: EventDraft, id: string, time_ms: number, now_ms: number): Event | DraftProblem {
  const { type, known_at_ms, fields } = draft;
  const early = timeProblem("time", time_ms, now_ms) ?? (known_at_ms === undefined ? undefined : timeProblem("known_at", known_at_ms, now_ms));
  if (early !== undefined) return early;
  if (known_at_ms !== undefined && known_at_ms < time_ms - EVENT_FUTURE_MAX_MS) return { field: "known_at", reason: `${formatTime(known_at_ms)} lies before the event itself` };
  const known = known_at_ms === undefined || known_at_ms === time_ms ? {} : { known_at: formatTime(known_at_ms) };
  const present = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  const parsed = eventSchemas[type].safeParse({ id, type, time: formatTime(time_ms), ...known, ...present });
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue?.path.join(".") ?? "";
    return { field, reason: present[field.split(".")[0] ?? ""] === undefined ? "is missing" : (issue?.message ?? "is not allowed") };
  }
  if (Buffer.byteLength(JSON.stringify(parsed.data)) > EVENT_BYTES_MAX) return { field: "", reason: `is larger than an event may be, ${EVENT_BYTES_MAX} bytes` };
  return parsed.data;
}
