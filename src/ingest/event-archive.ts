import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { HOUR_MS } from "../lib/time.ts";
import { type ArchivedSegment, ArchiveIndex } from "./archive-index.ts";
import { decodeHeader, decodeSegment, encodeSegment, HEADER_BYTES_MAX, type Segment, type SegmentHeader, SegmentReader } from "./archive-segment.ts";

const SEGMENT_NAME = /^\d{16}-\d{16}\.seg$/;
const REPLACEMENT_NAME = /^\d{16}-\d{16}\.seg\.[0-9a-f-]{36}$/;
const COMPACTION_NAME = /^compaction-(\d{10})\.json$/;
const TEMPORARY = ".tmp";
/** What nobody refers to any more may still be on its way by another process. */
const ORPHAN_AGE_MS = HOUR_MS;
/** Readings of a directory that changes while it is read. */
const READINGS_MAX = 5;

const compactionSchema = z.object({
  generation: z.int().positive(),
  /** Files that stand for segments which were rewritten; `purged` once the stream does not hold the originals any more. */
  replaced: z.record(z.string().regex(SEGMENT_NAME), z.object({ file: z.string().regex(REPLACEMENT_NAME), purged: z.boolean() })),
  spans: z.array(z.object({ first_sequence: z.int().positive(), erased_sequence: z.int().positive() })),
});
/** The state of a compacted archive. Each compaction writes the next one, as a whole. */
export type Compaction = z.infer<typeof compactionSchema>;

const NO_COMPACTION: Compaction = { generation: 0, replaced: {}, spans: [] };

export function segmentName({ first_sequence, last_sequence }: Pick<SegmentHeader, "first_sequence" | "last_sequence">): string {
  return `${String(first_sequence).padStart(16, "0")}-${String(last_sequence).padStart(16, "0")}.seg`;
}

function compactionName(generation: number): string {
  return `compaction-${String(generation).padStart(10, "0")}.json`;
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** Of two writers at once one fails: it is to look again. */
export class CompactionConflict extends Error {}

/**
 * Segments of EVENTS in a directory, one below it for each stream that there was. Files are written under another name and
 * renamed, and never changed: a compaction writes new files, then says in one more that they stand for the old ones, and
 * removes those last. Whoever dies on the way leaves a whole archive and some files that the next compaction removes.
 */
export class EventArchive {
  readonly directory: string;
  /** Files are never changed, so what their headers said holds as long as they are there. */
  readonly #headers = new Map<string, { readonly header: SegmentHeader; readonly bytes: number }>();

  constructor(directory: string) {
    this.directory = directory;
  }

  /** What there is of a stream. Throws TidemarkError `archive_damaged`, `archive_unreadable`. */
  async index(stream_created: string): Promise<ArchiveIndex> {
    const folder = this.#folder(stream_created);
    for (let reading = 1; ; reading++) {
      try {
        const names = await this.#names(folder);
        const { generation, replaced, spans } = (await this.#newest(folder, names)).compaction;
        const files = new Map(names.filter((name) => SEGMENT_NAME.test(name)).map((name) => [name, name]));
        for (const [name, { file }] of Object.entries(replaced)) files.set(name, file);
        const segments: ArchivedSegment[] = [];
        for (const [name, file] of files) segments.push({ name, path: join(folder, file), ...(await this.#header(join(folder, file), stream_created)) });
        return new ArchiveIndex(segments, spans, generation);
      } catch (error) {
        // A compaction has just removed what it replaced.
        if (isAbsent(error) && reading < READINGS_MAX) continue;
        if (error instanceof TidemarkError) throw error;
        throw new TidemarkError("archive_unreadable", `the archive ${folder} cannot be read: ${errorMessage(error)}`, { cause: error });
      }
    }
  }

  /** A segment's messages, checked against its digest; undefined when a compaction has replaced it since. Throws `archive_damaged`. */
  async read({ path }: ArchivedSegment): Promise<SegmentReader | undefined> {
    try {
      return new SegmentReader(await decodeSegment(await readFile(path), path));
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  /** Durable when it resolves; whether this call has written it, or it was there before. */
  async add(segment: Segment): Promise<boolean> {
    const folder = this.#folder(segment.header.stream_created);
    await mkdir(folder, { recursive: true });
    const name = segmentName(segment.header);
    if ((await this.#newest(folder, await this.#names(folder))).compaction.replaced[name] !== undefined) return false;
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined) return false;
    await writeWhole(folder, path, await encodeSegment(segment));
    return true;
  }

  /** Writes what is to stand for a segment once a compaction says so; the file's name. */
  async addReplacement(segment: Segment): Promise<string> {
    const folder = this.#folder(segment.header.stream_created);
    const name = `${segmentName(segment.header)}.${randomUUID()}`;
    await writeWhole(folder, join(folder, name), await encodeSegment(segment));
    return name;
  }

  async compaction(stream_created: string): Promise<Compaction> {
    const folder = this.#folder(stream_created);
    return (await this.#newest(folder, await this.#names(folder))).compaction;
  }

  /** Makes the next state of a compacted archive the current one. Throws CompactionConflict when there is one already. */
  async commitCompaction(stream_created: string, compaction: Compaction): Promise<void> {
    const folder = this.#folder(stream_created);
    const path = join(folder, compactionName(compaction.generation));
    let file;
    try {
      // Exclusive: of two that compact at once, one wins.
      file = await open(path, "wx");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EEXIST") throw new CompactionConflict(path);
      throw error;
    }
    try {
      await file.writeFile(JSON.stringify(compaction));
      await file.sync();
    } finally {
      await file.close();
    }
    await syncDirectory(folder);
  }

  /** Removes what no longer belongs to the archive. `now_ms` is by the same clock as the files' times. */
  async sweep(stream_created: string, now_ms: number): Promise<void> {
    const folder = this.#folder(stream_created);
    const names = await this.#names(folder);
    const { written, compaction: { replaced } } = await this.#newest(folder, names);
    const standing = new Set(Object.values(replaced).map(({ file }) => file));
    for (const name of names) {
      const path = join(folder, name);
      const older = Number(COMPACTION_NAME.exec(name)?.[1] ?? Number.POSITIVE_INFINITY) < written;
      const original = SEGMENT_NAME.test(name) && replaced[name] !== undefined;
      const orphan = (name.endsWith(TEMPORARY) || (REPLACEMENT_NAME.test(name) && !standing.has(name))) && now_ms - ((await stat(path).catch(() => undefined))?.mtimeMs ?? now_ms) >= ORPHAN_AGE_MS;
      if (older || original || orphan) await this.remove(stream_created, name);
    }
    await syncDirectory(folder);
  }

  async remove(stream_created: string, name: string): Promise<void> {
    const path = join(this.#folder(stream_created), name);
    this.#headers.delete(path);
    await rm(path, { force: true });
  }

  #folder(stream_created: string): string {
    return join(this.directory, `${STREAM_EVENTS}-${stream_created.replaceAll(/[^0-9A-Za-z.]/g, "-")}`);
  }

  async #names(folder: string): Promise<string[]> {
    return readdir(folder).catch((error: unknown) => {
      if (isAbsent(error)) return [];
      throw error;
    });
  }

  /** The newest that is whole, with the generation that its file was written as; one that a crash cut off was never acted on, but its number is taken. */
  async #newest(folder: string, names: readonly string[]): Promise<{ readonly compaction: Compaction; readonly written: number }> {
    let taken = 0;
    for (const name of names.filter((one) => COMPACTION_NAME.test(one)).toSorted().toReversed()) {
      const written = Number(COMPACTION_NAME.exec(name)?.[1]);
      const compaction = compactionSchema.safeParse(parse(await readFile(join(folder, name), "utf8")));
      if (compaction.success && compaction.data.generation === written) return { compaction: { ...compaction.data, generation: Math.max(taken, written) }, written };
      taken = Math.max(taken, written);
    }
    return { compaction: { ...NO_COMPACTION, generation: taken }, written: 0 };
  }

  async #header(path: string, stream_created: string): Promise<{ readonly header: SegmentHeader; readonly bytes: number }> {
    const known = this.#headers.get(path);
    if (known !== undefined) return known;
    const file = await open(path, "r");
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(HEADER_BYTES_MAX), 0, HEADER_BYTES_MAX, 0);
      const header = decodeHeader(buffer.subarray(0, bytesRead), path);
      if (header.stream_created !== stream_created) throw new TidemarkError("archive_damaged", `${path} is of a stream created at ${header.stream_created}, not ${stream_created}: it does not belong there`);
      const entry = { header, bytes: (await file.stat()).size };
      this.#headers.set(path, entry);
      return entry;
    } finally {
      await file.close();
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function writeWhole(folder: string, path: string, bytes: Buffer): Promise<void> {
  const temporary = `${path}.${randomUUID()}${TEMPORARY}`;
  try {
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncDirectory(folder);
}

/** Makes a rename durable, where the file system has that. */
async function syncDirectory(folder: string): Promise<void> {
  const directory = await open(folder, "r").catch(() => undefined);
  await directory?.sync().catch(() => undefined);
  await directory?.close();
}
