import type { SegmentsAnswer } from "../../contracts/learner-scores.ts";
import { type SegmentSignal, segmentSignalSchema } from "../../contracts/signals.ts";
import { segmentSignalSubject, STREAM_SIGNALS } from "../../contracts/subjects.ts";
import type { Consumption } from "../../ingest/broker-message.ts";
import type { Clock } from "../../lib/clock.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import type { SignalBroker } from "./signal-broker.ts";

/** As long as SIGNALS keeps them. */
const DAYS = 7;

type Moves = NonNullable<SegmentsAnswer["movement"]>["moves"];

const dayOf = (time_ms: number): number => Math.floor(time_ms / DAY_MS);

function parse(data: Uint8Array): SegmentSignal | undefined {
  try {
    return segmentSignalSchema.safeParse(JSON.parse(new TextDecoder().decode(data))).data;
  } catch {
    return undefined;
  }
}

/** Counts the signals of changed segments by UTC day, from SIGNALS itself: every process that is asked knows of all of them. */
export class Movements {
  readonly #broker: SignalBroker;
  readonly #clock: Clock;
  /** By day, then by `from to`. */
  readonly #days = new Map<number, Map<string, number>>();
  #consumption: Consumption | undefined;

  constructor(broker: SignalBroker, clock: Clock) {
    this.#broker = broker;
    this.#clock = clock;
  }

  /** Of today and the six days before. */
  get current(): SegmentsAnswer["movement"] {
    if (this.#consumption === undefined) return null;
    const first = dayOf(this.#clock.now_ms()) - DAYS + 1;
    const counts = new Map<string, number>();
    for (const [day, moves] of this.#days) if (day >= first) for (const [move, learners] of moves) counts.set(move, (counts.get(move) ?? 0) + learners);
    const moves = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([move, learners]) => {
      const [from, to] = move.split(" ") as [string, Moves[number]["to"]];
      return { from: from === "" ? null : (from as Moves[number]["to"]), to, learners };
    });
    return { since: formatTime(first * DAY_MS), moves };
  }

  /** Called every second: begins anew where there is no reading, or it ended because the stream is another. */
  async check(): Promise<void> {
    if (this.#consumption !== undefined || !this.#broker.connected) return;
    this.#days.clear();
    const consumption = await this.#broker.consume(STREAM_SIGNALS, { start_sequence: 1, subject: segmentSignalSubject("*") }, ({ data, time_ms }) => this.#count(data, dayOf(time_ms)));
    this.#consumption = consumption;
    void consumption.closed.then(() => {
      if (this.#consumption === consumption) this.#consumption = undefined;
    });
  }

  async stop(): Promise<void> {
    const consumption = this.#consumption;
    this.#consumption = undefined;
    await consumption?.stop();
  }

  #count(data: Uint8Array, day: number): void {
    const signal = parse(data);
    if (signal === undefined) return;
    let moves = this.#days.get(day);
    if (moves === undefined) {
      moves = new Map();
      this.#days.set(day, moves);
      for (const old of this.#days.keys()) if (old <= day - DAYS) this.#days.delete(old);
    }
    const move = `${signal.from ?? ""} ${signal.to}`;
    moves.set(move, (moves.get(move) ?? 0) + 1);
  }
}
