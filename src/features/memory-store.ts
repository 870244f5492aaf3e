import { type DatabaseName, EncodedBatch, EncodedStoreReader, databaseNames } from "./encoded-store.ts";
import type { FeatureStore, PageUse, StoreBatch } from "./store.ts";

/** Collects writes, so that a batch that throws leaves nothing behind. */
class MemoryBatch extends EncodedBatch {
  readonly writes: { database: DatabaseName; key: string; value: Uint8Array | undefined }[] = [];

  set(database: DatabaseName, key: string, value: Uint8Array): void {
    this.writes.push({ database, key, value: new Uint8Array(value) });
  }

  unset(database: DatabaseName, key: string): void {
    this.writes.push({ database, key, value: undefined });
  }
}

/** The store port in memory, for tests and for replays that nobody keeps. */
export class MemoryStore extends EncodedStoreReader implements FeatureStore {
  readonly #databases = new Map<DatabaseName, Map<string, Uint8Array>>(databaseNames.map((name) => [name, new Map()]));

  commit(write: (batch: StoreBatch) => void): void {
    const batch = new MemoryBatch();
    write(batch);
    for (const { database, key, value } of batch.writes) {
      if (value === undefined) this.#databases.get(database)!.delete(key);
      else this.#databases.get(database)!.set(key, value);
    }
  }

  commitAsync(write: (batch: StoreBatch) => void): Promise<void> {
    return new Promise((resolve) => {
      this.commit(write);
      resolve();
    });
  }

  /** Nobody else reads it. */
  releaseDeadReaders(): number {
    return 0;
  }

  /** It has no file. */
  pageUse(): PageUse {
    return { page_bytes: 0, pages: 0, free_pages: 0 };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  protected read(database: DatabaseName, key: string): Uint8Array | undefined {
    return this.#databases.get(database)!.get(key);
  }

  protected keys(database: DatabaseName, from = ""): Iterable<string> {
    return [...this.#databases.get(database)!.keys()].filter((key) => key >= from).sort();
  }
}
