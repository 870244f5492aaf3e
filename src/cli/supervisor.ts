import { join } from "node:path";
import type { TidemarkError } from "../lib/errors.ts";
import { RotatingLog } from "./rotating-log.ts";
import type { ProcessIdentity } from "../ingest/process-identity.ts";
import { SupervisedChild, type ChildPolicy, type ChildSpec } from "./supervised-child.ts";

export interface SupervisorOptions {
  /** Script that every child runs, with the spec's arguments. */
  readonly entry: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly log_dir: string;
  readonly policy: ChildPolicy;
  /** Shows one line to whoever watches. */
  readonly line: (text: string) => void;
  /** Told which processes there are, whenever that changes. */
  readonly onProcesses?: (processes: readonly ProcessIdentity[]) => void;
}

/** Owns the children of one `tidemark start`. */
export class Supervisor {
  /** Rejects when a child is given up; otherwise never settles. */
  readonly failure: Promise<never>;
  readonly #options: SupervisorOptions;
  readonly #children: SupervisedChild[] = [];
  readonly #logs = new Map<string, RotatingLog>();
  #fail: (error: TidemarkError) => void = () => undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.failure = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // Whoever waits for something races it; between two waits it must not count as unhandled.
    this.failure.catch(() => undefined);
  }

  launch(spec: ChildSpec): SupervisedChild {
    const { entry, environment, policy, line, log_dir } = this.#options;
    const log = this.#logs.get(spec.role) ?? new RotatingLog(join(log_dir, `${spec.role}.log`));
    this.#logs.set(spec.role, log);
    const child = new SupervisedChild(spec, { entry, environment, policy, line, log, onFailure: this.#fail, onChange: () => this.#tell() });
    this.#children.push(child);
    this.#tell();
    return child;
  }

  /** The promise's value, unless a child is given up before. */
  orFailure<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.failure]);
  }

  /** Stops all children, stage by stage: what produces before what it needs. */
  async stop(): Promise<void> {
    const stages = new Set(this.#children.map((child) => child.stop_stage).sort((a, b) => a - b));
    for (const stage of stages) await Promise.all(this.#children.filter((child) => child.stop_stage === stage).map((child) => child.stop()));
    for (const log of this.#logs.values()) log.close();
    this.#logs.clear();
  }

  #tell(): void {
    this.#options.onProcesses?.(this.#children.flatMap((child) => child.identity ?? []));
  }
}
