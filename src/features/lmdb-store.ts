import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Database, type RootDatabase, open } from "lmdb";
import { must } from "../lib/assert.ts";
import { TidemarkError } from "../lib/errors.ts";
import { type DatabaseName, EncodedBatch, EncodedStoreReader, databaseNames } from "./encoded-store.ts";
import type { FeatureStore, FeatureStoreReader, PageUse, StoreBatch } from "./store.ts";

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

/** Read-only, databases that a store of an older version lacks are missing. */
type Databases = Readonly<Partial<Record<DatabaseName, Database<Uint8Array, string>>>>;

/**
 * `overlappingSync: false` makes a synchronous transaction flush its pages, then its meta page, before it returns: what
 * is committed survives a kill and a power loss. (With the default, the flush comes after the return.) `safeRestore`
 * makes an opening distrust anything that was not flushed, should the environment come from another configuration.
 */
function openEnvironment(path: string, readonly: boolean): RootDatabase<Uint8Array, string> {
  // encoding "binary": values are the bytes that are given. No map size: the file grows as it must. (lmdb's types lack safeRestore.)
  const options = { path, noSubdir: false, readOnly: readonly, encoding: "binary", maxDbs: DATABASES_MAX, overlappingSync: false, safeRestore: true } as const;
  return open<Uint8Array, string>(options);
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

class LmdbStore extends LmdbReader implements FeatureStore {
  readonly #batch: LmdbBatch;

  constructor(root: RootDatabase<Uint8Array, string>, databases: Databases) {
    super(root, databases);
    this.#batch = new LmdbBatch(databases);
  }

  commit(write: (batch: StoreBatch) => void): void {
    this.root.transactionSync(() => {
      write(this.#batch);
    });
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

/** Opens the store's directory. Read-only: it must exist (TidemarkError "features_missing" otherwise). */
export function openLmdbStore(path: string, options: { readonly readonly: false }): FeatureStore;
export function openLmdbStore(path: string, options: { readonly readonly: true }): FeatureStoreReader;
export function openLmdbStore(path: string, options: { readonly readonly: boolean }): FeatureStore | FeatureStoreReader {
  if (options.readonly && !existsSync(join(path, "data.mdb"))) throw missing(path);
  const root = openEnvironment(path, options.readonly);
  try {
    const databases = openDatabases(root, path);
    return options.readonly ? new LmdbReader(root, databases) : new LmdbStore(root, databases);
  } catch (error) {
    void root.close();
    throw error;
  }
}
