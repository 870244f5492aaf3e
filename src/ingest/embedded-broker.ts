import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Clock, systemClock } from "../lib/clock.ts";
import { TidemarkError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { type BrokerPaths, brokerPaths, freePort, greets, installedVersion, natsServerPath, writeConfig } from "./broker-config.ts";
import { describeProcess, endProcess } from "./process-table.ts";

const READY_POLL_MS = 25;
/** Recovering a large store takes time; a server that lives but does not listen by then is stuck. */
const READY_MAX_MS = 300_000;
const STOP_PATIENCE_MS = 10_000;
const RESTART_MIN_MS = 100;
/** Every client waits meanwhile; a server that cannot run costs little to try this often. */
const RESTART_MAX_MS = 2_000;
/** A server that lived this long starts again without the back-off of earlier failures. */
const HEALTHY_MS = 30_000;

export interface EmbeddedBrokerOptions {
  /** Holds the broker's configuration, log, pid files and JetStream store. One broker a directory. */
  readonly data_dir: string;
  /** A random free port unless given. */
  readonly port?: number;
  readonly logger: Logger;
  readonly clock?: Clock;
}

export interface EmbeddedBroker {
  readonly url: string;
  readonly version: string;
  /** The process that serves now; changes when it had to be restarted. */
  pid(): number;
  stop(): Promise<void>;
}

/**
 * Starts `nats-server` with JetStream on loopback and keeps it running: a dead child is started again on the same port.
 * A server that a killed owner left behind is stopped first, because two servers on one store would destroy it.
 */
export async function startEmbeddedBroker(options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
  const program = natsServerPath();
  const version = await installedVersion(program);
  const paths = brokerPaths(resolve(options.data_dir));
  await mkdir(paths.store, { recursive: true });
  const clock = options.clock ?? systemClock;
  await stopOrphan(paths, options.logger, clock);
  const port = options.port ?? (await freePort());
  const server_name = `tidemark-${randomUUID()}`;
  const { sync_always } = await writeConfig(program, paths, port, server_name);
  await writeFile(paths.owner, String(process.pid));
  const keeper = new BrokerKeeper(program, paths, port, server_name, options.logger, clock);
  await keeper.start();
  options.logger.info({ port, pid: keeper.pid(), version, sync_always }, "broker started");
  return { url: `nats://127.0.0.1:${port}`, version, pid: () => keeper.pid(), stop: () => keeper.stop() };
}

async function stopOrphan(paths: BrokerPaths, logger: Logger, clock: Clock): Promise<void> {
  const pid = readPid(paths.pid);
  const found = pid === undefined ? undefined : describeProcess(pid);
  // Pids are reused: it is ours only if it runs with our configuration file.
  if (pid === undefined || found === undefined || !found.command.includes(paths.config)) return;
  if (found.parent_pid === readPid(paths.owner)) {
    throw new TidemarkError("data_dir_in_use", `process ${found.parent_pid} runs a broker in ${paths.store}: stop it, or choose another data directory`);
  }
  logger.warn({ pid }, "stopping the broker that a killed process left behind");
  await endProcess(pid, STOP_PATIENCE_MS, (ms) => clock.sleep(ms));
}

function readPid(path: string): number | undefined {
  if (!existsSync(path)) return undefined;
  const pid = Number.parseInt(readFileSync(path, "utf8"), 10);
  return pid > 0 ? pid : undefined;
}

class BrokerKeeper {
  readonly #program: string;
  readonly #paths: BrokerPaths;
  readonly #port: number;
  readonly #server_name: string;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #child: ChildProcess | undefined;
  #stopping = false;
  #backoff_ms = RESTART_MIN_MS;
  #restarting: Promise<void> = Promise.resolve();

  constructor(program: string, paths: BrokerPaths, port: number, server_name: string, logger: Logger, clock: Clock) {
    this.#program = program;
    this.#paths = paths;
    this.#port = port;
    this.#server_name = server_name;
    this.#logger = logger;
    this.#clock = clock;
  }

  pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    const child = this.#spawn();
    if (await this.#ready(child)) {
      this.#watch(child);
      return;
    }
    await this.#end(child);
    throw new TidemarkError("broker_start_failed", `nats-server did not start on port ${this.#port}: ${tail(this.#paths.log)}`);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#restarting;
    if (this.#child !== undefined) await this.#end(this.#child);
    await rm(this.#paths.owner, { force: true });
  }

  // In a process group of its own, so that Ctrl-C reaches the owner alone and the owner stops the broker last.
  #spawn(): ChildProcess {
    const child = spawn(this.#program, ["-c", this.#paths.config], { stdio: "ignore", detached: true });
    // The reason is in its log; without a listener a failed spawn would end this process.
    child.on("error", (error) => this.#logger.error({ error: error.message }, "nats-server cannot be run"));
    this.#child = child;
    return child;
  }

  async #ready(child: ChildProcess): Promise<boolean> {
    for (let waited_ms = 0; waited_ms < READY_MAX_MS && !this.#stopping && isRunning(child); waited_ms += READY_POLL_MS) {
      if (await greets(this.#port, this.#server_name)) return isRunning(child);
      await this.#clock.sleep(READY_POLL_MS);
    }
    return false;
  }

  #watch(child: ChildProcess): void {
    const started_ms = this.#clock.now_ms();
    const restart = (): void => {
      if (this.#stopping) return;
      this.#logger.warn({ pid: child.pid, code: child.exitCode, signal: child.signalCode }, "broker died, restarting it");
      if (this.#clock.now_ms() - started_ms >= HEALTHY_MS) this.#backoff_ms = RESTART_MIN_MS;
      this.#restarting = this.#restart();
    };
    if (isRunning(child)) child.once("exit", restart);
    else restart();
  }

  async #restart(): Promise<void> {
    while (!this.#stopping) {
      await this.#clock.sleep(this.#backoff_ms);
      this.#backoff_ms = Math.min(RESTART_MAX_MS, this.#backoff_ms * 2);
      if (this.#stopping) return;
      const child = this.#spawn();
      if (await this.#ready(child)) {
        this.#logger.info({ pid: child.pid, port: this.#port }, "broker is back");
        this.#watch(child);
        return;
      }
      await this.#end(child);
    }
  }

  async #end(child: ChildProcess): Promise<void> {
    if (!isRunning(child)) return;
    const exited = new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
    });
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), STOP_PATIENCE_MS);
    await exited;
    clearTimeout(force);
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/** The end of the server's log: why it did not start. */
function tail(path: string): string {
  if (!existsSync(path)) return "no log was written";
  const file = openSync(path, "r");
  const size = fstatSync(file).size;
  const bytes = Buffer.alloc(Math.min(size, 2000));
  readSync(file, bytes, 0, bytes.length, size - bytes.length);
  closeSync(file);
  return bytes.toString("utf8").trim().split("\n").slice(-5).join(" | ");
}
