import { statSync } from "node:fs";
import { FeatureReader } from "../features/feature-reader.ts";
import { openLmdbStore } from "../features/lmdb-store.ts";
import type { FeatureStoreReader } from "../features/store.ts";
import { errorMessage } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { ProblemError } from "./problem.ts";

/** An open store and what reads it. A new pair means another store: nothing cached from the old one holds. */
export interface OpenFeatures {
  readonly store: FeatureStoreReader;
  readonly reader: FeatureReader;
}

/** Where the feature store comes from; it may not be there yet, and it may go away. */
export interface FeatureSource {
  readonly current: OpenFeatures | undefined;
  /** Why there is none. */
  readonly reason: string;
}

/** The open features, or the 503 that says why there are none. */
export function mustFeatures(source: FeatureSource): OpenFeatures {
  if (source.current === undefined) throw new ProblemError("features_unavailable", source.reason, { headers: { "retry-after": "1" } });
  return source.current;
}

/**
 * Opens the LMDB directory that ingest writes, read-only, and watches it: `check` (every second) opens it once it
 * appears, and lets go of it when the directory was removed or replaced by another fold's.
 */
export class LmdbFeatureSource implements FeatureSource {
  readonly #path: string;
  readonly #logger: Logger;
  #current: OpenFeatures | undefined;
  #identity = "";
  #reason = "The feature store is not open yet.";

  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
  }

  get current(): OpenFeatures | undefined {
    return this.#current;
  }

  get reason(): string {
    return this.#reason;
  }

  async check(): Promise<void> {
    const identity = this.#fileIdentity();
    if (this.#current !== undefined && identity !== this.#identity) {
      await this.close();
      this.#unavailable("The feature store was removed or replaced.");
    }
    if (this.#current !== undefined) return;
    let store: FeatureStoreReader | undefined;
    try {
      store = openLmdbStore(this.#path, { readonly: true });
      this.#current = { store, reader: new FeatureReader(store) };
      this.#identity = this.#fileIdentity();
      this.#reason = "";
      this.#logger.info({ path: this.#path }, "feature store opened");
    } catch (error) {
      // Opened, but of another layout: it would stay open once more at every check.
      await store?.close();
      this.#unavailable(`The feature store cannot be opened: ${errorMessage(error)}`);
    }
  }

  async close(): Promise<void> {
    const open = this.#current;
    this.#current = undefined;
    await open?.store.close();
  }

  /** Logs a reason once, not every second. */
  #unavailable(reason: string): void {
    if (reason !== this.#reason) this.#logger.warn({ path: this.#path }, reason);
    this.#reason = reason;
  }

  #fileIdentity(): string {
    try {
      const { dev, ino } = statSync(`${this.#path}/data.mdb`);
      return `${dev}:${ino}`;
    } catch {
      return "";
    }
  }
}
