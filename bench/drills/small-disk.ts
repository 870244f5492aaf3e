import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { errorMessage } from "../../src/lib/errors.ts";
import { unavailable } from "./unavailable.ts";

const BLOCK_BYTES = 64 << 10;

/** A file system of a given size that can be filled to the last byte. Needs root and Linux. */
export class SmallDisk {
  readonly path: string;

  /** Throws TidemarkError `drill_unavailable` where nothing may be mounted. */
  constructor(path: string, mib: number) {
    this.path = path;
    mkdirSync(path, { recursive: true });
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mib}m`, "tmpfs", path], { stdio: ["ignore", "ignore", "pipe"] });
    } catch (error) {
      throw unavailable(`a small file system cannot be mounted here (root on Linux): ${errorMessage(error)}`, error);
    }
  }

  fill(): void {
    const file = openSync(this.#filler, "w");
    const block = Buffer.alloc(BLOCK_BYTES, 1);
    try {
      for (;;) writeSync(file, block);
    } catch {
      // Full.
    } finally {
      closeSync(file);
    }
  }

  makeRoom(): void {
    rmSync(this.#filler);
  }

  remove(): void {
    execFileSync("umount", [this.path], { stdio: "ignore" });
  }

  get #filler(): string {
    return join(this.path, "filler");
  }
}
