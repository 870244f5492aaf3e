import type { Event, StreamEvent } from "../../../contracts/events.ts";
import { eventSubject } from "../../../contracts/subjects.ts";
import { parseTime } from "../../../lib/time.ts";
import type { BrokerMessage, Consumption, DeliveredMessage, MessageQuery, StreamState } from "../../broker-message.ts";
import type { StreamSource } from "../../read-stream.ts";

const TURN_MESSAGES = 100;
const encoder = new TextEncoder();

export function messageOf({ sequence, broker_time_ms, event }: StreamEvent): BrokerMessage {
  return { subject: eventSubject(event), sequence, time_ms: broker_time_ms, data: encoder.encode(JSON.stringify(event)) };
}

/** Backfilled, all at one moment. */
export function backfilled(events: Iterable<Event>, time_ms: number): BrokerMessage[] {
  return Array.from(events, (event, i) => ({ subject: eventSubject(event, "backfill"), sequence: i + 1, time_ms, data: encoder.encode(JSON.stringify(event)) }));
}

/** A message as decoding gives it, for who has only good ones. */
export function streamEventOf({ sequence, time_ms, data }: BrokerMessage): StreamEvent {
  const event = JSON.parse(new TextDecoder().decode(data)) as Event;
  return { sequence, broker_time_ms: time_ms, event_time_ms: parseTime(event.time), known_at_ms: parseTime(event.known_at ?? event.time), event };
}

/** A stream of given messages that is read in turns, before each of which anything may happen to it. */
export class TurningStream implements StreamSource {
  messages: readonly BrokerMessage[];
  readings = 0;
  /** Called before each turn of a reading. */
  onTurn: () => void = () => undefined;

  constructor(messages: readonly BrokerMessage[]) {
    this.messages = messages;
  }

  streamInfo(): Promise<StreamState> {
    const first_sequence = this.messages[0]?.sequence ?? 1;
    return Promise.resolve({ created: "2026-01-01T00:00:00Z", first_sequence, last_sequence: this.messages.at(-1)?.sequence ?? 0, messages: this.messages.length, bytes: 0 });
  }

  consume(_stream: string, _options: object, onMessage: (message: DeliveredMessage) => void): Promise<Consumption> {
    this.readings++;
    const messages = this.messages;
    let at = 0;
    const state = { stopped: false };
    let end: (error?: Error) => void = () => undefined;
    const closed = new Promise<void | Error>((resolve) => {
      end = resolve;
    });
    const turn = (): void => {
      this.onTurn();
      try {
        for (let i = 0; i < TURN_MESSAGES && !state.stopped && at < messages.length; i++, at++) onMessage({ ...messages[at]!, pending: messages.length - at - 1 });
      } catch (error) {
        end(error as Error);
        return;
      }
      if (!state.stopped && at < messages.length) setImmediate(turn);
    };
    setImmediate(turn);
    const stop = (): Promise<void> => {
      state.stopped = true;
      end();
      return Promise.resolve();
    };
    return Promise.resolve({ pause: () => undefined, resume: () => undefined, stop, closed });
  }

  getMessage(_stream: string, which: MessageQuery): Promise<BrokerMessage | undefined> {
    return Promise.resolve(this.messages.find(({ sequence }) => "from_sequence" in which && sequence >= which.from_sequence));
  }
}
