import type { Clock } from "../lib/clock.ts";
import { errorMessage } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { pause } from "../lib/pause.ts";
import { MINUTE_MS } from "../lib/time.ts";
import type { Snapshot, Snapshots } from "./snapshots.ts";

const CHECK_MS = MINUTE_MS;

export interface SnapshotKeeperOptions {
  readonly snapshots: Pick<Snapshots, "create" | "list" | "prune">;
  readonly store_path: string;
  readonly layout: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly interval_ms: number;
  /** Newest snapshots that are kept. */
  readonly kept: number;
}

/**
 * Beside the fold: a snapshot whenever the newest of this layout, by whichever replica, is older than the interval. Nothing that fails in here stops
 * the fold; it is tried again at the next check.
 */
export class SnapshotKeeper {
  readonly #options: SnapshotKeeperOptions;
  #newest: Snapshot | undefined;
  #failures = 0;

  constructor(options: SnapshotKeeperOptions) {
    this.#options = options;
  }

  get status(): { readonly newest: Snapshot | undefined; readonly failures: number } {
    return { newest: this.#newest, failures: this.#failures };
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(CHECK_MS, signal);
      if (!signal.aborted) await this.check();
    }
  }

  /** Takes a snapshot if one is due. */
  async check(): Promise<void> {
    const { snapshots, store_path, layout, clock, logger, interval_ms, kept } = this.#options;
    try {
      this.#newest = (await snapshots.list()).findLast((snapshot) => snapshot.layout === layout);
      if (this.#newest !== undefined && clock.now_ms() - Date.parse(this.#newest.stored_at) < interval_ms) return;
      const started_ms = performance.now();
      const { name, bytes, raw_bytes, sequence } = await snapshots.create(store_path);
      const removed = await snapshots.prune(layout, kept);
      this.#newest = (await snapshots.list()).find((snapshot) => snapshot.name === name);
      logger.info({ name, sequence, bytes, raw_bytes, removed, seconds: (performance.now() - started_ms) / 1000 }, "snapshot of the feature store kept");
    } catch (error) {
      this.#failures++;
      logger.error({ error: errorMessage(error) }, "no snapshot of the feature store could be kept; it will be tried again");
    }
  }
}
