import type { PriceTrial } from "../src/features/price-trial.ts";
import { DatasetReplay } from "../src/features/replay.ts";
import { DAY_MS, parseTime } from "../src/lib/time.ts";
import { generateHistory } from "../src/simulator/history.ts";
import type { World } from "../src/simulator/world.ts";

/** The randomised prices of a synthetic platform's history, replayed in memory by the code that training replays the stream with. */
export function platformTrials(world: World): PriceTrial[] {
  const replay = new DatasetReplay({ at_ms: [], gap_ms: 0, horizon_ms: 7 * DAY_MS });
  let sequence = 0;
  for (const event of generateHistory(world)) {
    const event_time_ms = parseTime(event.time);
    const known_at_ms = event.known_at === undefined ? event_time_ms : parseTime(event.known_at);
    replay.apply({ sequence: ++sequence, broker_time_ms: world.config.end_ms, event_time_ms, known_at_ms, event });
  }
  return replay.trials(world.config.end_ms);
}
