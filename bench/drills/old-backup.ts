import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { eventSubject } from "../../src/contracts/subjects.ts";
import { startEmbeddedBroker } from "../../src/ingest/embedded-broker.ts";
import { must } from "../../src/lib/assert.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { TidemarkError } from "../../src/lib/errors.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { drillOn, type DrillResult } from "./rig.ts";

const AFTER_BACKUP = 300;

/** The broker's store brought back to an earlier state: ingest must refuse to go on from where it stands, and say how out. */
export function oldBackup(): Promise<DrillResult> {
  return drillOn("broker restored from an old backup", {}, async (rig) => {
    const { directory, host } = rig;
    const nats = join(directory, "nats");
    const port = Number(new URL(must(rig.embedded, "a broker").url).port);
    const exchange = async (copy_to: string, restore?: string): Promise<void> => {
      await rig.embedded?.stop();
      cpSync(nats, join(directory, copy_to), { recursive: true });
      if (restore !== undefined) {
        rmSync(nats, { recursive: true });
        cpSync(join(directory, restore), nats, { recursive: true });
      }
      rig.embedded = await startEmbeddedBroker({ data_dir: nats, port, logger: silentLogger });
      while (!rig.broker.connected) await systemClock.sleep(20);
    };
    const acknowledged = await must(rig.producer, "a producer").stop();
    const at = await rig.lastSequence();
    await exchange("backup");
    for (let i = 0; i < AFTER_BACKUP; i++) {
      const event = rig.events.next().value;
      await rig.broker.publish(eventSubject(event), Buffer.from(JSON.stringify(event)), { message_id: `late-${i}` });
      acknowledged.add(event);
    }
    await host.reaches(at + AFTER_BACKUP);
    await host.halt("ingest");
    await exchange("newest", "backup");
    const since_ms = performance.now();
    host.run("ingest", [], false);
    const { code, said } = await host.ended("ingest");
    const recovery_ms = performance.now() - since_ms;
    if (code !== 2 || !said.includes("restored from an older copy")) throw new TidemarkError("drill_failed", `ingest went on over an old backup: it ended with ${code}, saying ${JSON.stringify(said)}`);
    await exchange("old", "newest");
    host.run("ingest");
    rig.producer = { stop: () => Promise.resolve(acknowledged) };
    return { recovery_ms, faults: 1, remark: "ingest refused with exit code 2 and the way out; recovery is the time until it said so; then the newest copy was put back" };
  });
}
