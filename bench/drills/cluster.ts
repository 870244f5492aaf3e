import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, greets, natsServerPath } from "../../src/ingest/broker-config.ts";
import { must } from "../../src/lib/assert.ts";
import { systemClock } from "../../src/lib/clock.ts";
import type { VirtualNetwork } from "./virtual-network.ts";

export const NODES = 3;
export const nodeNames: readonly string[] = Array.from({ length: NODES }, (_, i) => `node-${i}`);

interface Node {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** What enters the namespace that it runs in, if any. */
  readonly launcher: readonly string[];
  readonly config: string;
  child: ChildProcess | undefined;
}

/** Three nats-servers that keep every stream together, on loopback or on the machines of a network: what production runs, on one machine. */
export class NatsCluster {
  readonly #nodes: readonly Node[];

  private constructor(nodes: readonly Node[]) {
    this.#nodes = nodes;
  }

  static async start(directory: string, network?: VirtualNetwork): Promise<NatsCluster> {
    const ports: number[] = [];
    while (ports.length < 2 * NODES) {
      const port = await freePort();
      if (!ports.includes(port)) ports.push(port);
    }
    const hosts = nodeNames.map((name) => network?.address(name) ?? "127.0.0.1");
    const routes = hosts.map((host, i) => `"nats-route://${host}:${ports[NODES + i]}"`).join(", ");
    const nodes: Node[] = [];
    for (const [i, name] of nodeNames.entries()) {
      const home = join(directory, `nats-${i}`);
      await mkdir(home, { recursive: true });
      const config = join(home, "nats-server.conf");
      await writeFile(
        config,
        `listen: "${hosts[i]}:${ports[i]}"
server_name: ${name}
log_file: ${JSON.stringify(join(home, "log"))}
jetstream { store_dir: ${JSON.stringify(home)}, max_file_store: 64000000000, max_memory_store: 268435456 }
cluster { name: drill, listen: "${hosts[i]}:${ports[NODES + i]}", routes: [${routes}] }
`,
      );
      nodes.push({ name, host: hosts[i]!, port: ports[i]!, launcher: network?.launcher(name) ?? [], config, child: undefined });
    }
    const cluster = new NatsCluster(nodes);
    for (const node of nodes) cluster.#spawn(node);
    for (const node of nodes) while (!(await greets(node.port, node.name, node.host))) await systemClock.sleep(50);
    return cluster;
  }

  get url(): string {
    return `${this.#nodes.map(({ host, port }) => `nats://${host}:${port}`).join(",")}?replicas=${NODES}`;
  }

  async kill(name: string): Promise<void> {
    const node = this.#node(name);
    const child = must(node.child, "a node that runs");
    node.child = undefined;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  restart(name: string): void {
    this.#spawn(this.#node(name));
  }

  /** Neither answers nor closes its connections: what a network that drops everything looks like from outside. */
  pause(name: string, paused: boolean): void {
    must(this.#node(name).child, "a node that runs").kill(paused ? "SIGSTOP" : "SIGCONT");
  }

  /** Another than the one named. */
  other(name: string): string {
    return must(this.#nodes.find((node) => node.name !== name), "a second node").name;
  }

  async stop(): Promise<void> {
    for (const { child } of this.#nodes) {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
  }

  #node(name: string): Node {
    return must(this.#nodes.find((node) => node.name === name), `no node ${name}`);
  }

  #spawn(node: Node): void {
    const [program = "", ...args] = [...node.launcher, natsServerPath(), "-c", node.config];
    node.child = spawn(program, args, { stdio: "ignore" });
  }
}
