import { statSync } from "node:fs";
import { FeatureReader } from "../features/feature-reader.ts";
import { openLmdbStore } from "../features/lmdb-store.ts";
import { PartitionedStore } from "../features/partitioned-store.ts";
import { resolvedPath } from "../features/store-directory.ts";
import type { FeatureStoreReader } from "../features/store.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
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

/** The 503 that says why there are none. */
export function featuresUnavailable({ reason }: FeatureSource): ProblemError {
  return new ProblemError("features_unavailable", reason, { headers: { "retry-after": "1" } });
}

/** The open features, or the 503 that says why there are none. */
export function mustFeatures(source: FeatureSource): OpenFeatures {
  if (source.current === undefined) throw featuresUnavailable(source);
  return source.current;
}

/** What is made of one open store, and holds for no other. */
export class PerStore<Value> {
  readonly #make: (open: OpenFeatures) => Value;
  #made: { readonly open: OpenFeatures; readonly value: Value } | undefined;

  constructor(make: (open: OpenFeatures) => Value) {
    this.#make = make;
  }

  of(open: OpenFeatures): Value {
    if (this.#made?.open !== open) this.#made = { open, value: this.#make(open) };
    return this.#made.value;
  }
}

/**
 * Opens the LMDB directory that ingest writes, read-only, and watches it: `check` (every second) opens it once it
 * appears, lets go of it when the directory was removed, and goes over to the store that took its place.
 */
export class LmdbFeatureSource implements FeatureSource {
  readonly #links: readonly string[];
  readonly #logger: Logger;
  #current: OpenFeatures | undefined;
  /** Of the open store. */
  #path: readonly string[] = [];
  #identity = "";
  #reason = "The feature store is not open yet.";

  /** One store, or those of all partitions in order. */
  constructor(links: readonly string[], logger: Logger) {
    this.#links = links;
    this.#logger = logger;
  }

  get current(): OpenFeatures | undefined {
    return this.#current;
  }

  get reason(): string {
    return this.#reason;
  }

  async check(): Promise<void> {
    const path = this.#links.map(resolvedPath);
    if (this.#current !== undefined && path.join() !== this.#path.join()) {
      await this.#replace(path);
      return;
    }
    if (this.#current !== undefined && fileIdentity(path) !== this.#identity) {
      await this.close();
      this.#tell("The feature store was removed or replaced.");
    }
    if (this.#current !== undefined) return;
    try {
      this.#use(path, await openFeatures(path));
    } catch (error) {
      this.#tell(`The feature store cannot be opened: ${errorMessage(error)}`);
    }
  }

  /** Another store took the open one's place: no request finds none. One that this version cannot read leaves the old one open, which nobody writes any more. */
  async #replace(path: readonly string[]): Promise<void> {
    const before = this.#current;
    try {
      this.#use(path, await openFeatures(path));
    } catch (error) {
      if (error instanceof TidemarkError && error.code === "layout_mismatch") {
        this.#tell("Another version's feature store took this one's place: restart with that version.");
        return;
      }
      this.#current = undefined;
      this.#tell(`The feature store cannot be opened: ${errorMessage(error)}`);
    }
    // Whoever reads does so in one turn of the event loop.
    await before?.store.close();
  }

  #use(path: readonly string[], features: OpenFeatures): void {
    this.#current = features;
    this.#path = path;
    this.#identity = fileIdentity(path);
    this.#reason = "";
    this.#logger.info({ path }, "feature store opened");
  }

  async close(): Promise<void> {
    const open = this.#current;
    this.#current = undefined;
    await open?.store.close();
  }

  /** Logs a reason once, not every second. */
  #tell(reason: string): void {
    if (reason !== this.#reason) this.#logger.warn({ path: this.#links }, reason);
    this.#reason = reason;
  }
}

async function openFeatures(paths: readonly string[]): Promise<OpenFeatures> {
  const stores: FeatureStoreReader[] = [];
  try {
    for (const path of paths) stores.push(openLmdbStore(path, { readonly: true }));
    const [only] = stores;
    const store = stores.length === 1 && only !== undefined ? only : new PartitionedStore(stores);
    return { store, reader: new FeatureReader(store) };
  } catch (error) {
    // Opened, but of another layout: it would stay open once more at every check.
    for (const store of stores) await store.close();
    throw error;
  }
}

function fileIdentity(paths: readonly string[]): string {
  return paths
    .map((path) => {
      try {
        const { dev, ino } = statSync(`${path}/data.mdb`);
        return `${dev}:${ino}`;
      } catch {
        return "";
      }
    })
    .join();
}
