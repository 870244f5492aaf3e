import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/lib/clock.ts";
import { FalseClock } from "./false-clock.ts";
import { drillOn, type DrillResult } from "./rig.ts";

/** Hours, one after the other: forward, back beyond the true time, and right again. */
const JUMPS = [3, -3, 0];
const STAYS_MS = 3_000;

/** The clock of a host jumps; the broker's and the producers' do not. */
export async function clockJumps(): Promise<DrillResult> {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-drill-clock-"));
  try {
    const clock = new FalseClock(join(directory, "clock"));
    return await drillOn("clock jumps", { environment: clock.environment }, async (rig) => {
      let recovery_ms = 0;
      for (const hours of JUMPS) {
        const since_ms = performance.now();
        clock.put(hours);
        recovery_ms = Math.max(recovery_ms, await rig.recovered(since_ms));
        await systemClock.sleep(STAYS_MS);
      }
      return { recovery_ms, faults: JUMPS.length, remark: `the clock of ingest and serve by ${JUMPS.map((hours) => `${hours > 0 ? "+" : ""}${hours} h`).join(", then ")}: the fold goes by the broker's time, and staleness by whether the fold moves: neither is moved by it` };
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
