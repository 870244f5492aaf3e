import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** A log file of bounded size: when full it becomes `<path>.1`, replacing the one before, and a new one begins. */
export class RotatingLog {
  readonly path: string;
  readonly #bytes_max: number;
  #file: number;
  #bytes: number;
  #lost_bytes = 0;

  constructor(path: string, bytes_max = 8 * 1024 * 1024) {
    this.path = path;
    this.#bytes_max = bytes_max;
    mkdirSync(dirname(path), { recursive: true });
    this.#file = openSync(path, "a");
    this.#bytes = fstatSync(this.#file).size;
  }

  /** What cannot be written, on a full disk say, is lost: a log must not end what it is the log of. */
  write(chunk: Uint8Array): void {
    try {
      this.#append(chunk);
    } catch {
      this.#lost_bytes += chunk.length;
    }
  }

  #append(chunk: Uint8Array): void {
    if (this.#bytes > 0 && this.#bytes + chunk.length > this.#bytes_max) {
      // In this order a failure at any step leaves an open file to write to.
      renameSync(this.path, `${this.path}.1`);
      const full = this.#file;
      this.#file = openSync(this.path, "a");
      this.#bytes = 0;
      closeSync(full);
    }
    if (this.#lost_bytes > 0) {
      this.#bytes += writeSync(this.#file, Buffer.from(`(${this.#lost_bytes} bytes could not be written here)\n`));
      this.#lost_bytes = 0;
    }
    this.#bytes += writeSync(this.#file, chunk);
  }

  /** The last lines, to show why a process died. */
  tail(lines: number): string {
    return readFileSync(this.path, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  }

  close(): void {
    closeSync(this.#file);
  }
}
