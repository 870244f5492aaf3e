import { eventSubject, STREAM_EVENTS } from "../contracts/subjects.ts";
import type { Event } from "../contracts/events.ts";
import type { Broker } from "../ingest/nats.ts";
import { must } from "../lib/assert.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { TidemarkError } from "../lib/errors.ts";
import type { PlatformConfig } from "./config.ts";
import { generateHistory } from "./history.ts";
import { createWorld, type World } from "./world.ts";

/** Messages between two acknowledged points. */
const CHUNK = 4_000;
const RETRY_MS = 200;
const encoder = new TextEncoder();

export interface PublishHistoryOptions {
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  /** The world of `config`, when the caller has it. */
  readonly world?: World;
}

/** `published` counts this call's messages, `total` the whole history's; `complete` is false after an abort. */
export interface PublishedHistory {
  readonly published: number;
  readonly total: number;
  readonly complete: boolean;
}

type HistoryBroker = Pick<Broker, "getMessage" | "bulkPublisher">;

interface Message {
  readonly id: string;
  readonly subject: string;
  readonly data: Uint8Array;
}

/**
 * Publishes the platform's history on `backfill.>`, exactly once: what the stream holds last says where to go on,
 * after a crash as after a lost connection. Each chunk is sent without a pause, so a connection that breaks stores
 * a prefix of it and never leaves a gap; message ids keep what the broker was still reading from counting twice.
 * Throws TidemarkError("history_mismatch") when the stream holds another platform's history.
 */
export async function publishHistory(broker: HistoryBroker, config: PlatformConfig, options: PublishHistoryOptions): Promise<PublishedHistory> {
  const world = options.world ?? createWorld(config);
  const clock = options.clock ?? systemClock;
  const total = world.totals.events;
  let published = 0;
  while (options.signal?.aborted !== true) {
    try {
      const last = await lastPublished(broker);
      const { sent, complete } = await publishFrom(broker, world, last, options, (count) => (published += count));
      if (complete) return { published, total: sent, complete };
    } catch (error) {
      if (!(error instanceof TidemarkError && (error.code === "broker_unreachable" || error.code === "broker_timeout"))) throw error;
      await clock.sleep(RETRY_MS);
    }
  }
  return { published, total, complete: false };
}

async function lastPublished(broker: HistoryBroker): Promise<Uint8Array | undefined> {
  const last = await broker.getMessage(STREAM_EVENTS, { last_by_subject: "backfill.>" });
  return last?.data;
}

async function publishFrom(
  broker: HistoryBroker,
  world: World,
  last: Uint8Array | undefined,
  options: PublishHistoryOptions,
  onAcknowledged: (count: number) => void,
): Promise<{ sent: number; complete: boolean }> {
  const history = generateHistory(world);
  let done = last === undefined ? 0 : skipThrough(history, last);
  const publisher = broker.bulkPublisher({ window: 2 * CHUNK });
  let chunk = take(history, done);
  while (chunk.length > 0) {
    if (options.signal?.aborted === true) return { sent: done, complete: false };
    for (const { id, subject, data } of chunk) {
      // The window holds two chunks: only a failure makes this wait.
      const failure = publisher.publish(subject, data, id);
      if (failure !== undefined) await failure;
    }
    // The next chunk is made while the broker stores this one.
    const sent = chunk.length;
    chunk = take(history, done + sent);
    await publisher.flush();
    done += sent;
    onAcknowledged(sent);
    options.onProgress?.(done, Math.max(done, world.totals.events));
  }
  options.onProgress?.(done, done);
  return { sent: done, complete: true };
}

function take(history: Generator<Event>, from: number): Message[] {
  const messages: Message[] = [];
  while (messages.length < CHUNK) {
    const next = history.next();
    if (next.done === true) break;
    // By position, not by event id: a repeated delivery has the id of the first.
    const id = `history-${from + messages.length}`;
    messages.push({ id, subject: eventSubject(next.value, "backfill"), data: encoder.encode(JSON.stringify(next.value)) });
  }
  return messages;
}

/** Advances past the event whose bytes are `last`; how many events that was. */
function skipThrough(history: Generator<Event>, last: Uint8Array): number {
  const text = new TextDecoder().decode(last);
  const id = must(/"id":"([^"]*)"/.exec(text)?.[1], "a message of the history without an id");
  let position = 0;
  for (let next = history.next(); next.done !== true; next = history.next()) {
    position++;
    if (next.value.id === id && JSON.stringify(next.value) === text) return position;
  }
  throw new TidemarkError("history_mismatch", `the stream's history ends with ${id}, which this platform does not have: use the data directory that it was made with, or an empty stream`);
}
