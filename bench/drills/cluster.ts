import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, greets, natsServerPath } from "../../src/ingest/broker-config.ts";
import { must } from "../../src/lib/assert.ts";
import { systemClock } from "../../src/lib/clock.ts";

export const NODES = 3;

interface Node {
  readonly name: string;
  readonly port: number;
  readonly config: string;
  child: ChildProcess | undefined;
}

/** Three nats-servers on loopback that keep every stream together: what production runs, on one machine. */
export class NatsCluster {
  readonly #nodes: readonly Node[];

  private constructor(nodes: readonly Node[]) {
    this.#nodes = nodes;
  }

  static async start(directory: string): Promise<NatsCluster> {
    const ports: number[] = [];
    while (ports.length < 2 * NODES) {
      const port = await freePort();
      if (!ports.includes(port)) ports.push(port);
    }
    const routes = ports.slice(NODES).map((port) => `"nats-route://127.0.0.1:${port}"`).join(", ");
    const nodes: Node[] = [];
    for (let i = 0; i < NODES; i++) {
      const home = join(directory, `nats-${i}`);
      await mkdir(home, { recursive: true });
      const config = join(home, "nats-server.conf");
      const name = `node-${i}`;
      await writeFile(
        config,
        `listen: "127.0.0.1:${ports[i]}"
server_name: ${name}
log_file: ${JSON.stringify(join(home, "log"))}
jetstream { store_dir: ${JSON.stringify(home)}, max_file_store: 64000000000, max_memory_store: 268435456 }
cluster { name: drill, listen: "127.0.0.1:${ports[NODES + i]}", routes: [${routes}] }
`,
      );
      nodes.push({ name, port: ports[i]!, config, child: undefined });
    }
    const cluster = new NatsCluster(nodes);
    for (const node of nodes) cluster.#spawn(node);
    for (const node of nodes) while (!(await greets(node.port, node.name))) await systemClock.sleep(50);
    return cluster;
  }

  get url(): string {
    return `${this.#nodes.map(({ port }) => `nats://127.0.0.1:${port}`).join(",")}?replicas=${NODES}`;
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
    node.child = spawn(natsServerPath(), ["-c", node.config], { stdio: "ignore" });
  }
}
