import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");

interface SetupModule {
  nodeProblem(version: string): string | undefined;
  packagesFingerprint(packageJson: string, lockFile: string): string;
  installedMatches(lockFile: string, installedFile: string): boolean;
  sourceFiles(root: string): string[];
  sourcesFingerprint(root: string, files: readonly string[]): string;
  staleBuiltFiles(root: string, files: readonly string[]): string[];
  findExecutable(name: string, path: string): string | undefined;
  lockOwner(lock: string): number | null | undefined;
  takeLock(lock: string, onWait: (owner: number) => void): Promise<() => void>;
}

// A variable: the set-up step is plain JavaScript outside the compiler's reach.
const location: string = pathToFileURL(join(root, "deploy/setup.mjs")).href;
const setup = (await import(location)) as SetupModule;

describe("set-up step", () => {
  let directory = "";
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "tidemark-setup-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  function write(path: string, text = ""): string {
    const file = join(directory, path);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  test("on a tree that is set up it does nothing and says nothing", () => {
    // The tests' own set-up may have been followed by a compiler run: the first call mends that.
    spawnSync(process.execPath, [join(root, "deploy/setup.mjs"), "--quiet"]);
    const second = spawnSync(process.execPath, [join(root, "deploy/setup.mjs"), "--quiet"], { encoding: "utf8" });
    expect([second.status, second.stdout, second.stderr]).toEqual([0, "", ""]);
    expect(spawnSync(process.execPath, [join(root, "deploy/setup.mjs")], { encoding: "utf8" }).stdout).toBe("set-up: everything is in place\n");
  });

  test("refuses a Node.js that is too old, with what is needed", () => {
    for (const version of ["v20.19.0", "v20.20.2", "v22.0.0", "v24.1.0"]) expect(setup.nodeProblem(version), version).toBeUndefined();
    for (const version of ["v20.18.3", "v18.20.0", "v9.99.0"]) expect(setup.nodeProblem(version), version).toContain(`needs Node.js 20.19 or newer; this is ${version}`);
  });

  test("packages are installed again when the lock file or the dependencies change, and for nothing else", () => {
    const print = (manifest: object, lock = "lock"): string => setup.packagesFingerprint(JSON.stringify(manifest), lock);
    const base = print({ version: "1", scripts: {}, dependencies: { a: "1" } });
    expect(print({ version: "2", scripts: { x: "y" }, dependencies: { a: "1" } })).toBe(base);
    expect(print({ dependencies: { a: "2" } })).not.toBe(base);
    expect(print({ devDependencies: { a: "1" } })).not.toBe(base);
    expect(print({ dependencies: { a: "1" } }, "other lock")).not.toBe(base);
  });

  test("an installation made by hand counts when it holds what the lock file names, optional packages aside", () => {
    const lock = (packages: object): string => JSON.stringify({ packages });
    const a = { version: "1.0.0", integrity: "sha512-a" };
    const wanted = lock({ "": { name: "x" }, "node_modules/a": a, "node_modules/b": { version: "2.0.0", integrity: "sha512-b", optional: true } });
    expect(setup.installedMatches(wanted, lock({ "node_modules/a": a }))).toBe(true);
    expect(setup.installedMatches(wanted, lock({}))).toBe(false);
    expect(setup.installedMatches(wanted, lock({ "node_modules/a": { ...a, version: "1.0.1" } }))).toBe(false);
    expect(setup.installedMatches(wanted, lock({ "node_modules/a": { ...a, integrity: "sha512-other" } }))).toBe(false);
  });

  test("a build is due when any source's text changes, not when its time does", () => {
    write("tsconfig.json", "{}");
    write("package-lock.json", "{}");
    const file = write("src/deep/a.ts", "export const a = 1;");
    write("src/readme.md", "no source");
    const print = (): string => setup.sourcesFingerprint(directory, setup.sourceFiles(directory));
    const before = print();
    utimesSync(file, 1, 1);
    write("src/readme.md", "still none");
    expect(print()).toBe(before);
    write("src/deep/a.ts", "export const a = 2;");
    const changed = print();
    expect(changed).not.toBe(before);
    write("bench/b.ts", "");
    expect(print()).not.toBe(changed);
  });

  test("built files whose source is gone are found", () => {
    write("src/kept.ts");
    write("dist/src/kept.js");
    const stale = [write("dist/src/gone.js"), write("dist/src/old/gone.test.js"), write("dist/bench/gone.js")];
    write("dist/.tsbuildinfo");
    expect(setup.staleBuiltFiles(directory, setup.sourceFiles(directory)).sort()).toEqual(stale.sort());
  });

  test("an executable is found along PATH, a plain file or directory of that name is not", () => {
    write("plain/tool-of-mine");
    mkdirSync(join(directory, "folder", "tool-of-mine"), { recursive: true });
    const path = [join(directory, "missing"), "", join(directory, "plain"), join(directory, "folder")].join(":");
    expect(setup.findExecutable("tool-of-mine", path)).toBeUndefined();
    const tool = write("bin/tool-of-mine");
    chmodSync(tool, 0o755);
    expect(setup.findExecutable("tool-of-mine", `${path}:${join(directory, "bin")}`)).toBe(tool);
  });

  test("of two set-ups one waits for the other; a lock without a living owner is taken over", async () => {
    const lock = join(directory, "dist", ".lock");
    const release = await setup.takeLock(lock, () => undefined);
    expect(setup.lockOwner(lock)).toBe(process.pid);
    const order: string[] = [];
    const second = setup.takeLock(lock, (owner) => order.push(`waits for ${owner}`)).then((releaseSecond) => {
      order.push("second has it");
      releaseSecond();
    });
    await expect.poll(() => order).toEqual([`waits for ${process.pid}`]);
    release();
    await second;
    expect(order).toEqual([`waits for ${process.pid}`, "second has it"]);

    write("dist/.lock/pid", "4194301");
    (await setup.takeLock(lock, () => order.push("waited in vain")))();
    mkdirSync(lock);
    expect(setup.lockOwner(lock)).toBeNull();
    utimesSync(lock, 1, 1);
    (await setup.takeLock(lock, () => order.push("waited in vain")))();

    // The killed owner's pid belongs to somebody else now.
    write("dist/.lock/pid", String(process.pid));
    const hour_ago = new Date(Date.now() - 3_600_000);
    utimesSync(lock, hour_ago, hour_ago);
    (await setup.takeLock(lock, () => order.push("waited in vain")))();
    expect(order).toHaveLength(2);
  });
});
