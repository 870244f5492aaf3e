import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errorMessage } from "../../src/lib/errors.ts";
import { unavailable } from "./unavailable.ts";

const CGROUPS = "/sys/fs/cgroup";
const MIB = 2 ** 20;

/** Where the system limits the writes of a group of processes, by the first or the second version of control groups. */
function limiter(): { readonly parent: string; readonly file: string; readonly limit: (device: string, per_s: number) => string } {
  if (existsSync(join(CGROUPS, "blkio", "blkio.throttle.write_iops_device"))) return { parent: join(CGROUPS, "blkio"), file: "blkio.throttle.write_iops_device", limit: (device, per_s) => `${device} ${per_s}` };
  const controllers = join(CGROUPS, "cgroup.controllers");
  if (existsSync(controllers) && readFileSync(controllers, "utf8").split(/\s/).includes("io")) return { parent: CGROUPS, file: "io.max", limit: (device, per_s) => `${device} wiops=${per_s || "max"}` };
  throw unavailable(`nothing under ${CGROUPS} limits writes to a disk`);
}

/**
 * A file system on a device of its own, in a file, and processes whose writes to it can be made slow: the system lets only so many through a second, so that every
 * synced transaction takes long. Needs root and Linux.
 */
export class SlowDisk {
  readonly path: string;
  readonly #device: string;
  readonly #group: string;
  readonly #limiter = limiter();

  /** Throws TidemarkError `drill_unavailable` where that cannot be had. */
  constructor(path: string, mib: number) {
    this.path = path;
    const image = `${path}.img`;
    this.#group = join(this.#limiter.parent, `tidemark-drill-${process.pid}`);
    try {
      writeFileSync(image, "");
      truncateSync(image, mib * MIB);
      execFileSync("mkfs.ext4", ["-q", image], { stdio: ["ignore", "ignore", "pipe"] });
      mkdirSync(path, { recursive: true });
      execFileSync("mount", ["-o", "loop", image, path], { stdio: ["ignore", "ignore", "pipe"] });
      mkdirSync(this.#group);
    } catch (error) {
      this.remove();
      throw unavailable(`a disk of its own cannot be made here (root on Linux, loop devices, control groups): ${errorMessage(error)}`, error);
    }
    const { dev } = statSync(path);
    // As Linux has them in small device numbers: major and minor, a byte each.
    this.#device = `${dev >> 8}:${dev & 0xff}`;
  }

  /** So many writes a second of these processes from now on. */
  slow(pids: readonly number[], writes_per_s: number): void {
    this.#limit(writes_per_s);
    for (const pid of pids) writeFileSync(join(this.#group, "cgroup.procs"), String(pid));
  }

  /** As fast as it is. */
  restore(): void {
    this.#limit(0);
  }

  /** When no process writes to it any more; what was never made is passed over. */
  remove(): void {
    for (const undo of [() => execFileSync("umount", [this.path], { stdio: "ignore" }), () => rmdirSync(this.#group)]) {
      try {
        undo();
      } catch {
        // Was never made.
      }
    }
  }

  #limit(writes_per_s: number): void {
    writeFileSync(join(this.#group, this.#limiter.file), this.#limiter.limit(this.#device, writes_per_s));
  }
}
