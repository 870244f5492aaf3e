import { BUCKET_MODELS, BUCKET_RUNS, BUCKET_TOLD, STREAM_BUDGETS, STREAM_CONTROL, STREAM_DLQ, STREAM_EVENTS, STREAM_LEASES, STREAM_OFFERS, STREAM_QUOTES, STREAM_SIGNALS, streamSubjects } from "../contracts/subjects.ts";
import { DAY_MS, MINUTE_MS } from "../lib/time.ts";

export interface StreamLimit {
  readonly bytes_max: number;
  /** 0: for ever. */
  readonly age_max_ms: number;
}

/** In the order that they are made in: a subject that moves to another stream leaves its old one first. */
export const streamNames = [STREAM_EVENTS, STREAM_CONTROL, STREAM_QUOTES, STREAM_OFFERS, STREAM_BUDGETS, STREAM_DLQ, STREAM_SIGNALS, STREAM_LEASES] as const;
export type StreamName = (typeof streamNames)[number];
/** Object stores whose size is bounded from the beginning. */
export const bucketNames = [BUCKET_MODELS, BUCKET_RUNS, BUCKET_TOLD] as const;
export type BucketName = (typeof bucketNames)[number];
export type StreamLimits = { readonly [Name in StreamName | BucketName]?: StreamLimit };

const MIB = 1024 * 1024;
/** A refused message must still fit a dead letter, in base64, under the broker's payload limit of 1 MiB. */
const MESSAGE_BYTES_MAX = 512 * 1024;
const NANOS_PER_MS = 1_000_000;
/** How long the broker remembers message ids: the time within which a retry is stored once. */
const DUPLICATE_WINDOW_MS = 2 * MINUTE_MS;

/** The broker reserves these bytes when it creates a stream. */
const defaultLimits: Required<StreamLimits> = {
  [STREAM_EVENTS]: { bytes_max: 8192 * MIB, age_max_ms: 400 * DAY_MS },
  [STREAM_CONTROL]: { bytes_max: 512 * MIB, age_max_ms: 0 },
  [STREAM_QUOTES]: { bytes_max: 2048 * MIB, age_max_ms: 30 * DAY_MS },
  // Longer than any quote is locked or redeemable, and than what the fold keeps of it: a year and thirty days.
  [STREAM_OFFERS]: { bytes_max: 4096 * MIB, age_max_ms: 400 * DAY_MS },
  [STREAM_BUDGETS]: { bytes_max: 256 * MIB, age_max_ms: 400 * DAY_MS },
  [STREAM_DLQ]: { bytes_max: 512 * MIB, age_max_ms: 90 * DAY_MS },
  [STREAM_SIGNALS]: { bytes_max: 256 * MIB, age_max_ms: 7 * DAY_MS },
  [STREAM_LEASES]: { bytes_max: 16 * MIB, age_max_ms: 0 },
  [BUCKET_MODELS]: { bytes_max: 1024 * MIB, age_max_ms: 0 },
  [BUCKET_RUNS]: { bytes_max: 512 * MIB, age_max_ms: 0 },
  [BUCKET_TOLD]: { bytes_max: 256 * MIB, age_max_ms: 0 },
};

export function limitOf(name: StreamName | BucketName, limits: StreamLimits): StreamLimit {
  return limits[name] ?? defaultLimits[name];
}

/** A stream's configuration in the terms of the JetStream API, as far as it may be changed later. */
export interface StreamSettings {
  readonly subjects: string[];
  readonly max_bytes: number;
  readonly max_age: number;
  readonly max_msgs_per_subject: number;
  readonly max_msg_size: number;
  readonly discard: "old" | "new";
  readonly discard_new_per_subject: boolean;
  readonly duplicate_window: number;
  /** Absent: as it is. */
  readonly num_replicas?: number;
}

/** Keep the last message of each subject. */
const registers: ReadonlySet<StreamName> = new Set([STREAM_LEASES, STREAM_BUDGETS]);
/** Never drop a message at their limits: they refuse new ones. */
const refusing: ReadonlySet<StreamName> = new Set([STREAM_CONTROL, STREAM_BUDGETS, STREAM_DLQ]);

/**
 * EVENTS, QUOTES, OFFERS and SIGNALS drop their oldest messages at the limit. DLQ keeps the first message of each subject, so that every replica that
 * dead-letters the same message changes nothing.
 */
export function streamSettings(name: StreamName, limits: StreamLimits, num_replicas?: number): StreamSettings {
  const { bytes_max, age_max_ms } = limitOf(name, limits);
  return {
    subjects: [...streamSubjects[name]],
    max_bytes: bytes_max,
    max_age: age_max_ms * NANOS_PER_MS,
    max_msgs_per_subject: name === STREAM_DLQ || registers.has(name) ? 1 : -1,
    max_msg_size: name === STREAM_EVENTS ? MESSAGE_BYTES_MAX : -1,
    discard: refusing.has(name) ? "new" : "old",
    discard_new_per_subject: name === STREAM_DLQ,
    duplicate_window: DUPLICATE_WINDOW_MS * NANOS_PER_MS,
    ...(num_replicas === undefined ? {} : { num_replicas }),
  };
}

/** Whether a stream already is as wanted. */
export function settingsEqual(existing: Partial<StreamSettings>, wanted: StreamSettings): boolean {
  const subjects = (settings: Partial<StreamSettings>): string => [...(settings.subjects ?? [])].sort().join(" ");
  return (
    subjects(existing) === subjects(wanted) &&
    existing.max_bytes === wanted.max_bytes &&
    (existing.max_age ?? 0) === wanted.max_age &&
    existing.max_msgs_per_subject === wanted.max_msgs_per_subject &&
    existing.max_msg_size === wanted.max_msg_size &&
    existing.discard === wanted.discard &&
    (existing.discard_new_per_subject ?? false) === wanted.discard_new_per_subject &&
    existing.duplicate_window === wanted.duplicate_window &&
    (wanted.num_replicas === undefined || existing.num_replicas === wanted.num_replicas)
  );
}
