import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Remembers in the data directory that the history is complete in one EVENTS stream, named by its creation time: a
 * stream that was deleted or is another one gets its history again.
 */
export class HistoryMarker {
  readonly #path: string;

  constructor(data_dir: string) {
    this.#path = join(data_dir, "history.json");
  }

  isComplete(stream_created: string): boolean {
    try {
      return (JSON.parse(readFileSync(this.#path, "utf8")) as { stream_created?: unknown }).stream_created === stream_created;
    } catch {
      return false;
    }
  }

  complete(stream_created: string): void {
    mkdirSync(dirname(this.#path), { recursive: true });
    const draft = `${this.#path}.draft`;
    writeFileSync(draft, JSON.stringify({ stream_created }));
    renameSync(draft, this.#path);
  }
}
