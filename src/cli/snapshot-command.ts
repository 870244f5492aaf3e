import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { openLmdbStore } from "../features/lmdb-store.ts";
import { partitionLayout } from "../features/partition.ts";
import { resolvedPath, StoreDirectory, syncDirectory } from "../features/store-directory.ts";
import { EventHistory } from "../ingest/event-history.ts";
import { foldTo } from "../ingest/fold-to.ts";
import type { Broker } from "../ingest/nats.ts";
import { inScratch, scratchDirectory } from "../ingest/scratch.ts";
import { type Snapshot, Snapshots } from "../ingest/snapshots.ts";
import { firstDifference } from "../ingest/state-digest.ts";
import { systemClock } from "../lib/clock.ts";
import { TidemarkError } from "../lib/errors.ts";
import { eventArchive } from "./archive.ts";
import type { CommandContext } from "./command.ts";
import { runStoreComparison } from "./compare-stores.ts";
import { connectBroker } from "./connect-broker.ts";
import { EXIT_OK, EXIT_PERMANENT } from "./exit-codes.ts";
import { configuredPartition } from "./partition.ts";
import { createProgress, formatCount } from "./progress.ts";

const SCRATCH = "scratch";

async function withSnapshots<T>(context: CommandContext, work: (snapshots: Snapshots, broker: Broker) => Promise<T>): Promise<T> {
  const broker = await connectBroker(context, "tidemark-snapshot");
  try {
    return await work(new Snapshots(broker, join(context.read.config.data_dir, SCRATCH)), broker);
  } finally {
    await broker.close();
  }
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`;

function line({ name, stored_at, sequence, bytes, raw_bytes }: Snapshot): string {
  return `${name}  ${stored_at}  up to ${formatCount(sequence)}  ${mebibytes(bytes)} (${mebibytes(raw_bytes)} as a store)`;
}

/** `tidemark snapshot create`. */
export function runSnapshotCreate(context: CommandContext): Promise<number> {
  const { config } = context.read;
  return withSnapshots(context, async (snapshots) => {
    const created = await snapshots.create(resolvedPath(new StoreDirectory(join(config.data_dir, "features")).current));
    await snapshots.prune(created.layout, config.snapshots_kept);
    console.log(context.options["json"] === true ? JSON.stringify(created, null, 2) : line(created));
    return EXIT_OK;
  });
}

/** `tidemark snapshot list`. */
export function runSnapshotList(context: CommandContext): Promise<number> {
  return withSnapshots(context, async (snapshots) => {
    const all = await snapshots.list();
    if (context.options["json"] === true) console.log(JSON.stringify(all, null, 2));
    else console.log(all.length === 0 ? "No snapshots." : all.map(line).join("\n"));
    return EXIT_OK;
  });
}

/** `tidemark snapshot restore`: refuses to touch a store that is there. */
export function runSnapshotRestore(context: CommandContext): Promise<number> {
  const stores = new StoreDirectory(join(context.read.config.data_dir, "features"));
  const own = partitionLayout(configuredPartition(context.read.config));
  return withSnapshots(context, async (snapshots, broker) => {
    const snapshot = await snapshots.find(own, context.arguments[0]);
    const { layout, name, stream_created, sequence } = snapshot;
    if (layout !== own) throw new TidemarkError("layout_mismatch", `the snapshot ${name} has layout ${layout}, this version and partition read ${own}`);
    if (existsSync(join(stores.of(layout), "data.mdb"))) throw new TidemarkError("store_exists", `there is a feature store in ${stores.of(layout)}: stop what uses it and move or delete ${stores.path} first`);
    const stream = await broker.streamInfo(STREAM_EVENTS);
    if (stream?.created !== stream_created) throw new TidemarkError("stream_recreated", `the snapshot ${name} was folded from a stream created at ${stream_created}, the broker's was created at ${stream?.created ?? "no time: there is none"}`);
    const fetched = await scratchDirectory(stores.path, "restore-");
    try {
      await snapshots.fetch(snapshot, fetched);
      await rm(join(fetched, "lock.mdb"), { force: true });
      syncDirectory(fetched);
      await rename(fetched, stores.of(layout));
    } catch (error) {
      await rm(fetched, { recursive: true, force: true });
      throw error;
    }
    stores.promote(layout);
    if (context.options["json"] === true) console.log(JSON.stringify({ path: stores.of(layout), ...snapshot, behind: Math.max(0, stream.last_sequence - sequence) }, null, 2));
    else console.log(`${stores.of(layout)} stands at sequence ${formatCount(sequence)}, ${formatCount(Math.max(0, stream.last_sequence - sequence))} behind the stream: start ingest`);
    return EXIT_OK;
  });
}

/** `tidemark snapshot verify`: against another host's store, or of a snapshot: the digest, then a fold of the streams up to its position. */
export function runSnapshotVerify(context: CommandContext): Promise<number> {
  const { config } = context.read;
  const against = context.options["against"];
  if (typeof against === "string") return runStoreComparison(context, against);
  const own = partitionLayout(configuredPartition(context.read.config));
  return withSnapshots(context, async (snapshots, broker) => {
    const snapshot = await snapshots.find(own, context.arguments[0]);
    if (snapshot.layout !== own) throw new TidemarkError("layout_mismatch", `the snapshot ${snapshot.name} has layout ${snapshot.layout}, this version and partition fold ${own}`);
    const archive = eventArchive(config);
    const phase = createProgress(process.stderr, systemClock).phase("verify");
    return inScratch(join(config.data_dir, SCRATCH), "verify-", async (directory) => {
      await snapshots.fetch(snapshot, join(directory, "kept"));
      const folded = openLmdbStore(join(directory, "folded"), { readonly: false });
      const kept = openLmdbStore(join(directory, "kept"), { readonly: true });
      try {
        const events = archive === undefined ? broker : new EventHistory(broker, archive);
        const first_sequence = await foldTo({ events, control: broker, partition: configuredPartition(config), store: folded, sequence: snapshot.sequence, control_sequence: snapshot.control_sequence, offers_sequence: snapshot.offers_sequence, onProgress: (done, total) => phase.update("folded", done, total) });
        const difference = firstDifference(kept, folded);
        if (difference === undefined) phase.done(`${snapshot.name} is what the streams give, key by key and byte by byte`);
        else {
          const begins = first_sequence > 1 ? `; but what came before sequence ${formatCount(first_sequence)} is in neither stream nor archive and could not be folded` : "";
          phase.failed(`${snapshot.name} differs from what the streams give, first at ${difference}${begins}`);
        }
        if (context.options["json"] === true) console.log(JSON.stringify({ ...snapshot, equal: difference === undefined, first_difference: difference ?? null, first_sequence }, null, 2));
        return difference === undefined ? EXIT_OK : EXIT_PERMANENT;
      } finally {
        await kept.close();
        await folded.close();
      }
    });
  });
}
