import { type Partition, parsePartition } from "../features/partition.ts";
import type { Config } from "./settings.ts";

/** The share of the entities that this host folds; undefined for all of them. */
export function configuredPartition({ partition }: Config): Partition | undefined {
  return partition === null ? undefined : parsePartition(partition);
}
