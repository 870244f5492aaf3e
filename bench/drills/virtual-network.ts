import { execFileSync } from "node:child_process";
import { errorMessage } from "../../src/lib/errors.ts";
import { unavailable } from "./unavailable.ts";

/** Interfaces of one process of this program; the system allows 15 characters. */
const PREFIX = `td${process.pid}`;
const NET = `10.213.${process.pid % 256}`;

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
}

/** Machines of their own on this one: network namespaces whose cables end in one switch, and each cable can be pulled. Needs root and Linux. */
export class VirtualNetwork {
  readonly #machines: readonly string[];

  private constructor(machines: readonly string[]) {
    this.#machines = machines;
  }

  /** Throws TidemarkError `drill_unavailable` where namespaces may not be made. */
  static create(machines: readonly string[]): VirtualNetwork {
    const network = new VirtualNetwork(machines);
    try {
      ip("link", "add", network.#bridge, "type", "bridge");
      ip("addr", "add", `${NET}.1/24`, "dev", network.#bridge);
      ip("link", "set", network.#bridge, "up");
      for (const machine of machines) network.#plug(machine);
    } catch (error) {
      network.remove();
      throw unavailable(`network namespaces cannot be made here (root on Linux, with iproute2): ${errorMessage(error)}`, error);
    }
    return network;
  }

  /** Reachable from this machine and all others of the network. */
  address(machine: string): string {
    return `${NET}.${10 + this.#machines.indexOf(machine)}`;
  }

  /** What to put before a command for it to run there, under the pid that it is started with. */
  launcher(machine: string): readonly string[] {
    return ["ip", "netns", "exec", this.#namespace(machine)];
  }

  /** With its cable cut a machine neither sends nor receives anything, and nobody is told: connections stay open. */
  cut(machine: string, cut: boolean): void {
    if (cut) ip("link", "set", this.#cable(machine), "nomaster");
    else ip("link", "set", this.#cable(machine), "master", this.#bridge);
  }

  remove(): void {
    const gone = (...args: string[]): void => {
      try {
        ip(...args);
      } catch {
        // Was never made.
      }
    };
    for (const machine of this.#machines) {
      gone("link", "del", this.#cable(machine));
      gone("netns", "del", this.#namespace(machine));
    }
    gone("link", "del", this.#bridge);
  }

  get #bridge(): string {
    return `${PREFIX}b`;
  }

  #cable(machine: string): string {
    return `${PREFIX}c${this.#machines.indexOf(machine)}`;
  }

  #namespace(machine: string): string {
    return `${PREFIX}-${machine}`;
  }

  #plug(machine: string): void {
    const namespace = this.#namespace(machine);
    const plug = `${PREFIX}p${this.#machines.indexOf(machine)}`;
    ip("netns", "add", namespace);
    ip("link", "add", this.#cable(machine), "type", "veth", "peer", "name", plug, "netns", namespace);
    ip("link", "set", this.#cable(machine), "master", this.#bridge, "up");
    ip("-n", namespace, "addr", "add", `${this.address(machine)}/24`, "dev", plug);
    ip("-n", namespace, "link", "set", plug, "up");
    ip("-n", namespace, "link", "set", "lo", "up");
  }
}
