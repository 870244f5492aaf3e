import { fork, type ChildProcess } from "node:child_process";
import { isRoleReport } from "../lib/role-report.ts";
import { TidemarkError } from "../lib/errors.ts";
import type { RotatingLog } from "./rotating-log.ts";
import { EXIT_PERMANENT } from "./exit-codes.ts";
import { processStarted } from "../ingest/process-identity.ts";
import type { ProcessIdentity } from "../ingest/process-identity.ts";

export interface ChildSpec {
  readonly role: string;
  readonly args: readonly string[];
  /** Variables on top of those that all children get. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Its work has an end: exit code 0 means done, not dead. */
  readonly once?: boolean;
  /** How long it may take to stop before it is killed. */
  readonly grace_ms?: number;
  /** Children of one stage stop together, and a later stage when those before it are gone. Default: 0. */
  readonly stop_stage?: number;
}

export interface ChildPolicy {
  readonly backoff_first_ms: number;
  readonly backoff_max_ms: number;
  /** Alive this long, a child has recovered: the next death starts from the first delay. */
  readonly healthy_ms: number;
  /** Deaths in a row without ever having been ready that are taken as permanent. */
  readonly early_deaths_max: number;
}

export const defaultChildPolicy: ChildPolicy = { backoff_first_ms: 500, backoff_max_ms: 30_000, healthy_ms: 60_000, early_deaths_max: 5 };

export interface ChildSurroundings {
  readonly entry: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly log: RotatingLog;
  readonly policy: ChildPolicy;
  readonly line: (text: string) => void;
  /** Called when a process of this child began or ended. */
  readonly onChange: () => void;
  /** Called once, when the child is given up. */
  readonly onFailure: (error: TidemarkError) => void;
}

export type ReadyDetail = Readonly<Record<string, string | number>>;
export type OutcomeListener = (of: string | null, ok: boolean, reason: string) => void;
export type ProgressListener = (phase: string, done: number, total: number) => void;

const GRACE_MS = 2_000;

/** One role in a process of its own: started again with growing delays when it dies, given up when that cannot help. */
export class SupervisedChild {
  readonly role: string;
  /** The detail of the first `ready` report. Never settles when the child is given up: `onFailure` says so. */
  readonly ready: Promise<ReadyDetail>;
  /** Resolves when a `once` child has exited with 0. */
  readonly finished: Promise<void>;
  readonly #spec: ChildSpec;
  readonly #around: ChildSurroundings;
  readonly #listeners: ProgressListener[] = [];
  readonly #outcomeListeners: OutcomeListener[] = [];
  #process: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;
  #wasReady = false;
  #deaths = 0;
  #markReady: (detail: ReadyDetail) => void = () => undefined;
  #markFinished: () => void = () => undefined;

  constructor(spec: ChildSpec, around: ChildSurroundings) {
    this.role = spec.role;
    this.#spec = spec;
    this.#around = around;
    this.ready = new Promise((resolve) => {
      this.#markReady = resolve;
    });
    this.finished = new Promise((resolve) => {
      this.#markFinished = resolve;
    });
    this.#launch();
  }

  get stop_stage(): number {
    return this.#spec.stop_stage ?? 0;
  }

  get identity(): ProcessIdentity | undefined {
    const pid = this.#process?.pid;
    return pid === undefined ? undefined : { pid, started: processStarted(pid) ?? "" };
  }

  onProgress(listener: ProgressListener): void {
    this.#listeners.push(listener);
  }

  onOutcome(listener: OutcomeListener): void {
    this.#outcomeListeners.push(listener);
  }

  /**
   * Asks it to stop, and kills it and its process group when it does not in time. nats-server has a group of its own: it
   * was asked, too, and is left to write out its store; the next start waits for it.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const child = this.#process;
    if (child === undefined) return;
    child.kill("SIGTERM");
    const killer = setTimeout(() => killGroup(child), this.#spec.grace_ms ?? GRACE_MS);
    await this.#exited;
    clearTimeout(killer);
  }

  #launch(): void {
    const { entry, environment, log } = this.#around;
    const started_ms = performance.now();
    // A group of its own: Ctrl-C in the terminal reaches the supervisor alone, which stops the roles in order.
    const child = fork(entry, [...this.#spec.args], { env: { ...environment, ...this.#spec.environment }, stdio: ["ignore", "pipe", "pipe", "ipc"], detached: true });
    this.#process = child;
    child.stdout?.on("data", (chunk: Uint8Array) => log.write(chunk));
    child.stderr?.on("data", (chunk: Uint8Array) => log.write(chunk));
    child.on("message", (message) => this.#receive(message));
    child.on("error", (error) => log.write(Buffer.from(`${error.message}\n`)));
    // `close` comes after the last of its output, so a tail of the log is complete.
    this.#exited = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        this.#process = undefined;
        resolve();
        this.#around.onChange();
        this.#ended(code, signal, performance.now() - started_ms);
      });
    });
    this.#around.onChange();
  }

  #receive(message: unknown): void {
    if (!isRoleReport(message)) return;
    if (message.type === "progress") for (const listener of this.#listeners) listener(message.phase, message.done, message.total);
    else if (message.type === "outcome") for (const listener of this.#outcomeListeners) listener(message.of, message.ok, message.reason);
    else if (message.type === "failed") this.#giveUp(message.code, message.message);
    else {
      this.#wasReady = true;
      this.#markReady(message.detail);
    }
  }

  #ended(code: number | null, signal: NodeJS.Signals | null, alive_ms: number): void {
    if (this.#stopping) return;
    if (this.#spec.once === true && code === 0) {
      this.#markFinished();
      return;
    }
    const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
    if (code === EXIT_PERMANENT) {
      this.#giveUp("role_failed", `it ${how}:\n${this.#around.log.tail(10)}`);
      return;
    }
    if (alive_ms >= this.#around.policy.healthy_ms) this.#deaths = 0;
    this.#deaths++;
    if (!this.#wasReady && this.#deaths >= this.#around.policy.early_deaths_max) {
      this.#giveUp("role_failed", `it ${how}, ${this.#deaths} times in a row:\n${this.#around.log.tail(10)}`);
      return;
    }
    const delay_ms = Math.min(this.#around.policy.backoff_max_ms, this.#around.policy.backoff_first_ms * 2 ** (this.#deaths - 1));
    this.#around.line(`! ${this.role} ${how}; starting it again in ${(delay_ms / 1000).toFixed(1)} s (log: ${this.#around.log.path})`);
    this.#timer = setTimeout(() => this.#launch(), delay_ms);
  }

  #giveUp(code: string, message: string): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#around.onFailure(new TidemarkError(code, `${this.role}: ${message}`));
  }
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    child.kill("SIGKILL");
  }
}
