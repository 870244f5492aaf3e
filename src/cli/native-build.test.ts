import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

const ROOT = join(import.meta.dirname, "../..");

interface NativeModule {
  builtNative(root: string): object | undefined;
  cudaRequirements(metadata: string): string[];
}

// A variable: the script is plain JavaScript outside the compiler's reach.
const location: string = pathToFileURL(join(ROOT, "deploy/native.mjs")).href;
const native = (await import(location)) as NativeModule;

/** A pip that puts a wheel of a few bytes where it is told to, and says nothing; how it fails, FAKE_PIP says. */
const PYTHON = `#!/bin/sh
[ "$1" = "-m" ] || exec /usr/bin/env REAL_PYTHON "$@"
[ "$3" = "--version" ] && { [ "$FAKE_PIP" = none ] && exit 1; echo pip 23; exit 0; }
case "$FAKE_PIP" in
  offline) echo "ERROR: No matching distribution found for tensorflow-cpu" >&2; exit 1;;
  hangs) touch "$FAKE_STARTED"; exec sleep 5;;
esac
while [ "$1" != "--dest" ]; do shift; done
case "$*" in
  *nvidia-*) cp "$FAKE_WHEEL.cuda" "$2/nvidia_cudnn_cu12-9.0.0-py3-none-linux.whl";;
  *) cp "$FAKE_WHEEL" "$2/tensorflow-2.99.0-cp311-cp311-linux.whl";;
esac
`;

/** A node-gyp whose addon is a text file; how it fails, FAKE_GYP says. */
const GYP = `
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
if (!readFileSync("binding/tfjs_backend.cc", "utf8").includes("static thread_local std::set<std::string> ATTR_NAME_SET;")) process.exit(3);
if (process.env.FAKE_GYP === "fails") { console.error("tfjs_backend.cc:1: error: no such thing"); process.exit(1); }
const libraries = readdirSync("deps/lib");
if (!libraries.includes("libtensorflow.so") || !libraries.includes("libtensorflow_framework.so") || !readdirSync("deps/include/tensorflow/c").includes("c_api.h")) process.exit(2);
const path = process.argv.find((flag) => flag.startsWith("--module_path=")).slice("--module_path=".length);
mkdirSync(path, { recursive: true });
writeFileSync(path + "/tfjs_binding.node", "addon");
`;

/** The package's JavaScript: what it computes, FAKE_PRODUCT says. */
const INDEX = `
if (!require("node:fs").existsSync(__dirname + "/../lib/napi-v8/tfjs_binding.node")) throw new Error("no addon");
if (process.env.FAKE_PRODUCT === "crash") process.kill(process.pid, "SIGSEGV");
module.exports = { tensor2d: () => undefined, matMul: () => ({ dataSync: () => (process.env.FAKE_PRODUCT ?? "19,22,43,50").split(",") }), backend: () => ({ binding: { TF_Version: "2.99.0" }, isUsingGpuDevice: false }) };
`;

const WHEEL = `
import sys, zipfile
REQUIRES = 'Requires-Dist: nvidia-cudnn-cu12<10.0; extra == "and-cuda"\\n'
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    for name in sys.argv[2:]:
        wheel.writestr(name, "Name: tensorflow\\nVersion: 2.99.0\\n" + REQUIRES if name.endswith("METADATA") else "bytes")
`;

const realPython = spawnSync("sh", ["-c", "command -v python3"], { encoding: "utf8" }).stdout.trim();

// The wheel is a zip file, which Python makes and unpacks here as in earnest.
describe.skipIf(realPython === "" || process.platform !== "linux")("the build of native TensorFlow", () => {
  let root = "";
  let home = "";

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "tidemark-native-"));
    home = join(root, "node_modules/@tensorflow/tfjs-node-gpu");
    const write = (path: string, text: string, mode = 0o644): void => {
      mkdirSync(join(root, path, ".."), { recursive: true });
      writeFileSync(join(root, path), text);
      chmodSync(join(root, path), mode);
    };
    cpSync(join(ROOT, "deploy"), join(root, "deploy"), { recursive: true });
    const inPackage = "node_modules/@tensorflow/tfjs-node-gpu";
    write(`${inPackage}/package.json`, JSON.stringify({ name: "@tensorflow/tfjs-node-gpu", version: "4.22.0", main: "dist/index.js" }));
    write(`${inPackage}/binding.gyp`, "{}");
    write(`${inPackage}/binding/tfjs_backend.cc`, "// Names.\nstatic std::set<std::string> ATTR_NAME_SET;\n");
    write(`${inPackage}/dist/index.js`, INDEX);
    write("bin/python3", PYTHON.replace("/usr/bin/env REAL_PYTHON", realPython), 0o755);
    for (const tool of ["c++", "make"]) write(`bin/${tool}`, "#!/bin/sh\n", 0o755);
    write("gyp.mjs", GYP);
    symlinkSync(join(root, "gyp.mjs"), join(root, "gyp.js"));
    makeWheel("libtensorflow_cc.so.2", "libtensorflow_framework.so.2");
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function writeWheel(file: string, names: readonly string[], metadata = "tensorflow-2.99.0.dist-info/METADATA"): void {
    spawnSync(realPython, ["-c", WHEEL, join(root, file), ...names, metadata]);
  }

  function makeWheel(...libraries: string[]): void {
    writeWheel("wheel.whl", [...libraries.map((name) => `tensorflow/${name}`), "tensorflow/include/tensorflow/c/c_api.h", "tensorflow/python/big.so", "tensorflow/../../../escape.h"]);
    writeWheel("wheel.whl.cuda", ["nvidia/cudnn/lib/libcudnn.so.9", "nvidia/cudnn/lib/libcudnn_ops.so.9", "nvidia/cudnn/include/cudnn.h"], "nvidia_cudnn_cu12-9.0.0.dist-info/METADATA");
  }

  const environment = (more: Readonly<Record<string, string>>): Record<string, string> => ({ PATH: `${join(root, "bin")}:/usr/bin:/bin`, HOME: root, FAKE_WHEEL: join(root, "wheel.whl"), FAKE_STARTED: join(root, "started"), npm_config_node_gyp: join(root, "gyp.js"), ...more });
  const start = (flags: readonly string[], more: Readonly<Record<string, string>> = {}): ChildProcess => spawn(process.execPath, [join(root, "deploy/native.mjs"), ...flags], { env: environment(more) });

  async function build(flags: readonly string[] = [], more: Readonly<Record<string, string>> = {}): Promise<{ code: number | null; output: string }> {
    const child = start(flags, more);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const [code] = (await once(child, "close")) as [number | null];
    return { code, output };
  }

  /** Every file of the package, with its content. */
  function content(): Record<string, string> {
    return Object.fromEntries(readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => [join(entry.parentPath, entry.name), readFileSync(join(entry.parentPath, entry.name), "utf8")]));
  }

  test("puts addon, libraries and a note in place; a second run does nothing; undo leaves the package as it was", async () => {
    const before = content();
    const first = await build();
    expect(first).toMatchObject({ code: 0, output: expect.stringContaining("tensorflow-cpu 2.99.0 (CPU) is in place") });
    expect(native.builtNative(root)).toMatchObject({ kind: "cpu", wheel: "tensorflow-cpu 2.99.0", tensorflow: "2.99.0", gpu: false, package: "4.22.0" });
    expect(readdirSync(home).toSorted()).toEqual([".tidemark-native.json", "binding", "binding.gyp", "deps", "dist", "lib", "package.json"]);
    // What the compiler alone needs is gone, and so is everything else of the wheel.
    expect(readdirSync(join(home, "deps"), { recursive: true }).toSorted()).toEqual(["lib", "lib/libtensorflow.so", "lib/libtensorflow_cc.so.2", "lib/libtensorflow_framework.so", "lib/libtensorflow_framework.so.2"]);
    expect(existsSync(join(root, "escape.h"))).toBe(false);

    const built = content();
    expect(await build([], { FAKE_PIP: "offline" })).toMatchObject({ code: 0, output: expect.stringContaining("is built already") });
    expect(content()).toEqual(built);
    expect(await build(["--undo"])).toMatchObject({ code: 0, output: expect.stringContaining("removed") });
    expect(content()).toEqual(before);
    expect((await build(["--undo"])).output).toContain("nothing was built");
  });

  test("with --gpu NVIDIA's libraries lie beside TensorFlow's, and a build for the CPU gives way", async () => {
    await build();
    const gpu = await build(["--gpu"]);
    expect(gpu).toMatchObject({ code: 0, output: expect.stringMatching(/CUDA libraries \(pip, 1 wheels\).*tensorflow 2.99.0 \(CUDA build, no GPU found/s) });
    expect(native.builtNative(root)).toMatchObject({ kind: "gpu", wheel: "tensorflow 2.99.0", gpu: false });
    for (const folder of ["lib", "nvidia/cudnn/lib"]) expect(readdirSync(join(home, "deps", folder))).toEqual(expect.arrayContaining(["libcudnn.so.9", "libcudnn_ops.so.9", "libtensorflow_cc.so.2"]));
    // Who asks for native TensorFlow and has it with CUDA has it.
    expect((await build()).output).toContain("CUDA build");
  });

  test.each([
    ["no pip", { FAKE_PIP: "none" }, /Python with pip.*python3-pip/],
    ["no wheel, or no index in reach", { FAKE_PIP: "offline" }, /pip could not get tensorflow-cpu: .*No matching distribution/s],
    ["a compiler's error", { FAKE_GYP: "fails" }, /could not be compiled.*no such thing/s],
    ["an addon that miscalculates", { FAKE_PRODUCT: "1,2,3,4" }, /does not work:.*came out as 1,2,3,4/s],
    ["an addon that crashes", { FAKE_PRODUCT: "crash" }, /does not work:.*SIGSEGV/s],
  ] as const)("%s is said in one message, and leaves what was there", async (_, more, reason) => {
    const before = content();
    expect(await build([], more)).toMatchObject({ code: 1, output: expect.stringMatching(reason) });
    expect(content()).toEqual(before);
    await build();
    const built = content();
    expect(await build(["--force"], more)).toMatchObject({ code: 1 });
    expect(content()).toEqual(built);
  });

  test("a wheel without the libraries, a machine without a compiler, a flag that is none", async () => {
    makeWheel("libtensorflow_framework.so.2");
    expect(await build()).toMatchObject({ code: 1, output: expect.stringContaining("holds no libtensorflow_cc.so") });
    for (const tool of ["c++", "make"]) rmSync(join(root, "bin", tool));
    const bare = { PATH: join(root, "bin") };
    for (const command of ["sh", "cp", "sleep", "touch"]) symlinkSync(spawnSync("sh", ["-c", `command -v ${command}`], { encoding: "utf8" }).stdout.trim(), join(root, "bin", command));
    expect(await build([], bare)).toMatchObject({ code: 1, output: expect.stringContaining("build-essential") });
    expect(await build(["--gup"])).toMatchObject({ code: 1, output: expect.stringContaining("--gup is not known") });
  });

  /** A build that is ended while pip is at work. */
  async function interrupted(signal: NodeJS.Signals): Promise<void> {
    const child = start([], { FAKE_PIP: "hangs" });
    await vi.waitFor(() => expect(existsSync(join(root, "started"))).toBe(true), { timeout: 10_000, interval: 20 });
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
    rmSync(join(root, "started"));
  }

  test("one that is stopped removes its work; the next removes what one that was killed left", async () => {
    const before = content();
    await interrupted("SIGTERM");
    expect(content()).toEqual(before);
    await interrupted("SIGKILL");
    expect(existsSync(join(home, ".native-work"))).toBe(true);
    // As one that was killed between two steps of moving a build into place would have left it.
    mkdirSync(join(home, "deps/lib"), { recursive: true });
    writeFileSync(join(home, "deps/lib/libtensorflow.so"), "half");
    expect(native.builtNative(root)).toBeUndefined();
    expect(await build()).toMatchObject({ code: 0 });
    expect(existsSync(join(home, ".native-work"))).toBe(false);
    expect(native.builtNative(root)).toBeDefined();
  });

  test("a source without what is repaired in it is not built", async () => {
    writeFileSync(join(home, "binding/tfjs_backend.cc"), "");
    expect(await build()).toMatchObject({ code: 1, output: expect.stringContaining("another source than this build knows") });
    expect(existsSync(join(home, "lib"))).toBe(false);
  });

  test("another version of the package is not what was built", async () => {
    await build();
    writeFileSync(join(home, "package.json"), JSON.stringify({ name: "@tensorflow/tfjs-node-gpu", version: "4.23.0", main: "dist/index.js" }));
    expect(native.builtNative(root)).toBeUndefined();
    expect((await build()).output).toContain("is in place");
  });
});

test("CUDA's libraries are those that TensorFlow's metadata names", () => {
  const metadata = [
    "Requires-Dist: numpy>=1.26.0",
    'Requires-Dist: nvidia-cublas-cu12<13.0,>=12.5.3.2; extra == "and-cuda"',
    "Requires-Dist: nvidia-cudnn-cu12<10.0,>=9.3.0.75 ; extra == 'and-cuda'",
    'Requires-Dist: tensorflow-io-gcs-filesystem>=0.23.1; (sys_platform != "win32") and extra == "gcs-filesystem"',
  ].join("\n");
  expect(native.cudaRequirements(metadata)).toEqual(["nvidia-cublas-cu12<13.0,>=12.5.3.2", "nvidia-cudnn-cu12<10.0,>=9.3.0.75"]);
  expect(native.cudaRequirements("Requires-Dist: numpy")).toEqual([]);
});
