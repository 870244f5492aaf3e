import { clockJumps } from "./clock-faults.ts";
import { followerKilled, followerPartitioned, ingestPartitioned, leaderKilled, leaderPartitioned, leaderSilent } from "./cluster-faults.ts";
import { deliveriesSpoilt, repeatedAndReordered } from "./delivery-faults.ts";
import { brokerDiskFull, corruptPages, slowDisk, storeDiskFull } from "./disk-faults.ts";
import { corruptArtifact, trainerKilled } from "./model-faults.ts";
import { oldBackup } from "./old-backup.ts";
import { ingestKilled, workerKilled } from "./process-faults.ts";
import type { DrillResult } from "./rig.ts";

/** By name, in the order in which they run; heavier ones with fewer faults. What a machine cannot do ends with `drill_unavailable`. */
export const drills: Readonly<Record<string, () => Promise<DrillResult>>> = {
  "leader-killed": () => leaderKilled(2),
  "leader-silent": () => leaderSilent(1),
  "leader-partitioned": () => leaderPartitioned(1),
  "follower-killed": () => followerKilled(1),
  "follower-partitioned": () => followerPartitioned(1),
  "ingest-partitioned": () => ingestPartitioned(),
  "ingest-killed": () => ingestKilled(3),
  "worker-killed": () => workerKilled(2),
  "trainer-killed": () => trainerKilled(),
  "repeated-reordered": () => repeatedAndReordered(10_000),
  "deliveries-spoilt": () => deliveriesSpoilt(),
  "clock-jumps": () => clockJumps(),
  "slow-disk": () => slowDisk(),
  "store-disk-full": () => storeDiskFull(),
  "broker-disk-full": () => brokerDiskFull(),
  "corrupt-artifact": () => corruptArtifact(),
  "corrupt-pages": () => corruptPages(),
  "old-backup": () => oldBackup(),
};
