import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { STREAM_CONTROL, STREAM_EVENTS, STREAM_OFFERS } from "../contracts/subjects.ts";
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
  readonly offers_sequence: number;
}

const positionNames = ["sequence", "control_sequence", "offers_sequence"] as const;
const flagOf = (name: (typeof positionNames)[number]): string => `--${name.replaceAll("_", "-")}`;
const flagsText = (at: Positions): string => positionNames.map((name) => `${flagOf(name)} ${at[name]}`).join(" ");

/** Of each, by name. */
function positionsOf(value: (name: (typeof positionNames)[number]) => number): Positions {
  return { sequence: value("sequence"), control_sequence: value("control_sequence"), offers_sequence: value("offers_sequence") };
}

const storeOf = (data_dir: string): string => resolvedPath(new StoreDirectory(join(data_dir, "features")).current);

function positions(store: FeatureStore): Positions {
  const streams = { sequence: STREAM_EVENTS, control_sequence: STREAM_CONTROL, offers_sequence: STREAM_OFFERS } as const;
  return positionsOf((name) => store.cursor(streams[name])?.sequence ?? 0);
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
        const at = positionsOf((name) => Math.max(ours[name], their[name]));
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
  const optionNames = { sequence: "sequence", control_sequence: "controlSequence", offers_sequence: "offersSequence" } as const;
  const asked = (name: (typeof positionNames)[number]): number | undefined =>
    options[optionNames[name]] === undefined ? undefined : options[optionNames[name]] === "0" ? 0 : wholeOption(flagOf(name), options[optionNames[name]], Number.MAX_SAFE_INTEGER);
  return inScratch(join(config.data_dir, SCRATCH), "digest-", async (directory) => {
    const store = await copyOf(storeOf(config.data_dir), directory);
    try {
      const stands = positions(store);
      const at = positionsOf((name) => asked(name) ?? stands[name]);
      if (positionNames.some((name) => at[name] < stands[name])) throw new TidemarkError("bad_usage", `the store stands at ${flagsText(stands)} already: ask all hosts for these, or for later ones`);
      if (positionNames.some((name) => at[name] > stands[name])) await withBroker(context, (broker) => foldFurther(context, broker, store, at, () => undefined));
      const found = { layout: store.layout() ?? partitionLayout(configuredPartition(config)), stream_created: store.cursor(STREAM_EVENTS)?.stream_created ?? "", ...positions(store), digest: stateDigest(store) };
      if (positionNames.some((name) => found[name] !== at[name])) throw new TidemarkError("bad_usage", `the streams end at ${flagsText(found)}: ask for no later ones`);
      console.log(options["json"] === true ? JSON.stringify(found, null, 2) : `${found.digest}  ${flagsText(found)}  layout ${found.layout}`);
      return EXIT_OK;
    } finally {
      await store.close();
    }
  });
}
