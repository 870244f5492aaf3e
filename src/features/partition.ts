import { hash32 } from "../lib/prng.ts";
import { layoutIdentity } from "./feature-set.ts";

/** One of `count` folds that share the entities among them. */
export interface Partition {
  /** From 0 on. */
  readonly index: number;
  readonly count: number;
  /** Fold all of every category and teacher instead of a share: for replays that read them while they fold. */
  readonly whole_groups?: boolean;
}

export const PARTITIONS_MAX = 1_024;

/** Which partition owns an entity: for ever the same one, since stores are folded by it. */
export function ownerOf(id: string, count: number): number {
  return hash32(id) % count;
}

/** What a partition's store says it holds, so that none is taken for another's, or for the whole. */
export function partitionLayout(partition: Partition | undefined): string {
  return partition === undefined || partition.count === 1 ? layoutIdentity : `${layoutIdentity}-${partition.index}of${partition.count}`;
}

/** Which share a store of this layout holds, of whichever version it is; empty for everything. */
export function layoutShare(layout: string): string {
  return /-\d+of\d+$/.exec(layout)?.[0] ?? "";
}

/** `1/4` is the second of four; undefined for anything that is no partition. */
export function parsePartition(text: string): Partition | undefined {
  const [, index, count] = /^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? [];
  const partition = { index: Number(index), count: Number(count) };
  return index !== undefined && partition.count >= 1 && partition.count <= PARTITIONS_MAX && partition.index < partition.count ? partition : undefined;
}
