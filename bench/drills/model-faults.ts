import { join } from "node:path";
import { eventSubject } from "../../src/contracts/subjects.ts";
import { promoteModel } from "../../src/ingest/control.ts";
import { must } from "../../src/lib/assert.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { TidemarkError } from "../../src/lib/errors.ts";
import { formatTime } from "../../src/lib/time.ts";
import { elasticityRegistry } from "../../src/training/elasticity/evaluation-stage.ts";
import { localRuns } from "../../src/training/pipeline/run-directory.ts";
import { testHistory } from "../../src/training/testing.ts";
import { AcknowledgedEvents } from "../acknowledged.ts";
import { drillOn, type DrillResult, type Rig } from "./rig.ts";

const SETTLE_MS = 1_500;
const ARTIFACTS = "MODELS";
/** Of runs: one that was killed too late to show anything is passed over. */
const SEEDS = [3, 5, 6];

async function servedModel({ host, course_ids }: Rig): Promise<unknown> {
  const response = await fetch(`${host.url}/optimize_price`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ course_id: course_ids[0] }) });
  return ((await response.json()) as { readonly model?: unknown }).model;
}

export function corruptArtifact(): Promise<DrillResult> {
  return drillOn("corrupt artifact", {}, async (rig) => {
    const before = await servedModel(rig);
    const name = "elasticity/20260101T000000000Z-drill";
    await rig.broker.putObject(ARTIFACTS, name, Buffer.from('{"family":"elasticity","version":"20260101T000000000Z-drill"'));
    const since_ms = performance.now();
    await promoteModel(rig.broker, { type: "model.promoted", time: formatTime(Date.now()), family: "elasticity", artifact: name, digest: "0".repeat(64), version: "20260101T000000000Z-drill", reason: "a drill" });
    await systemClock.sleep(SETTLE_MS);
    const after = await servedModel(rig);
    if (after !== before) throw new TidemarkError("drill_failed", `prices come from ${String(after)}, an artifact that is not what its digest says`);
    return { recovery_ms: performance.now() - since_ms - SETTLE_MS, faults: 1, remark: "promoted, but half of it and under another digest: prices go on without it" };
  });
}

/** A trainer that dies after its model is stored, before CONTROL names it: the champion serves on, and the run, resumed, promotes its model once. */
export function trainerKilled(): Promise<DrillResult> {
  return drillOn("trainer killed between storing and promoting", { idle: true }, async (rig) => {
    const { host, broker } = rig;
    const acknowledged = new AcknowledgedEvents();
    const bulk = broker.bulkPublisher({ window: 500 });
    for (const event of testHistory()) {
      await bulk.publish(eventSubject(event, "backfill"), Buffer.from(JSON.stringify(event)), event.id);
      acknowledged.add(event);
    }
    await bulk.flush();
    rig.producer = { stop: () => Promise.resolve(acknowledged) };
    const registry = elasticityRegistry(broker);
    const champion = async (): Promise<string | undefined> => (await registry.promoted())?.version;
    const first = await host.command("pipeline", "run", "--json", "--seed", "1");
    const before = await promoteBeatable(registry, must(await registry.promoted(), `a first champion: ${first.said}`));
    for (const seed of SEEDS) {
      const stored = (await registry.list()).length;
      host.run("pipeline", ["run", "--seed", String(seed)], false);
      const ended = host.ended("pipeline");
      while ((await registry.list()).length === stored && host.runs("pipeline")) await systemClock.sleep(1);
      if (host.runs("pipeline")) process.kill(host.pid("pipeline"), "SIGKILL");
      await ended;
      if ((await registry.list()).length === stored || (await champion()) !== before) continue;
      await systemClock.sleep(SETTLE_MS);
      const served = await servedModel(rig);
      if (served !== before) throw new TidemarkError("drill_failed", `prices come from ${String(served)} instead of the champion ${before}`);
      const since_ms = performance.now();
      const promotions = (await registry.history()).length;
      const interrupted = must(localRuns(join(host.data_dir, "runs")).find(({ run }) => run.status === "running"), "an interrupted run");
      const resumed = await host.command("pipeline", "run", "--resume", interrupted.run.run_id);
      const promoted = (await registry.history()).length - promotions;
      if (resumed.code !== 0 || promoted !== 1) throw new TidemarkError("drill_failed", `the run that was resumed ended with ${resumed.code}, having promoted ${promoted} models: ${resumed.said}`);
      return { recovery_ms: performance.now() - since_ms, faults: 1, remark: `prices came from the champion on; the run was resumed where it was, and promoted its model once; recovery is that run's rest` };
    }
    throw new TidemarkError("drill_failed", "no run could be killed between storing its model and promoting it");
  });
}

/** A champion that any model beats, made of one that was trained: every other viewer enrolls, says this one. Its version. */
async function promoteBeatable(registry: ReturnType<typeof elasticityRegistry>, { version, sequence }: { readonly version: string; readonly sequence: number }): Promise<string> {
  const { model: { artifact } } = await registry.load(version);
  const width = artifact.feature_names.length;
  const model = { kind: "log_linear", mean: Array<number>(width).fill(0), scale: Array<number>(width).fill(1), coefficients: Array<number>(width).fill(0), intercept: Math.log(0.5) };
  const stored = await registry.store(Buffer.from(JSON.stringify({ ...artifact, model, version: `${version}-beatable` })));
  await registry.promote(stored, { time: formatTime(Date.now()), reason: "a drill" }, sequence);
  return stored.version;
}
