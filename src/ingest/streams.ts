import { DAY_MS } from "../lib/time.ts";
import { BUCKET_MODELS, STREAM_CONTROL, STREAM_DLQ, STREAM_EVENTS, STREAM_QUOTES } from "../contracts/subjects.ts";

export interface StreamLimit {
  readonly bytes_max: number;
  /** 0: for ever. */
  readonly age_max_ms: number;
}

export const streamNames = [STREAM_EVENTS, STREAM_CONTROL, STREAM_QUOTES, STREAM_DLQ] as const;
export type StreamName = (typeof streamNames)[number];
export type StreamLimits = { readonly [Name in StreamName | typeof BUCKET_MODELS]?: StreamLimit };

const MIB = 1024 * 1024;

/** The broker reserves these bytes when the stream is created; together they must fit its store. */
export const defaultLimits: Required<StreamLimits> = {
  [STREAM_EVENTS]: { bytes_max: 8192 * MIB, age_max_ms: 400 * DAY_MS },
  [STREAM_CONTROL]: { bytes_max: 512 * MIB, age_max_ms: 0 },
  [STREAM_QUOTES]: { bytes_max: 2048 * MIB, age_max_ms: 30 * DAY_MS },
  [STREAM_DLQ]: { bytes_max: 512 * MIB, age_max_ms: 90 * DAY_MS },
  [BUCKET_MODELS]: { bytes_max: 1024 * MIB, age_max_ms: 0 },
};
