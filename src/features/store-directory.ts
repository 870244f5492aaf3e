import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readlinkSync, realpathSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { openLmdbStore } from "./lmdb-store.ts";

const CURRENT = "current";
const DATA = "data.mdb";
const LOCK = "lock.mdb";

/** A store that is to be written: `current` once readers are sent to it. */
export interface WritableStore {
  readonly path: string;
  readonly current: boolean;
}

/**
 * Stores of one host, each in a directory named by its record layout, and a symbolic link `current` to the one that is read. A new
 * layout is folded beside the old one, which keeps being read; then the link is moved, in one step.
 */
export class StoreDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** What readers open: a link, to be resolved anew at every opening. */
  get current(): string {
    return join(this.path, CURRENT);
  }

  /** The directory of a layout, whether it is there or not. */
  of(layout: string): string {
    return join(this.path, layout);
  }

  /** The store that a writer of `layout` goes on with, or begins. */
  prepare(layout: string): WritableStore {
    mkdirSync(this.of(layout), { recursive: true });
    this.#adopt(layout);
    const pointed = this.#pointed();
    if (pointed === undefined && !this.#bare()) this.promote(layout);
    return { path: this.of(layout), current: this.#pointed() === layout };
  }

  /** Readers open this layout from now on. Durable when it returns. */
  promote(layout: string): void {
    const link = `${this.current}.new`;
    rmSync(link, { force: true });
    symlinkSync(layout, link);
    renameSync(link, this.current);
    syncDirectory(this.path);
  }

  /** Removes every store but the current one, and what an opening for writing or a restoring left behind. Who has one open keeps reading it. */
  sweep(): void {
    const pointed = this.#pointed();
    if (pointed === undefined) return;
    for (const entry of readdirSync(this.path)) {
      if (entry !== CURRENT && entry !== pointed) rmSync(join(this.path, entry), { recursive: true, force: true });
    }
  }

  #pointed(): string | undefined {
    try {
      return basename(readlinkSync(this.current));
    } catch {
      return undefined;
    }
  }

  /** A store from before there were directories for layouts. */
  #bare(): boolean {
    return existsSync(join(this.path, DATA));
  }

  /** Such a store becomes that of its layout if it is the one wanted; else it stays until it is swept. */
  #adopt(layout: string): void {
    if (!this.#bare() || existsSync(join(this.of(layout), DATA)) || bareLayout(this.path) !== layout) return;
    rmSync(join(this.path, LOCK), { force: true });
    renameSync(join(this.path, DATA), join(this.of(layout), DATA));
    this.promote(layout);
  }
}

function bareLayout(path: string): string | undefined {
  const store = openLmdbStore(path, { readonly: true });
  const layout = store.layout();
  void store.close();
  return layout;
}

/** Where a store's path leads now; the path itself where nothing is yet. */
export function resolvedPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Makes renames in a directory durable. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
