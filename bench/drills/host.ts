import { type ChildProcess, execFile, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { STREAM_EVENTS } from "../../src/contracts/subjects.ts";
import { openLmdbStore } from "../../src/features/lmdb-store.ts";
import { resolvedPath, StoreDirectory } from "../../src/features/store-directory.ts";
import { freePort } from "../../src/ingest/broker-config.ts";
import { must } from "../../src/lib/assert.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { TidemarkError } from "../../src/lib/errors.ts";
import { isRoleReport } from "../../src/lib/role-report.ts";

const main = fileURLToPath(new URL("../../src/main.js", import.meta.url));
const RESTART_MS = 100;
const PATIENCE_MS = 120_000;

/** How a role is run that is not run like the others. */
export interface RoleOptions {
  /** What stands before the command, such as that which enters a namespace. */
  readonly launcher?: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
}

/** A serving host: ingest and serve on a data directory of their own, each started again when it dies, as an init system does. */
export class Host {
  readonly data_dir: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #children = new Map<string, ChildProcess>();
  readonly #said = new Map<string, string>();
  readonly #roles: Readonly<Record<string, RoleOptions>>;
  readonly #readied = new Set<ChildProcess>();
  readonly #halted = new Set<ChildProcess>();
  #stopping = false;
  readonly #port: number;

  private constructor(data_dir: string, nats_url: string, port: number, environment: NodeJS.ProcessEnv, roles: Readonly<Record<string, RoleOptions>>) {
    this.data_dir = data_dir;
    this.#roles = roles;
    this.#port = port;
    this.#environment = {
      ...process.env,
      TIDEMARK_DATA_DIR: data_dir,
      TIDEMARK_NATS_URL: nats_url,
      TIDEMARK_PORT: String(port),
      TIDEMARK_LOG_LEVEL: "error",
      TIDEMARK_SNAPSHOT_INTERVAL_HOURS: "0",
      TIDEMARK_ARCHIVE_DIR: "none",
      ...environment,
    };
  }

  static async create(data_dir: string, nats_url: string, environment: NodeJS.ProcessEnv = {}, roles: Readonly<Record<string, RoleOptions>> = {}): Promise<Host> {
    return new Host(data_dir, nats_url, await freePort(), environment, roles);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get store_path(): string {
    return resolvedPath(new StoreDirectory(join(this.data_dir, "features")).current);
  }

  /** `restart`: as an init system does; without, `ended` says how it ended. */
  run(role: string, args: readonly string[] = [], restart = true): void {
    const { launcher = [], environment = {} } = this.#roles[role] ?? {};
    const [program = process.execPath, ...before] = [...launcher, process.execPath];
    const child = fork(main, [role, ...args], { execPath: program, execArgv: before, env: { ...this.#environment, ...environment }, stdio: ["ignore", "ignore", "pipe", "ipc"] });
    this.#children.set(role, child);
    this.#said.set(role, "");
    child.on("message", (message) => {
      if (isRoleReport(message) && message.type === "ready") this.#readied.add(child);
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => this.#said.set(role, `${this.#said.get(role)}${text}`.slice(-4_000)));
    child.on("exit", () => {
      const again = (): boolean => restart && !this.#stopping && !this.#halted.has(child);
      if (again()) setTimeout(() => again() && this.run(role, args), RESTART_MS);
    });
  }

  /** Whether a role that was started lives. */
  runs(role: string): boolean {
    const child = this.#children.get(role);
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  pid(role: string): number {
    return must(this.#children.get(role)?.pid, `${role} runs`);
  }

  /** The exit code and last words of a role that was started without restart. */
  async ended(role: string): Promise<{ readonly code: number | null; readonly said: string }> {
    const child = must(this.#children.get(role), `${role} was started`);
    if (child.exitCode === null && child.signalCode === null) await Promise.race([once(child, "exit"), systemClock.sleep(PATIENCE_MS)]);
    return { code: child.exitCode, said: this.#said.get(role) ?? "" };
  }

  /** Ends a role, and leaves it ended. */
  async halt(role: string): Promise<void> {
    const child = must(this.#children.get(role), `${role} was started`);
    this.#halted.add(child);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
  }

  /** A command of the program on this host. */
  command(...args: string[]): Promise<{ readonly code: number | null; readonly out: string; readonly said: string }> {
    return new Promise((resolve) => {
      const child = execFile(process.execPath, [main, ...args], { env: this.#environment }, (_, stdout, stderr) => resolve({ code: child.exitCode, out: stdout, said: stderr }));
    });
  }

  /** The sequence that this host has folded, durably; 0 while there is no store. */
  async folded(): Promise<number> {
    try {
      const store = openLmdbStore(this.store_path, { readonly: true });
      try {
        return store.cursor(STREAM_EVENTS)?.sequence ?? 0;
      } finally {
        await store.close();
      }
    } catch {
      return 0;
    }
  }

  async reaches(sequence: number): Promise<void> {
    for (let waited_ms = 0; (await this.folded()) < sequence; waited_ms += 10) {
      if (waited_ms > PATIENCE_MS) throw new TidemarkError("drill_stuck", `the host is at ${await this.folded()} and does not reach ${sequence}: ${this.#said.get("ingest")}`);
      await systemClock.sleep(10);
    }
  }

  /** Every worker listens, and has what it answers from. */
  async answers(): Promise<void> {
    for (let waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms += 50) {
      const all = this.#readied.has(must(this.#children.get("serve"), "serve was started"));
      const ready = all && (await fetch(`${this.url}/readyz`).then(({ ok }) => ok, () => false));
      if (ready) return;
      await systemClock.sleep(50);
    }
    throw new TidemarkError("drill_stuck", `serve does not become ready: ${this.#said.get("serve")}`);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const child of this.#children.values()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 8_000);
      await ended;
      clearTimeout(timer);
    }
  }
}
