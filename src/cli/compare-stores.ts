import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { STREAM_CONTROL, STREAM_EVENTS } from "../contracts/subjects.ts";
import { backupLmdbStore, openLmdbStore } from "../features/lmdb-store.ts";
import { partitionLayout } from "../features/partition.ts";
import { resolvedPath, StoreDirectory } from "../features/store-directory.ts";
import type { FeatureStore } from "../features/store.ts";
import { EventHistory } from "../ingest/event-history.ts";
import { foldOnto } from "../ingest/fold-onto.ts";
import type { Broker } from "../ingest/nats.ts";
import { inScratch } from "../ingest/scratch.ts";
import { firstDifference, stateDigest } from "../ingest/state-digest.ts";
import { systemClock } from "../lib/clock.ts";
import { TidemarkError } from "../lib/errors.ts";
import { eventArchive } from "./archive.ts";
import type { CommandContext } from "./command.ts";
import { connectBroker } from "./connect-broker.ts";
import { EXIT_OK, EXIT_PERMANENT } from "./exit-codes.ts";
import { configuredPartition } from "./partition.ts";
import { createProgress, formatCount } from "./progress.ts";
import { wholeOption } from "./whole-option.ts";

const SCRATCH = "scratch";

interface Positions {
  readonly sequence: number;
  readonly control_sequence: number;
}

const storeOf = (data_dir: string): string => resolvedPath(new StoreDirectory(join(data_dir, "features")).current);

function positions(store: FeatureStore): Positions {
  return { sequence: store.cursor(STREAM_EVENTS)?.sequence ?? 0, control_sequence: store.cursor(STREAM_CONTROL)?.sequence ?? 0 };
}

/** A copy of a host's store as of one commit, which ingest may write meanwhile. */
async function copyOf(path: string, directory: string): Promise<FeatureStore> {
  await mkdir(directory, { recursive: true });
  await backupLmdbStore(path, directory);
  return openLmdbStore(directory, { readonly: false });
}

function foldFurther({ read: { config } }: CommandContext, broker: Broker, store: FeatureStore, to: Positions, onProgress: (done: number, total: number) => void): Promise<void> {
  const archive = eventArchive(config);
  const events = archive === undefined ? broker : new EventHistory(broker, archive);
  return foldOnto({ events, control: broker, partition: configuredPartition(config), store, ...to, onProgress });
}

async function withBroker<T>(context: CommandContext, work: (broker: Broker) => Promise<T>): Promise<T> {
  const broker = await connectBroker(context, "tidemark-snapshot");
  try {
    return await work(broker);
  } finally {
    await broker.close();
  }
}

/** `tidemark snapshot verify --against`: this host's store and another's, both as of the later of their positions. */
export async function runStoreComparison(context: CommandContext, against: string): Promise<number> {
  const { read: { config }, options } = context;
  const theirs = [storeOf(resolve(against)), resolve(against)].find((path) => existsSync(join(path, "data.mdb")));
  if (theirs === undefined) throw new TidemarkError("features_missing", `--against ${against}: there is no feature store; name another host's data directory, mounted or copied here, or a store's own`);
  const phase = createProgress(process.stderr, systemClock).phase("verify");
  return withBroker(context, (broker) =>
    inScratch(join(config.data_dir, SCRATCH), "verify-", async (directory) => {
      const own = await copyOf(storeOf(config.data_dir), join(directory, "own"));
      const other = await copyOf(theirs, join(directory, "other"));
      try {
        const layouts = [own.layout(), other.layout()];
        if (layouts[0] !== layouts[1]) throw new TidemarkError("layout_mismatch", `the stores have the layouts ${layouts.join(" and ")}: only stores of one version and partition can be compared`);
        const [ours, their] = [positions(own), positions(other)];
        const at: Positions = { sequence: Math.max(ours.sequence, their.sequence), control_sequence: Math.max(ours.control_sequence, their.control_sequence) };
        for (const store of [own, other]) await foldFurther(context, broker, store, at, (done, total) => phase.update("folded", done, total));
        const [digest, digest_against] = [stateDigest(own), stateDigest(other)];
        const difference = digest === digest_against ? undefined : firstDifference(own, other);
        const equal = difference === undefined;
        if (equal) phase.done(`both stores are the same at sequence ${formatCount(at.sequence)}, ${digest}`);
        else phase.failed(`the stores differ at sequence ${formatCount(at.sequence)}, first at ${difference}: fold the wrong one anew; \`snapshot verify\` on each host says which it is`);
        if (options["json"] === true) console.log(JSON.stringify({ equal, ...at, digest, digest_against, first_difference: difference ?? null, sequence_before: ours.sequence, sequence_against_before: their.sequence }, null, 2));
        return equal ? EXIT_OK : EXIT_PERMANENT;
      } finally {
        await own.close();
        await other.close();
      }
    }),
  );
}

/** `tidemark snapshot digest`: for hosts that cannot see each other's disks: the same sequences give the same digest. */
export async function runStoreDigest(context: CommandContext): Promise<number> {
  const { read: { config }, options } = context;
  const asked = (name: string, flag: string): number | undefined => (options[name] === undefined ? undefined : wholeOption(flag, options[name], Number.MAX_SAFE_INTEGER));
  const sequence = asked("sequence", "--sequence");
  const control_sequence = asked("controlSequence", "--control-sequence");
  return inScratch(join(config.data_dir, SCRATCH), "digest-", async (directory) => {
    const store = await copyOf(storeOf(config.data_dir), directory);
    try {
      const stands = positions(store);
      const at = { sequence: sequence ?? stands.sequence, control_sequence: control_sequence ?? stands.control_sequence };
      if (at.sequence < stands.sequence || at.control_sequence < stands.control_sequence) {
        throw new TidemarkError("bad_usage", `the store stands at --sequence ${stands.sequence} --control-sequence ${stands.control_sequence} already: ask all hosts for these, or for later ones`);
      }
      if (at.sequence > stands.sequence || at.control_sequence > stands.control_sequence) await withBroker(context, (broker) => foldFurther(context, broker, store, at, () => undefined));
      const found = { layout: store.layout() ?? partitionLayout(configuredPartition(config)), stream_created: store.cursor(STREAM_EVENTS)?.stream_created ?? "", ...positions(store), digest: stateDigest(store) };
      if (found.sequence !== at.sequence || found.control_sequence !== at.control_sequence) {
        throw new TidemarkError("bad_usage", `the streams end at sequence ${found.sequence} and CONTROL ${found.control_sequence}: ask for no later ones`);
      }
      console.log(options["json"] === true ? JSON.stringify(found, null, 2) : `${found.digest}  --sequence ${found.sequence} --control-sequence ${found.control_sequence}  layout ${found.layout}`);
      return EXIT_OK;
    } finally {
      await store.close();
    }
  });
}
