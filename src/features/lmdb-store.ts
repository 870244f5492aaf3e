import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Database, type RootDatabase, open } from "lmdb";
import { must } from "../lib/assert.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { type DatabaseName, EncodedBatch, EncodedStoreReader, databaseNames } from "./encoded-store.ts";
import type { FeatureStore, FeatureStoreReader, PageUse, StoreBatch } from "./store.ts";
import { checkLmdbFile } from "./lmdb-file.ts";
import { WriterTurn } from "./lmdb-writer-turn.ts";

/** lmdb's own default of 12 would be too few. */
const DATABASES_MAX = 32;

const META_PAGES = 2;

/** What lmdb tells of a tree of pages; its own types leave it out. */
interface TreeStats {
  readonly pageSize: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

interface EnvironmentStats extends TreeStats {
  readonly lastPageNumber: number;
  /** The tree of the named databases, and that of the free pages. */
  readonly root: TreeStats;
  readonly free: TreeStats;
}

/**
 * An asynchronous batch goes to the writing thread when it is complete, never while it still grows, nor at the end of the event
 * loop's turn: a transaction that waits for more could be committed in part when a synchronous one comes between.
 */
const WHOLE_BATCHES = { eventTurnBatching: false, batchStartThreshold: Number.MAX_SAFE_INTEGER } as const;

/** Records of a full batch take a few of them. */
const CHUNK_BYTES = 1024 * 1024;

/** Read-only, databases that a store of an older version lacks are missing. */
type Databases = Readonly<Partial<Record<DatabaseName, Database<Uint8Array, string>>>>;

/**
 * `overlappingSync: false` makes a synchronous transaction flush its pages, then its meta page, before it returns: what
 * is committed survives a kill and a power loss. (With the default, the flush comes after the return.) `safeRestore`
 * makes an opening distrust anything that was not flushed, should the environment come from another configuration.
 */
function openEnvironment(path: string, readonly: boolean): RootDatabase<Uint8Array, string> {
  // encoding "binary": values are the bytes that are given. No map size: the file grows as it must. (lmdb's types lack safeRestore.)
  const options = { path, noSubdir: false, readOnly: readonly, encoding: "binary", maxDbs: DATABASES_MAX, overlappingSync: false, safeRestore: true, ...WHOLE_BATCHES } as const;
  return open<Uint8Array, string>(options);
}

/**
 * Copies a store, as of one commit, into an empty directory, while it may be written: the copy is what a reader would see. Until it is done, pages that
 * later commits free are not used again. Throws TidemarkError "features_missing".
 */
export async function backupLmdbStore(path: string, directory: string): Promise<void> {
  if (!existsSync(join(path, "data.mdb"))) throw missing(path);
  const root = openEnvironment(path, true);
  try {
    // Compacting: free pages are left out.
    await root.backup(directory, true);
  } finally {
    await root.close();
  }
}

function missing(path: string): TidemarkError {
  return new TidemarkError("features_missing", `there is no feature store in ${path}: start ingest, which creates it`);
}

function openDatabases(root: RootDatabase<Uint8Array, string>, path: string): Databases {
  const entries = databaseNames.flatMap((name) => {
    // Read-only, a database that does not exist opens as undefined, which lmdb's own types leave out.
    const database = root.openDB<Uint8Array, string>(name, { encoding: "binary" }) as Database<Uint8Array, string> | undefined;
    return database === undefined ? [] : [[name, database] as const];
  });
  const databases: Databases = Object.fromEntries(entries);
  // With the layout it can at least be said that it is another version's.
  if (databases["events.meta"] === undefined) throw missing(path);
  return databases;
}

class LmdbReader extends EncodedStoreReader {
  protected readonly root: RootDatabase<Uint8Array, string>;
  protected readonly databases: Databases;

  constructor(root: RootDatabase<Uint8Array, string>, databases: Databases) {
    super();
    this.root = root;
    this.databases = databases;
  }

  async close(): Promise<void> {
    await this.root.close();
  }

  protected read(database: DatabaseName, key: string): Uint8Array | undefined {
    return this.databases[database]?.getBinaryFast(key);
  }

  protected keys(database: DatabaseName, from?: string): Iterable<string> {
    return this.databases[database]?.getKeys(from === undefined || from === "" ? {} : { start: from }) ?? [];
  }
}

class LmdbBatch extends EncodedBatch {
  readonly #databases: Databases;

  constructor(databases: Databases) {
    super();
    this.#databases = databases;
  }

  /** Inside a synchronous transaction lmdb copies the bytes before putSync returns. */
  set(database: DatabaseName, key: string, value: Uint8Array): void {
    this.#database(database).putSync(key, value);
  }

  unset(database: DatabaseName, key: string): void {
    this.#database(database).removeSync(key);
  }

  #database(name: DatabaseName): Database<Uint8Array, string> {
    return must(this.#databases[name], `database ${name} is not open`);
  }
}

/**
 * Collects a batch for the writing thread, which reads keys and values after this thread has gone on: values are copied into
 * chunks that are used again once the batch is durable.
 */
class LmdbAsyncBatch extends EncodedBatch {
  readonly #databases: Databases;
  readonly #free: Uint8Array[];
  readonly #chunks: Uint8Array[] = [];
  readonly #writes: { readonly database: Database<Uint8Array, string>; readonly key: string; readonly value: Uint8Array | undefined }[] = [];
  #room: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(databases: Databases, free: Uint8Array[]) {
    super();
    this.#databases = databases;
    this.#free = free;
  }

  set(name: DatabaseName, key: string, value: Uint8Array): void {
    if (this.#at + value.length > this.#room.length) this.#extend(value.length);
    const start = this.#at;
    this.#at += value.length;
    this.#room.set(value, start);
    this.#writes.push({ database: this.#database(name), key, value: this.#room.subarray(start, this.#at) });
  }

  unset(name: DatabaseName, key: string): void {
    this.#writes.push({ database: this.#database(name), key, value: undefined });
  }

  /** Queues everything for one transaction: all of it or, when it rejects, nothing. */
  async commit(turn: WriterTurn): Promise<void> {
    // Nothing in here throws, since all keys and values are made: what an exception left queued would be written.
    await turn.batch(() => {
      for (const { database, key, value } of this.#writes) void (value === undefined ? database.remove(key) : database.put(key, value));
    });
    this.#free.push(...this.#chunks);
  }

  #extend(bytes: number): void {
    this.#room = (bytes <= CHUNK_BYTES ? this.#free.pop() : undefined) ?? new Uint8Array(Math.max(bytes, CHUNK_BYTES));
    this.#at = 0;
    if (this.#room.length === CHUNK_BYTES) this.#chunks.push(this.#room);
  }

  #database(name: DatabaseName): Database<Uint8Array, string> {
    return must(this.#databases[name], `database ${name} is not open`);
  }
}

class LmdbStore extends LmdbReader implements FeatureStore {
  readonly #batch: LmdbBatch;
  readonly #turn: WriterTurn;
  /** For asynchronous batches: as many as were ever in flight at once. */
  readonly #chunks: Uint8Array[] = [];
  readonly #path: string;

  constructor(root: RootDatabase<Uint8Array, string>, databases: Databases, path: string) {
    super(root, databases);
    this.#batch = new LmdbBatch(databases);
    this.#turn = new WriterTurn(root);
    this.#path = path;
  }

  commit(write: (batch: StoreBatch) => void): void {
    try {
      this.root.transactionSync(() => {
        this.#turn.check();
        write(this.#batch);
      });
    } catch (error) {
      // What `write` throws of its own passes through.
      throw isLmdbError(error) ? writeFailed(this.#path, error) : error;
    }
  }

  async commitAsync(write: (batch: StoreBatch) => void): Promise<void> {
    const batch = new LmdbAsyncBatch(this.databases, this.#chunks);
    write(batch);
    try {
      await batch.commit(this.#turn);
    } catch (error) {
      throw await commitError(this.#path, error);
    }
  }

  releaseDeadReaders(): number {
    return this.root.readerCheck();
  }

  /** LMDB does not tell how many pages its list of free ones names: they are what its trees do not consist of. */
  pageUse(): PageUse {
    const environment = this.root.getStats() as EnvironmentStats;
    const trees = [environment.root, environment.free, ...Object.values(this.databases).map((database) => database.getStats() as TreeStats)];
    const used = trees.reduce((sum, tree) => sum + tree.treeBranchPageCount + tree.treeLeafPageCount + tree.overflowPages, META_PAGES);
    const pages = environment.lastPageNumber + 1;
    return { page_bytes: environment.pageSize, pages, free_pages: pages - used };
  }
}

/** Only lmdb's own errors have a number for a code: that of the system's, or one of its own below zero. */
function isLmdbError(error: unknown): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "number";
}

/** lmdb puts the cause into a promise beside the error, which nobody else awaits. */
async function commitError(path: string, error: unknown): Promise<unknown> {
  if (!(error instanceof Error && "commitError" in error)) return error;
  return writeFailed(path, await Promise.resolve(error.commitError).catch((reason: unknown) => reason));
}

/** A full disk shows as "Input/output error" when there was room for a part. */
function writeFailed(path: string, cause: unknown): TidemarkError {
  return new TidemarkError("store_write_failed", `the feature store in ${path} cannot be written: ${errorMessage(cause)}; see whether its disk is full or failing`, { cause });
}

/** Opens the store's directory. Read-only: it must exist (TidemarkError "features_missing" otherwise). "features_damaged" when what is there is no store. */
export function openLmdbStore(path: string, options: { readonly readonly: false }): FeatureStore;
export function openLmdbStore(path: string, options: { readonly readonly: true }): FeatureStoreReader;
export function openLmdbStore(path: string, options: { readonly readonly: boolean }): FeatureStore | FeatureStoreReader {
  if (options.readonly && !existsSync(join(path, "data.mdb"))) throw missing(path);
  checkLmdbFile(path, options.readonly);
  const root = openEnvironment(path, options.readonly);
  try {
    const databases = openDatabases(root, path);
    return options.readonly ? new LmdbReader(root, databases) : new LmdbStore(root, databases, path);
  } catch (error) {
    void root.close();
    throw error;
  }
}
