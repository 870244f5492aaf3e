import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { claimLock, isAlive, ownIdentity, processSchema, type ProcessIdentity } from "../ingest/process-lock.ts";
import { TidemarkError } from "../lib/errors.ts";

/** What a `tidemark start` says about itself in its data directory. */
const runningSchema = processSchema.extend({
  nats_url: z.string().optional(),
  url: z.string().optional(),
  children: z.array(processSchema).readonly(),
});
export type Running = z.infer<typeof runningSchema>;

const FILE = "start.lock";

function parse(text: string): Running | undefined {
  try {
    return runningSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function read(path: string): Running | undefined {
  try {
    return parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

/** The `tidemark start` that runs on this data directory now, if one does. */
export function readRunning(data_dir: string): Running | undefined {
  const running = read(join(data_dir, FILE));
  return running !== undefined && isAlive(running) ? running : undefined;
}

/** Makes this process the only `start` on a data directory. A lock whose process is gone is taken over. */
export class StartLock {
  readonly #path: string;
  #own: Running;
  /** Children of a `start` that was killed: they stop by themselves within seconds, and must before others begin. */
  readonly leftovers: readonly ProcessIdentity[];

  private constructor(path: string, own: Running, leftovers: readonly ProcessIdentity[]) {
    this.#path = path;
    this.#own = own;
    this.leftovers = leftovers;
  }

  /** Throws `already_running` when another living process holds it. */
  static acquire(data_dir: string): StartLock {
    mkdirSync(data_dir, { recursive: true });
    const path = join(data_dir, FILE);
    const own: Running = { ...ownIdentity(), children: [] };
    const refuse = (pid: number): TidemarkError => new TidemarkError("already_running", `tidemark start already runs on ${data_dir} (process ${pid}); stop it, or use another --data-dir`);
    const abandoned = claimLock(path, own, refuse);
    return new StartLock(path, own, abandoned.flatMap((text) => parse(text)?.children ?? []).filter(isAlive));
  }

  /**
   * Tells other commands on this data directory, and a start after a crash, what is running where. Best effort: on a full
   * disk they know less, and what runs goes on.
   */
  publish(what: Partial<Pick<Running, "nats_url" | "url" | "children">>): void {
    this.#own = { ...this.#own, ...what };
    const draft = `${this.#path}.${process.pid}`;
    try {
      // The broker's URL may hold a password.
      writeFileSync(draft, JSON.stringify(this.#own), { mode: 0o600 });
      renameSync(draft, this.#path);
    } catch {
      // The next change is published with this one.
    }
  }

  release(): void {
    rmSync(this.#path, { force: true });
  }
}
