import { join } from "node:path";
import { openLmdbStore } from "../features/lmdb-store.ts";
import { resolvedPath, StoreDirectory } from "../features/store-directory.ts";
import type { FeatureStoreReader, LateUpdate } from "../features/store.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, formatTime } from "../lib/time.ts";
import type { CommandContext } from "./command.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { wholeOption } from "./whole-option.ts";

const LIST_LIMIT = 20;
const LIST_LIMIT_MAX = 10_000;

interface LateReport {
  /** Most first. */
  readonly states: readonly (readonly [state: string, updates: number])[];
  /** By sequence, newest last. */
  readonly updates: readonly LateUpdate[];
  /** How many there are in the store's list. */
  readonly listed: number;
}

export function lateReport(store: FeatureStoreReader, limit: number): LateReport {
  const states = [...store.lateCounts()].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  const updates = store.lateUpdates();
  return { states, updates: updates.slice(-limit), listed: updates.length };
}

/** The largest unit that there is at least one of. */
function duration(duration_ms: number): string {
  const units = [[DAY_MS, "d"], [HOUR_MS, "h"], [MINUTE_MS, "min"]] as const;
  const [unit_ms, unit] = units.find(([one_ms]) => duration_ms >= one_ms) ?? [SECOND_MS, "s"];
  return `${(duration_ms / unit_ms).toFixed(1)} ${unit}`;
}

function lateText({ states, updates, listed }: LateReport): string {
  if (states.length === 0) return "Nothing came too late.";
  const total = states.reduce((sum, [, count]) => sum + count, 0);
  const rows = updates.map(({ sequence, event_time_ms, behind_ms, type, state }) => `${String(sequence).padStart(12)}  ${formatTime(event_time_ms)}  ${duration(behind_ms).padStart(10)}  ${type.padEnd(23)} ${state}`);
  const counts = states.map(([state, count]) => `${String(count).padStart(12)}  ${state}`);
  return [
    `${"updates".padStart(12)}  left out as too late for the state`,
    ...counts,
    "",
    `${"sequence".padStart(12)}  ${"event time".padEnd(24)}  ${"behind by".padStart(10)}  ${"event".padEnd(23)} state`,
    ...rows,
    `The newest ${updates.length} of ${listed} listed, of ${total} in all.`,
  ].join("\n");
}

function lateJson({ states, updates, listed }: LateReport): string {
  const rows = updates.map(({ sequence, type, state, event_time_ms, broker_time_ms, behind_ms }) => ({
    sequence,
    type,
    state,
    event_time: formatTime(event_time_ms),
    broker_time: formatTime(broker_time_ms),
    behind_ms,
  }));
  return JSON.stringify({ states: Object.fromEntries(states), listed, updates: rows }, null, 2);
}

/** `tidemark late`: what the fold of this host's store left out, by state, and the newest updates of it. */
export async function runLateCommand({ read: { config }, options }: CommandContext): Promise<number> {
  const limit = options["limit"] === undefined ? LIST_LIMIT : wholeOption("--limit", options["limit"], LIST_LIMIT_MAX);
  const store = openLmdbStore(resolvedPath(new StoreDirectory(join(config.data_dir, "features")).current), { readonly: true });
  try {
    const report = lateReport(store, limit);
    console.log(options["json"] === true ? lateJson(report) : lateText(report));
  } finally {
    await store.close();
  }
  return EXIT_OK;
}
