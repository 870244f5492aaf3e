import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

/** A directory for what is needed while something is made, gone with the process unless that is killed. */
export class ScratchDirectory {
  readonly path: string;
  readonly #onExit = (): void => rmSync(this.path, { recursive: true, force: true });

  /** `beside`: the directory that it is made in, which has room for what is to come. */
  constructor(beside: string) {
    this.path = mkdtempSync(join(beside, ".tidemark-export-"));
    process.once("exit", this.#onExit);
  }

  remove(): void {
    this.#onExit();
    process.removeListener("exit", this.#onExit);
  }
}
