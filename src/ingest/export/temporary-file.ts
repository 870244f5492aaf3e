import { randomBytes } from "node:crypto";
import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { TidemarkError } from "../../lib/errors.ts";

function refuseExisting(path: string, force: boolean): void {
  if (!existsSync(path)) return;
  // A rename would put a file in the place of a directory's contents, a device or a socket.
  if (!statSync(path).isFile()) throw new TidemarkError("file_exists", `${path} is not a file: name one, or a name that is still free`);
  if (!force) throw new TidemarkError("file_exists", `${path} exists: name another file, or say --force to replace it`);
}

/** Those that are neither committed nor discarded: one listener removes them all when the process ends. */
const unfinished = new Set<TemporaryFile>();
let listening = false;

function removeUnfinished(): void {
  for (const file of unfinished) file.removeQuietly();
}

/**
 * A file that is written beside the one that it is to become, and takes its name in one step when it is whole. Whatever ends the process
 * before, the name never stands for half a file; all but a kill also removes what was written.
 */
export class TemporaryFile {
  readonly path: string;
  readonly #final: string;
  readonly #force: boolean;

  constructor(final: string, force: boolean) {
    refuseExisting(final, force);
    const directory = dirname(final);
    if (!existsSync(directory) || !statSync(directory).isDirectory()) throw new TidemarkError("no_directory", `there is no directory ${directory} for ${basename(final)}`);
    this.path = join(directory, `.${basename(final)}.${randomBytes(6).toString("hex")}.partial`);
    this.#final = final;
    this.#force = force;
    if (!listening) process.once("exit", removeUnfinished);
    listening = true;
    unfinished.add(this);
  }

  /** To be called once all of it is written: on disk when it returns, and still without its name. */
  async sync(): Promise<void> {
    const file = await open(this.path, "r+");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** Whether the name is still to be had. */
  check(): void {
    refuseExisting(this.#final, this.#force);
  }

  /** Gives it its name. */
  commit(): void {
    renameSync(this.path, this.#final);
    unfinished.delete(this);
  }

  discard(): void {
    unfinished.delete(this);
    this.#remove();
  }

  /** A process that ends has nobody left to tell, and must end as it was going to. */
  removeQuietly(): void {
    try {
      this.#remove();
    } catch {
      // What is left has a name that begins with a dot.
    }
  }

  #remove(): void {
    rmSync(this.path, { force: true });
    // SQLite's lock, of a process that ends in the middle of a write.
    rmSync(`${this.path}.lock`, { force: true, recursive: true });
  }
}
