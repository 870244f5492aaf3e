import type { Event } from "../contracts/events.ts";
import { Prng } from "../lib/prng.ts";
import { DAY_MS, formatTime, HOUR_MS } from "../lib/time.ts";
import { populationSeed } from "./config.ts";
import { EventBuilder, type FactSink } from "./build-event.ts";
import { HistoryRun } from "./history-run.ts";
import { historyEventId } from "./ids.ts";
import type { World } from "./world.ts";

const DELAY_MEAN_MS = 1.5 * HOUR_MS;
const DELAY_MAX_MS = 12 * HOUR_MS;

interface Delivery {
  readonly known_ms: number;
  readonly event: Event;
}

/** Views and activity come from the learner's device, which may be offline; the ledger's own events never wait. */
function fromDevice(event: Event): boolean {
  return event.type === "exposure.viewed" || event.type.startsWith("activity.");
}

/**
 * The platform's history in the order in which the platform came to know it, with ids `h000000000`… in that order.
 * The same world gives the same events. A repeated delivery carries the id of the first.
 */
export function* generateHistory(world: World): Generator<Event> {
  const { config, start_ms } = world;
  const builder = new EventBuilder(world);
  const random = new Prng(`${populationSeed(config)}:deliveries`);
  let waiting: Delivery[] = [];
  const delay = (): number => Math.ceil(Math.min(DELAY_MAX_MS, random.exponential(1 / DELAY_MEAN_MS)));
  const sink: FactSink = (type, at_ms, learner, course, value, extra) => {
    const event = builder.build("", type, at_ms, learner, course, value, extra);
    let known_ms = at_ms;
    if (fromDevice(event)) {
      if (random.uniform() < config.late_share) known_ms = Math.min(config.end_ms, at_ms + delay());
      if (random.uniform() < config.duplicate_share) waiting.push({ known_ms: Math.min(config.end_ms, known_ms + delay()), event });
    }
    if (known_ms > at_ms) event.known_at = formatTime(known_ms);
    waiting.push({ known_ms, event });
  };
  const run = new HistoryRun(world, world.calibration, sink);
  let index = 0;
  for (let day = 0; day < run.days; day++) {
    run.runDay();
    const until_ms = day === run.days - 1 ? Number.POSITIVE_INFINITY : start_ms + (day + 1) * DAY_MS;
    waiting.sort((a, b) => a.known_ms - b.known_ms);
    let due = 0;
    for (; due < waiting.length && waiting[due]!.known_ms < until_ms; due++) {
      const { event, known_ms } = waiting[due]!;
      if (event.id !== "") {
        yield { ...event, known_at: formatTime(known_ms) };
        continue;
      }
      event.id = historyEventId(index++);
      yield event;
    }
    waiting = waiting.slice(due);
  }
}
