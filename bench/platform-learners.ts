import type { StreamEvent } from "../src/contracts/events.ts";
import { DAY_MS, parseTime } from "../src/lib/time.ts";
import { generateHistory } from "../src/simulator/history.ts";
import type { World } from "../src/simulator/world.ts";
import { buildPropensityDataset, type PropensityDataset } from "../src/training/propensity/dataset.ts";

/** A history as the stream that holds it hands it out. */
function* streamed(world: World): Generator<StreamEvent> {
  let sequence = 0;
  for (const event of generateHistory(world)) {
    const event_time_ms = parseTime(event.time);
    yield { sequence: ++sequence, broker_time_ms: world.config.end_ms, event_time_ms, known_at_ms: event.known_at === undefined ? event_time_ms : parseTime(event.known_at), event };
  }
}

/** The learners of a synthetic platform, replayed in memory: what propensity training reads from a stream that holds its history. */
export function platformLearners(world: World): PropensityDataset {
  const { config, totals } = world;
  const range = { stream_created: "memory", first_sequence: 1, last_sequence: totals.events, from_ms: config.end_ms - config.weeks * 7 * DAY_MS, to_ms: config.end_ms };
  return buildPropensityDataset(streamed(world), range);
}
