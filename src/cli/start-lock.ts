import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { TidemarkError } from "../lib/errors.ts";
import { processStarted } from "../ingest/process-identity.ts";

const processSchema = z.object({
  pid: z.int().positive(),
  /** Tells the process from a later one with the same pid. */
  started: z.string(),
});
export type ProcessIdentity = z.infer<typeof processSchema>;

/** What a `tidemark start` says about itself in its data directory. */
const runningSchema = processSchema.extend({
  nats_url: z.string().optional(),
  url: z.string().optional(),
  children: z.array(processSchema).readonly(),
});
export type Running = z.infer<typeof runningSchema>;

const FILE = "start.lock";

function isAlive(process: ProcessIdentity): boolean {
  return processStarted(process.pid) === process.started;
}

function read(path: string): Running | undefined {
  try {
    return runningSchema.safeParse(JSON.parse(readFileSync(path, "utf8"))).data;
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
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
    const own: Running = { pid: process.pid, started: processStarted(process.pid) ?? "", children: [] };
    const draft = `${path}.${process.pid}`;
    const leftovers: ProcessIdentity[] = [];
    writeFileSync(draft, JSON.stringify(own));
    try {
      for (;;) {
        try {
          // A link appears whole or not at all, so nobody reads a lock without its pid.
          linkSync(draft, path);
          return new StartLock(path, own, leftovers);
        } catch (error) {
          if (codeOf(error) !== "EEXIST") throw error;
        }
        leftovers.push(...takeAway(path, data_dir));
      }
    } finally {
      rmSync(draft, { force: true });
    }
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

/** Removes a lock that nobody living holds; returns which of its children are still there. */
function takeAway(path: string, data_dir: string): ProcessIdentity[] {
  const running = read(path);
  if (running !== undefined && isAlive(running)) {
    throw new TidemarkError("already_running", `tidemark start already runs on ${data_dir} (process ${running.pid}); stop it, or use another --data-dir`);
  }
  const abandoned = `${path}.${process.pid}.abandoned`;
  try {
    renameSync(path, abandoned);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
  // Between looking and moving, another start may have taken it over: then this moved a good lock and puts it back.
  const moved = read(abandoned);
  if (moved !== undefined && isAlive(moved)) linkSync(abandoned, path);
  rmSync(abandoned, { force: true });
  return (moved?.children ?? []).filter(isAlive);
}
