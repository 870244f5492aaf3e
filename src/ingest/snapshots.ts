import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGunzip, createGzip } from "node:zlib";
import { z } from "zod";
import { BUCKET_SNAPSHOTS, STREAM_CONTROL, STREAM_EVENTS, STREAM_OFFERS } from "../contracts/subjects.ts";
import { backupLmdbStore, openLmdbStore } from "../features/lmdb-store.ts";
import { layoutShare } from "../features/partition.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { DAY_MS } from "../lib/time.ts";
import type { ForgottenSpan } from "./archive-index.ts";
import type { ObjectEntry } from "./broker-message.ts";
import type { Broker } from "./nats.ts";
import { inScratch } from "./scratch.ts";

const DATA = "data.mdb";
/** Between the store's layout and its position: the newest of a layout sorts last. */
const SEQUENCE_DIGITS = 16;

/** No snapshot takes longer than this to be stored. */
const UNFINISHED_MS = DAY_MS;

const metadataSchema = z.object({
  layout: z.string().min(1),
  stream_created: z.string(),
  sequence: z.string().regex(/^\d+$/).transform(Number),
  control_sequence: z.string().regex(/^\d+$/).transform(Number),
  /** Absent from snapshots of versions that folded no quotes. */
  offers_sequence: z.string().regex(/^\d+$/).transform(Number).default(0),
  raw_bytes: z.string().regex(/^\d+$/).transform(Number),
  raw_sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/** A snapshot of a feature store: all of it, as of one commit. */
export interface Snapshot {
  readonly name: string;
  /** When it was stored, by the broker's clock. */
  readonly stored_at: string;
  /** Compressed, as stored. */
  readonly bytes: number;
  readonly raw_bytes: number;
  readonly raw_sha256: string;
  /** The record layout, and the positions in EVENTS, CONTROL and OFFERS. */
  readonly layout: string;
  readonly stream_created: string;
  readonly sequence: number;
  readonly control_sequence: number;
  readonly offers_sequence: number;
}

function toSnapshot({ name, bytes, stored_at, metadata }: ObjectEntry): Snapshot | undefined {
  const parsed = metadataSchema.safeParse(metadata);
  return parsed.success ? { name, bytes, stored_at, ...parsed.data } : undefined;
}

/** Position and layout of a store that is not written meanwhile. */
async function describe(directory: string): Promise<Pick<Snapshot, "layout" | "stream_created" | "sequence" | "control_sequence" | "offers_sequence">> {
  const store = openLmdbStore(directory, { readonly: true });
  try {
    const cursor = store.cursor(STREAM_EVENTS);
    const layout = store.layout();
    if (layout === undefined || cursor === undefined) throw new TidemarkError("features_empty", "the feature store has folded nothing yet: there is nothing to keep");
    return { layout, stream_created: cursor.stream_created, sequence: cursor.sequence, control_sequence: store.cursor(STREAM_CONTROL)?.sequence ?? 0, offers_sequence: store.cursor(STREAM_OFFERS)?.sequence ?? 0 };
  } finally {
    await store.close();
  }
}

async function fileDigest(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest("hex");
}

async function listSnapshots(broker: Pick<Broker, "listObjects">): Promise<Snapshot[]> {
  const entries = await broker.listObjects(BUCKET_SNAPSHOTS);
  return entries.flatMap((entry) => toSnapshot(entry) ?? []).sort((a, b) => (a.stored_at < b.stored_at ? -1 : 1));
}

/**
 * Removes the snapshots that hold a learner who has been forgotten since: how many. They stand between the learner's first event and the erasure,
 * from where no fold can go on (`erased_since`).
 */
export async function forgetInSnapshots(broker: Pick<Broker, "listObjects" | "deleteObject">, stream_created: string, spans: readonly ForgottenSpan[]): Promise<number> {
  if (spans.length === 0) return 0;
  const holding = (await listSnapshots(broker)).filter((snapshot) => snapshot.stream_created === stream_created && spans.some(({ first_sequence, erased_sequence }) => first_sequence <= snapshot.sequence && snapshot.sequence < erased_sequence));
  for (const { name } of holding) await broker.deleteObject(BUCKET_SNAPSHOTS, name);
  return holding.length;
}

/** Snapshots in the object store SNAPSHOTS. They are written and read piece by piece, through files in `scratch`. */
export class Snapshots {
  readonly #broker: Broker;
  readonly #scratch: string;

  constructor(broker: Broker, scratch: string) {
    this.#broker = broker;
    this.#scratch = scratch;
  }

  /** Keeps a store as it is now, while it may be written. Needs as much room on disk as the store takes. */
  async create(store_path: string): Promise<Snapshot> {
    return inScratch(this.#scratch, "snapshot-", async (directory) => {
      await backupLmdbStore(store_path, directory);
      const path = join(directory, DATA);
      const described = await describe(directory);
      const raw_sha256 = await fileDigest(path);
      const raw_bytes = (await stat(path)).size;
      const name = `${described.layout}/${String(described.sequence).padStart(SEQUENCE_DIGITS, "0")}-${described.control_sequence}-${described.offers_sequence}`;
      const metadata = { ...described, sequence: String(described.sequence), control_sequence: String(described.control_sequence), offers_sequence: String(described.offers_sequence), raw_bytes: String(raw_bytes), raw_sha256 };
      const compressed = createReadStream(path).pipe(createGzip({ level: constants.Z_BEST_SPEED }));
      await this.#broker.putObjectStream(BUCKET_SNAPSHOTS, name, metadata, compressed as AsyncIterable<Uint8Array>);
      const stored = (await this.list()).find((snapshot) => snapshot.name === name);
      if (stored === undefined) throw new TidemarkError("snapshot_missing", `the snapshot ${name} was stored and is not there`);
      return stored;
    });
  }

  /** Oldest first. What is no snapshot is passed over. */
  list(): Promise<Snapshot[]> {
    return listSnapshots(this.#broker);
  }

  /** The newest of a layout, or the one of that name. Throws TidemarkError `unknown_snapshot`. */
  async find(layout: string, name?: string): Promise<Snapshot> {
    const all = await this.list();
    const found = all.findLast((snapshot) => (name === undefined ? snapshot.layout === layout : snapshot.name === name));
    if (found !== undefined) return found;
    throw new TidemarkError("unknown_snapshot", `there is no snapshot ${name === undefined ? `of layout ${layout}` : name}: \`tidemark snapshot list\` shows what there is`);
  }

  /**
   * Writes a snapshot's store into an empty directory, durable when it resolves. Throws TidemarkError `snapshot_damaged` when it is not what was stored;
   * then the directory holds nothing to be used.
   */
  async fetch(snapshot: Snapshot, directory: string): Promise<void> {
    const object = await this.#broker.getObjectStream(BUCKET_SNAPSHOTS, snapshot.name);
    if (object === undefined) throw new TidemarkError("unknown_snapshot", `the snapshot ${snapshot.name} is gone`);
    await mkdir(directory, { recursive: true });
    const path = join(directory, DATA);
    try {
      await pipeline(Readable.from(object.pieces), createGunzip(), createWriteStream(path));
    } catch (error) {
      throw new TidemarkError("snapshot_damaged", `the snapshot ${snapshot.name} cannot be read whole: ${errorMessage(error)}`, { cause: error });
    }
    const digest = await fileDigest(path);
    if (digest !== snapshot.raw_sha256) throw new TidemarkError("snapshot_damaged", `the snapshot ${snapshot.name} has the digest ${digest}, not ${snapshot.raw_sha256}`);
    const file = await open(path, "r");
    await file.sync().finally(() => file.close());
    const { layout, sequence, control_sequence, offers_sequence, stream_created } = await describe(directory);
    if (layout !== snapshot.layout || sequence !== snapshot.sequence || control_sequence !== snapshot.control_sequence || offers_sequence !== snapshot.offers_sequence || stream_created !== snapshot.stream_created) {
      throw new TidemarkError("snapshot_damaged", `the snapshot ${snapshot.name} holds another position than it says`);
    }
  }

  /** Removes the oldest of a layout beyond `kept`, and every one of the same partition's other layouts as soon as there are `kept` of this one. Other partitions' are theirs. With them goes what a snapshot left that was never finished. */
  async prune(layout: string, kept: number): Promise<number> {
    const all = await this.list();
    const own = all.filter((snapshot) => snapshot.layout === layout);
    const old = own.slice(0, Math.max(0, own.length - kept));
    const others = own.length >= kept ? all.filter((snapshot) => snapshot.layout !== layout && layoutShare(snapshot.layout) === layoutShare(layout)) : [];
    for (const { name } of [...old, ...others]) await this.#broker.deleteObject(BUCKET_SNAPSHOTS, name);
    await this.#broker.removeUnfinished(BUCKET_SNAPSHOTS, UNFINISHED_MS);
    return old.length + others.length;
  }
}
