import { DatasetReplay } from "../src/features/replay.ts";
import { DAY_MS, parseTime } from "../src/lib/time.ts";
import { generateHistory } from "../src/simulator/history.ts";
import type { PlatformConfig } from "../src/simulator/config.ts";
import { createWorld } from "../src/simulator/world.ts";
import { assembleDataset, type TrainingDataset, weeksBefore } from "../src/training/dataset.ts";

/** The weekly course rows of a synthetic platform, replayed in memory: what training reads from a stream that holds its history. */
export function platformDataset(config: PlatformConfig): TrainingDataset {
  const from_ms = config.end_ms - config.weeks * 7 * DAY_MS;
  const at_ms = weeksBefore(from_ms, config.end_ms);
  const replay = new DatasetReplay({ at_ms, gap_ms: 0, horizon_ms: 7 * DAY_MS });
  let sequence = 0;
  for (const event of generateHistory(createWorld(config))) {
    const event_time_ms = parseTime(event.time);
    const known_at_ms = event.known_at === undefined ? event_time_ms : parseTime(event.known_at);
    replay.apply({ sequence: ++sequence, broker_time_ms: config.end_ms, event_time_ms, known_at_ms, event });
  }
  const range = { stream_created: "memory", first_sequence: 1, last_sequence: sequence, from_ms, to_ms: config.end_ms };
  return assembleDataset(replay.finish(), { trials: replay.trials(config.end_ms), at_ms, range, counts: { events: sequence, refused: {}, duplicates: replay.duplicates } });
}
