import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { assert } from "../../lib/assert.ts";

/** Text in memory before it goes to a file of its own, in characters. */
const RUN_CHARACTERS = 32 << 20;
/** Of each file, while all of them are read together. */
const BUFFER_BYTES = 64 << 10;
const LINE_END = 10;
const KEY_END = "\t";

interface Line {
  readonly key: number;
  readonly text: string;
}

function writeAll(file: number, text: string): void {
  const bytes = Buffer.from(text);
  // A write may take less than it was given.
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

/** The lines of one sorted file, a buffer at a time. */
class Run {
  readonly #file: number;
  #bytes = Buffer.alloc(0);
  head: Line | undefined;

  constructor(path: string) {
    this.#file = openSync(path, "r");
    this.advance();
  }

  advance(): void {
    let end = this.#bytes.indexOf(LINE_END);
    while (end < 0) {
      const piece = Buffer.allocUnsafe(BUFFER_BYTES);
      const length = readSync(this.#file, piece);
      if (length === 0) {
        assert(this.#bytes.length === 0, "a sorted file ends within a line");
        this.head = undefined;
        return;
      }
      const searched = this.#bytes.length;
      this.#bytes = Buffer.concat([this.#bytes, piece.subarray(0, length)]);
      end = this.#bytes.indexOf(LINE_END, searched);
    }
    const line = this.#bytes.toString("utf8", 0, end);
    this.#bytes = this.#bytes.subarray(end + 1);
    const tab = line.indexOf(KEY_END);
    this.head = { key: Number(line.slice(0, tab)), text: line.slice(tab + 1) };
  }

  close(): void {
    closeSync(this.#file);
  }
}

/**
 * Lines by ascending key, those of equal keys in the order in which they were added: sorted runs in files, merged when they are read (Knuth, vol. 3,
 * 5.4). Memory: one run while lines are added, a buffer a run while they are read. Lines have no line breaks.
 */
export class SortedLines {
  readonly #directory: string;
  readonly #run_characters: number;
  readonly #paths: string[] = [];
  #lines: Line[] = [];
  #characters = 0;
  length = 0;

  /** `directory` is the caller's, who removes it. */
  constructor(directory: string, run_characters = RUN_CHARACTERS) {
    this.#directory = directory;
    this.#run_characters = run_characters;
  }

  add(key: number, text: string): void {
    this.#lines.push({ key, text });
    this.length++;
    this.#characters += text.length;
    if (this.#characters >= this.#run_characters) this.#spill();
  }

  /** Once, after the last was added. */
  *read(): Generator<string> {
    this.#sort();
    if (this.#paths.length === 0) {
      for (const { text } of this.#lines) yield text;
      return;
    }
    this.#spill();
    const runs = this.#paths.map((path) => new Run(path));
    try {
      for (;;) {
        // As many runs as there are 32 MB in all: few enough to look through.
        let first: Run | undefined;
        for (const run of runs) if (run.head !== undefined && (first?.head === undefined || run.head.key < first.head.key)) first = run;
        if (first?.head === undefined) return;
        yield first.head.text;
        first.advance();
      }
    } finally {
      for (const run of runs) run.close();
    }
  }

  #sort(): void {
    this.#lines.sort((a, b) => a.key - b.key);
  }

  #spill(): void {
    if (this.#lines.length === 0) return;
    this.#sort();
    const path = join(this.#directory, `run-${this.#paths.length}`);
    const file = openSync(path, "wx");
    try {
      for (let from = 0; from < this.#lines.length; from += 4_096) {
        writeAll(file, this.#lines.slice(from, from + 4_096).map(({ key, text }) => `${key}${KEY_END}${text}\n`).join(""));
      }
    } finally {
      closeSync(file);
    }
    this.#paths.push(path);
    this.#lines = [];
    this.#characters = 0;
  }
}
