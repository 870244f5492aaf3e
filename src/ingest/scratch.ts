import { mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../lib/clock.ts";
import { DAY_MS } from "../lib/time.ts";

/** What was begun longer ago than this belongs to nobody any more: no copy of a store takes a day. */
const ABANDONED_MS = DAY_MS;

/** A new directory below `parent`. What processes that were killed have left beside it under this prefix goes, once it is a day old. */
export async function scratchDirectory(parent: string, prefix: string): Promise<string> {
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    if (!name.startsWith(prefix)) continue;
    const begun_ms = (await stat(join(parent, name)).catch(() => undefined))?.mtimeMs ?? Number.POSITIVE_INFINITY;
    if (systemClock.now_ms() - begun_ms >= ABANDONED_MS) await rm(join(parent, name), { recursive: true, force: true });
  }
  return mkdtemp(join(parent, prefix));
}

/** Runs `work` in such a directory, which is removed afterwards. */
export async function inScratch<T>(parent: string, prefix: string, work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await scratchDirectory(parent, prefix);
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
