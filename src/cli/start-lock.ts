import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { TidemarkError } from "../lib/errors.ts";
import { isAlive, ownIdentity, type ProcessIdentity, processSchema } from "../ingest/process-identity.ts";
import { readLock, takeLock } from "../ingest/process-lock.ts";

/** What a `tidemark start` says about itself in its data directory. */
const runningSchema = processSchema.extend({
  nats_url: z.string().optional(),
  url: z.string().optional(),
  children: z.array(processSchema).readonly(),
});
export type Running = z.infer<typeof runningSchema>;

const FILE = "start.lock";

/** The `tidemark start` that runs on this data directory now, if one does. */
export function readRunning(data_dir: string): Running | undefined {
  const running = readLock(join(data_dir, FILE), runningSchema);
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
    const path = join(data_dir, FILE);
    const own: Running = { ...ownIdentity(), children: [] };
    const held = ({ pid }: Running): TidemarkError => new TidemarkError("already_running", `tidemark start already runs on ${data_dir} (process ${pid}); stop it, or use another --data-dir`);
    const ended = takeLock({ path, schema: runningSchema, held }, own);
    return new StartLock(path, own, ended.flatMap(({ children }) => children).filter(isAlive));
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
