import { existsSync, writeFileSync } from "node:fs";
import { unavailable } from "./unavailable.ts";

/** Debian's package `faketime`, by architecture. */
const LIBRARIES = ["x86_64-linux-gnu", "aarch64-linux-gnu"].map((name) => `/usr/lib/${name}/faketime/libfaketime.so.1`);

/** The time of day of processes, which can be put forward and back while they run; time that only elapses goes on as it does. Needs libfaketime. */
export class FalseClock {
  readonly #path: string;
  readonly #library: string;

  /** `path`: a file that the processes read. Throws TidemarkError `drill_unavailable` where the library is missing. */
  constructor(path: string) {
    const library = LIBRARIES.find((file) => existsSync(file));
    if (library === undefined) throw unavailable("libfaketime is not installed (Debian: apt-get install faketime)");
    this.#library = library;
    this.#path = path;
    this.put(0);
  }

  /** Of a process that is to have this clock. */
  get environment(): NodeJS.ProcessEnv {
    return { LD_PRELOAD: this.#library, FAKETIME_TIMESTAMP_FILE: this.#path, FAKETIME_CACHE_DURATION: "1", DONT_FAKE_MONOTONIC: "1", FAKETIME_DONT_FAKE_MONOTONIC: "1", NO_FAKE_STAT: "1" };
  }

  /** Hours before or after the true time; processes see it within a second. */
  put(hours: number): void {
    writeFileSync(this.#path, `${hours < 0 ? "" : "+"}${hours}h\n`);
  }
}
