import { readFileSync } from "node:fs";
import { must } from "../../src/lib/assert.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { drillOn, type DrillResult } from "./rig.ts";

const WORKER_STARTS_MS = 6_000;

export function ingestKilled(faults: number): Promise<DrillResult> {
  return drillOn("ingest killed", {}, async (rig) => {
    let recovery_ms = 0;
    for (let i = 0; i < faults; i++) {
      const since_ms = performance.now();
      process.kill(rig.host.pid("ingest"), "SIGKILL");
      recovery_ms = Math.max(recovery_ms, await rig.recovered(since_ms));
    }
    return { recovery_ms, faults, remark: "kill -9 of the role as it ships, started again after 100 ms" };
  });
}

/** Processes that a process began. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter((text) => text !== "").map(Number);
}

export function workerKilled(faults: number): Promise<DrillResult> {
  return drillOn("serve worker killed", {}, async (rig) => {
    let recovery_ms = 0;
    for (let i = 0; i < faults; i++) {
      const workers = childrenOf(rig.host.pid("serve"));
      const since_ms = performance.now();
      process.kill(must(workers[0], "a worker"), "SIGKILL");
      // As many as before, none of them the one that died.
      while (childrenOf(rig.host.pid("serve")).filter((pid) => pid !== workers[0]).length < workers.length) await systemClock.sleep(10);
      await rig.host.answers();
      recovery_ms = Math.max(recovery_ms, performance.now() - since_ms);
      // The new one must answer before the next is killed.
      await systemClock.sleep(WORKER_STARTS_MS);
    }
    return { recovery_ms, faults, remark: "kill -9 of one of two workers; what it was answering is the caller's to repeat" };
  });
}
