import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { TidemarkError } from "../lib/errors.ts";

/** Where lmdb's two meta pages keep what is looked at here: after the page's own header, little end first. */
const MAGIC = 0xbeefc0de;
const AT = { magic: 24, page_bytes: 48, free_root: 88, main_root: 136, transaction: 152, end: 160 } as const;
const PAGE_BYTES_MIN = 512;
const PAGE_BYTES_MAX = 65_536;
/** What a tree without pages has for a root. */
const NO_PAGE = 0xffff_ffff_ffff_ffffn;

/**
 * Throws TidemarkError `features_damaged` when the file of a store is none, or ends before its trees begin: lmdb maps whatever it is given, and the
 * process would die of it. Damage further down is not looked for. A file that is not there or empty is left to lmdb where it is to be written.
 */
export function checkLmdbFile(directory: string, readonly: boolean): void {
  const path = join(directory, "data.mdb");
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    // A directory that is none is lmdb's to refuse.
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return;
    throw error;
  }
  try {
    const { size } = fstatSync(file);
    if (size === 0 && !readonly) return;
    const first = metaAt(file, 0);
    const page_bytes = first?.readUInt32LE(AT.page_bytes) ?? 0;
    if (first === undefined || page_bytes < PAGE_BYTES_MIN || page_bytes > PAGE_BYTES_MAX) throw damaged(path);
    const second = metaAt(file, page_bytes);
    if (second === undefined) throw damaged(path);
    const newest = second.readBigUInt64LE(AT.transaction) > first.readBigUInt64LE(AT.transaction) ? second : first;
    for (const at of [AT.free_root, AT.main_root]) {
      const root = newest.readBigUInt64LE(at);
      if (root !== NO_PAGE && (root + 1n) * BigInt(page_bytes) > BigInt(size)) throw damaged(path);
    }
  } finally {
    closeSync(file);
  }
}

/** undefined where there is no meta page. */
function metaAt(file: number, offset: number): Buffer | undefined {
  const meta = Buffer.alloc(AT.end);
  return readSync(file, meta, 0, AT.end, offset) === AT.end && meta.readUInt32LE(AT.magic) === MAGIC ? meta : undefined;
}

function damaged(path: string): TidemarkError {
  return new TidemarkError("features_damaged", `${path} is no feature store, or only a part of one: stop ingest, delete the directory, and start ingest again, which restores a snapshot or folds anew`);
}
