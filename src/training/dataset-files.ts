import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { DatasetName, DatasetPart } from "../contracts/worker-protocol.ts";
import { layoutIdentity } from "../features/feature-set.ts";
import type { StreamSource } from "../ingest/read-stream.ts";
import { TidemarkError } from "../lib/errors.ts";
import { formatTime } from "../lib/time.ts";
import { ColumnFiles, type DatasetManifest } from "./column-files.ts";
import type { OnProgress } from "./dataset.ts";
import { numberColumns, textColumns } from "./dataset-columns.ts";
import { PartReader } from "./part-reader.ts";
import type { TrainingPool } from "./pool.ts";
import { fixRange } from "./stream-range.ts";

export interface DatasetOptions {
  readonly dataset: DatasetName;
  /** The stream as one, such as EventHistory, for its range and times; workers read it for themselves. */
  readonly source: StreamSource;
  readonly nats_url: string;
  readonly archive_dir: string | null;
  readonly pool: Pick<TrainingPool, "buildPart" | "threads">;
  /** Between cut-offs, which count back from the last moment known less the horizon. */
  readonly every_ms: number;
  readonly gap_ms: number;
  readonly horizon_ms: number;
  /** Shares that are built apart; more take less memory at a time, and more readings of the stream. */
  readonly partitions: number;
  /** The dataset's directory, which must not be there; it has its name once it is whole. */
  readonly directory: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

const CUT_OFFS_MAX = 1_000;

/** Ascending, each with at least one interval of history before it and a whole window after it. Throws TidemarkError `too_many_cut_offs`. */
function cutOffs(from_ms: number, to_ms: number, { every_ms, gap_ms, horizon_ms }: DatasetOptions): number[] {
  const at: number[] = [];
  for (let time = to_ms - gap_ms - horizon_ms; time >= from_ms + every_ms; time -= every_ms) {
    if (at.length === CUT_OFFS_MAX) throw new TidemarkError("too_many_cut_offs", `there would be more than ${CUT_OFFS_MAX} cut-offs: leave more time between them`);
    at.push(time);
  }
  return at.toReversed();
}

/**
 * Builds a point-in-time dataset from the stream as it is now: shares in worker threads, then one table of column files, by cut-off and entity. The
 * number of shares shows in no byte. Throws TidemarkError `too_little_data`, `too_many_cut_offs`, `directory_exists`, and what the workers throw; then it leaves nothing.
 */
export async function buildDatasetFiles(options: DatasetOptions): Promise<DatasetManifest> {
  const { dataset, source, pool, partitions, signal, onProgress = () => undefined } = options;
  const directory = resolve(options.directory);
  if (existsSync(directory)) throw new TidemarkError("directory_exists", `${directory} is there already: name another, or remove it`);
  const range = await fixRange(source);
  const at_ms = cutOffs(range.from_ms, range.to_ms, options);
  if (at_ms.length === 0) throw new TidemarkError("too_little_data", "the stream is too short for a cut-off with a whole window after it");

  await mkdir(dirname(directory), { recursive: true });
  const scratch = await mkdtemp(`${directory}.partial-`);
  try {
    const task = { kind: "dataset", dataset, nats_url: options.nats_url, archive_dir: options.archive_dir, last_sequence: range.last_sequence, at_ms, gap_ms: options.gap_ms, horizon_ms: options.horizon_ms } as const;
    const parts: DatasetPart[] = [];
    let next = 0;
    onProgress("replay", 0, partitions);
    await Promise.all(
      Array.from({ length: Math.min(pool.threads, partitions) }, async () => {
        for (let index = next++; index < partitions; index = next++) {
          parts[index] = await pool.buildPart({ ...task, partition: { index, count: partitions }, directory: join(scratch, `part-${index}`) }, signal);
          onProgress("replay", parts.filter(Boolean).length, partitions);
        }
      }),
    );
    const whole = join(scratch, "whole");
    await mkdir(whole);
    const manifest = await mergeParts(options, parts, at_ms, whole);
    await rename(whole, directory);
    return manifest;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function mergeParts({ dataset, gap_ms, horizon_ms, signal, onProgress = () => undefined }: DatasetOptions, parts: readonly DatasetPart[], at_ms: readonly number[], directory: string): Promise<DatasetManifest> {
  const { features, labels } = numberColumns[dataset];
  const range = parts[0]!;
  if (parts.some((part) => part.stream_created !== range.stream_created || part.first_sequence !== range.first_sequence)) {
    throw new TidemarkError("stream_changed", "the stream lost its first messages while it was read: build the dataset again");
  }
  const files = new ColumnFiles(directory, textColumns[dataset], [...features, ...labels]);
  const row = new Float64Array(features.length + labels.length);
  const reached = Math.max(...parts.map(({ rows }) => rows.length));
  for (let period = 0; period < reached; period++) {
    const readers = parts.flatMap((part) => ((part.rows[period] ?? 0) > 0 ? [new PartReader(part.directory, period, { features: features.length, labels: labels.length })] : []));
    for (;;) {
      // Few parts: the least head is found by looking at all.
      let least: PartReader | undefined;
      for (const reader of readers) if (reader.head !== undefined && (least?.head === undefined || reader.head < least.head)) least = reader;
      if (least?.head === undefined) break;
      const texts = least.head.split("\t");
      least.take(row);
      files.add(texts, period, row);
    }
    for (const reader of readers) reader.close();
    onProgress("merge", period + 1, reached);
    await new Promise(setImmediate);
    signal?.throwIfAborted();
  }
  const stream = { created: range.stream_created, first_sequence: range.first_sequence, last_sequence: range.last_sequence };
  return files.close({ dataset, layout: layoutIdentity, at: at_ms.slice(0, reached).map(formatTime), gap_ms, horizon_ms, stream });
}
