import type { PriceMessage } from "../../contracts/control.ts";
import { type EventOf, eventSchemas } from "../../contracts/events.ts";
import { hexHash } from "../../lib/hash128.ts";
import { formatTime } from "../../lib/time.ts";

const STREAM_DIGITS = 12;

/** The id of the `course.repriced` that follows from a message of CONTROL: of that stream's sequence, and of which stream it is, since one that is made anew counts from 1 again. */
export function repricingId(control_created: string, control_sequence: number): string {
  return `price-${control_sequence}-${hexHash(new TextEncoder().encode(control_created)).slice(0, STREAM_DIGITS)}`;
}

/** The event that brings a decided price into force at `time_ms`. A jitter that EVENTS would refuse is left out: the price counts, its random part does not. */
export function repricedEvent(id: string, message: Pick<PriceMessage, "course_id" | "price"> & { readonly jitter?: object | undefined }, time_ms: number): EventOf<"course.repriced"> {
  const { course_id, price, jitter } = message;
  const plain = { id, type: "course.repriced", time: formatTime(time_ms), course_id, price } as const;
  if (jitter === undefined) return plain;
  return eventSchemas["course.repriced"].safeParse({ ...plain, jitter }).data ?? plain;
}
