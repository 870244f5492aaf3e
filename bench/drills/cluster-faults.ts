import { systemClock } from "../../src/lib/clock.ts";
import { nodeNames } from "./cluster.ts";
import { drillOn, type DrillReport, type DrillResult, type Rig } from "./rig.ts";
import { VirtualNetwork } from "./virtual-network.ts";

const IN_FLIGHT_MS = 1_000;
/** A node that was away must have what it missed, or the next fault takes the majority; and what is published as it comes back may go unanswered. */
const REJOINS_MS = 6_000;
/** Long enough for every connection over a cut cable to be given up, and for prices to be marked stale (10 s). */
const CUT_MS = 15_000;
const INGEST = "ingest";

/** A fault of the broker's cluster, so often: the longest time until events are stored and folded again, while it lasts and once it is over. `begin` resolves with the way to end it. */
async function clusterFault(rig: Rig, faults: number, remark: string, begin: () => Promise<() => void>): Promise<DrillReport> {
  let recovery_ms = 0;
  let afterwards_ms = 0;
  for (let i = 0; i < faults; i++) {
    const since_ms = performance.now();
    const end = await begin();
    // What was on its way is stored and folded all the same: that is no recovery.
    await systemClock.sleep(IN_FLIGHT_MS);
    recovery_ms = Math.max(recovery_ms, await rig.recovered(since_ms));
    end();
    const ended_ms = performance.now();
    while (performance.now() - ended_ms < REJOINS_MS) afterwards_ms = Math.max(afterwards_ms, await rig.recovered(performance.now()));
  }
  return { recovery_ms: Math.max(recovery_ms, afterwards_ms), faults, remark: `${remark}; ${Math.round(recovery_ms)} ms while it lasted, and when the node was back a pause of ${Math.round(afterwards_ms)} ms at most` };
}

async function killNode(rig: Rig, name: string): Promise<() => void> {
  await rig.nodes.kill(name);
  return () => rig.nodes.restart(name);
}

export function leaderKilled(faults: number): Promise<DrillResult> {
  return drillOn("stream leader killed", { cluster: true }, (rig) => clusterFault(rig, faults, "kill -9 of the node that leads EVENTS; another is elected", async () => killNode(rig, await rig.leader())));
}

export function followerKilled(faults: number): Promise<DrillResult> {
  return drillOn("stream follower killed", { cluster: true }, (rig) => clusterFault(rig, faults, "kill -9 of a node that follows", async () => killNode(rig, rig.nodes.other(await rig.leader()))));
}

export function leaderSilent(faults: number): Promise<DrillResult> {
  return drillOn("stream leader silent", { cluster: true }, (rig) =>
    clusterFault(rig, faults, "the leader stopped by SIGSTOP: its machine answers, it does not", async () => {
      const leader = await rig.leader();
      rig.nodes.pause(leader, true);
      return () => rig.nodes.pause(leader, false);
    }),
  );
}

async function withNetwork(machines: readonly string[], use: (network: VirtualNetwork) => Promise<DrillResult>): Promise<DrillResult> {
  const network = VirtualNetwork.create(machines);
  try {
    return await use(network);
  } finally {
    network.remove();
  }
}

function nodePartitioned(drill: string, faults: number, remark: string, choose: (rig: Rig) => Promise<string>): Promise<DrillResult> {
  return withNetwork(nodeNames, (network) =>
    drillOn(drill, { cluster: network }, (rig) =>
      clusterFault(rig, faults, remark, async () => {
        const node = await choose(rig);
        network.cut(node, true);
        return () => network.cut(node, false);
      }),
    ),
  );
}

export function leaderPartitioned(faults: number): Promise<DrillResult> {
  return nodePartitioned("stream leader cut off", faults, "the cable of the leader's machine is cut: the other two elect one of themselves, and it follows when it is back", (rig) => rig.leader());
}

export function followerPartitioned(faults: number): Promise<DrillResult> {
  return nodePartitioned("stream follower cut off", faults, "the cable of a follower's machine is cut", async (rig) => rig.nodes.other(await rig.leader()));
}

/** Of two hosts, the one whose ingest is cut off goes on answering from what it has; recovery is counted from when the cable is mended. */
export function ingestPartitioned(): Promise<DrillResult> {
  return withNetwork([...nodeNames, INGEST], (network) =>
    drillOn("ingest cut off", { cluster: network, hosts: 2, ingest: { launcher: network.launcher(INGEST) } }, async (rig) => {
      network.cut(INGEST, true);
      await systemClock.sleep(CUT_MS);
      const behind = (await rig.lastSequence()) - (await rig.host.folded());
      const since_ms = performance.now();
      network.cut(INGEST, false);
      return { recovery_ms: await rig.recovered(since_ms), faults: 1, remark: `the cable between one host's ingest and every broker cut for ${CUT_MS / 1000} s: ${behind} events behind; its prices are marked stale, the other host does not notice; recovery from when it is mended` };
    }),
  );
}
