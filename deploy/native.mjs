#!/usr/bin/env node
/**
 * Builds native TensorFlow for training: the addon of @tensorflow/tfjs-node-gpu against the libtensorflow inside pip's TensorFlow wheel, since the libtensorflow
 * that the package itself would download is years old and knows no current CUDA or GPU. Plain Node, no dependencies. Training works without it, on WASM.
 *
 *   node deploy/native.mjs [--gpu] [--force] [--undo]
 *
 * --gpu takes the wheel with CUDA, and NVIDIA's libraries beside it (some gigabytes); the driver is the machine's. --force builds again what is there.
 * Everything happens in a folder of its own inside the package; what is moved to its place has multiplied matrices there. An interrupted build leaves that
 * folder at most, and the next run removes it.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, statfsSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { findExecutable, npmCommand, run, SetupError, takeLock } from "./setup.mjs";

const PACKAGE = "@tensorflow/tfjs-node-gpu";
/** The highest that the package knows: an addon of one version runs on every later Node.js. */
const NAPI_VERSION = 8;
const ADDON = join("lib", `napi-v${NAPI_VERSION}`, "tfjs_binding.node");
/** A Python whose wheels are there where those of a very new or old one are not: only the libraries inside are wanted. */
const OTHER_PYTHON = "3.12";
const FREE_BYTES = { cpu: 2.5e9, gpu: 12e9 };
const STEP_TIMEOUT_MS = 600_000;
const GPU_DOWNLOAD_TIMEOUT_MS = 3_600_000;
const CHECK_TIMEOUT_MS = 120_000;
/**
 * What the package's source needs: the names of attributes that it keeps between calls are in one set for all threads, without a lock, and two worker
 * threads at a time crash on it now and then. A set a thread does the same.
 */
const REPAIR = { file: join("binding", "tfjs_backend.cc"), from: "static std::set<std::string> ATTR_NAME_SET;", to: "static thread_local std::set<std::string> ATTR_NAME_SET;" };
const OUTPUT_LINES = 15;

/**
 * Copies what is needed out of wheels, and prints the metadata of TensorFlow's. NVIDIA's libraries go beside TensorFlow's, and can be found as well where an
 * installation by pip would have them.
 */
const UNPACK = `
import os, re, shutil, sys, zipfile
target, *wheels = sys.argv[1:]
for wheel in wheels:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if ".." in name.split("/"):
                continue
            library = re.fullmatch(r"(tensorflow|(nvidia/[^/]+)/lib)/lib[^/]+\\.so(\\.[0-9]+)*", name)
            if library:
                path = os.path.join(target, "lib", os.path.basename(name))
                if library[2] and not os.path.lexists(os.path.join(target, library[2], "lib")):
                    os.makedirs(os.path.join(target, library[2]))
                    os.symlink("../../lib", os.path.join(target, library[2], "lib"))
            elif name.startswith("tensorflow/include/") and name.endswith(".h") and "/external/" not in name:
                path = os.path.join(target, name[len("tensorflow/"):])
            elif re.fullmatch(r"tensorflow[^/]*\\.dist-info/METADATA", name):
                sys.stdout.write(archive.read(name).decode())
                continue
            else:
                continue
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with archive.open(name) as source, open(path, "wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
`;

/** Loads the package in a folder and multiplies two matrices there. */
const CHECK = `
import { createRequire } from "node:module";
import util from "node:util";
util.isNullOrUndefined ??= (value) => value === null || value === undefined;
const require = createRequire(process.argv[1]);
const tf = require(".");
const product = tf.matMul(tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.tensor2d([5, 6, 7, 8], [2, 2])).dataSync().join();
if (product !== "19,22,43,50") throw new Error("[1 2; 3 4] times [5 6; 7 8] came out as " + product);
const backend = tf.backend();
process.stdout.write("\\n" + JSON.stringify({ tensorflow: backend.binding.TF_Version, gpu: backend.isUsingGpuDevice }) + "\\n");
`;

const lastLines = (output) => output.trim().split("\n").slice(-OUTPUT_LINES).join("\n");

/** Where everything is. */
export function nativePlaces(root) {
  const home = join(root, "node_modules", ...PACKAGE.split("/"));
  return { home, addon: join(home, ADDON), lib: join(home, "lib"), deps: join(home, "deps"), marker: join(home, ".tidemark-native.json"), work: join(home, ".native-work") };
}

/** What an earlier run built, when all of it is there and for this version of the package; undefined otherwise. */
export function builtNative(root) {
  const { home, addon, deps, marker } = nativePlaces(root);
  try {
    const built = JSON.parse(readFileSync(marker, "utf8"));
    const { version } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
    return built.thread_safe === true && built.package === version && built.arch === process.arch && existsSync(addon) && existsSync(join(deps, "lib", "libtensorflow.so")) ? built : undefined;
  } catch {
    return undefined;
  }
}

const describe = ({ wheel, kind, gpu }) => `${wheel} (${kind === "gpu" ? `CUDA build, ${gpu ? "using a GPU" : "no GPU found: it computes on the CPU"}` : "CPU"})`;

/** npm drops an optional package where its install script fails; its files alone are wanted here, as the lock file has them. */
async function ensurePackage(root, home, signal) {
  if (existsSync(join(home, "binding.gyp"))) return;
  const [npm, ...prefix] = npmCommand();
  const installed = await run(npm, [...prefix, "install", "--no-save", "--ignore-scripts", "--include=optional", "--no-audit", "--no-fund"], { cwd: root, timeout_ms: STEP_TIMEOUT_MS, signal });
  if (!existsSync(join(home, "binding.gyp"))) throw new SetupError(`the optional package ${PACKAGE} is not installed, and npm could not install it:\n${lastLines(installed.output)}`);
}

function nodeGyp() {
  const npm = findExecutable("npm");
  const candidates = [process.env.npm_config_node_gyp, npm && join(dirname(dirname(realpathSync(npm))), "node_modules", "node-gyp", "bin", "node-gyp.js")];
  const script = candidates.find((file) => file !== undefined && file.endsWith(".js") && existsSync(file));
  return script === undefined ? findExecutable("node-gyp") && [findExecutable("node-gyp")] : [process.execPath, script];
}

/** The commands that the build needs. Says all that is missing at once. */
async function findTools(signal) {
  const missing = [];
  let python;
  for (const name of ["python3", "python"]) {
    const file = findExecutable(name);
    if (python === undefined && file !== undefined && (await run(file, ["-m", "pip", "--version"], { signal })).ok) python = file;
  }
  if (python === undefined) missing.push("Python with pip, to get TensorFlow's libraries (Debian: apt-get install python3-pip)");
  if (!["c++", "g++", "clang++"].some((name) => findExecutable(name)) || !findExecutable("make")) missing.push("a C++ compiler and make (Debian: apt-get install build-essential)");
  const gyp = nodeGyp();
  if (gyp === undefined) missing.push("node-gyp, which comes with npm (or: npm install --global node-gyp)");
  if (missing.length > 0) throw new SetupError(`native TensorFlow cannot be built here. It needs ${missing.join("; ")}.`);
  return { python, gyp };
}

function checkSpace(home, kind) {
  const { bavail, bsize } = statfsSync(home);
  if (bavail * bsize < FREE_BYTES[kind]) throw new SetupError(`the build needs ${FREE_BYTES[kind] / 1e9} GB of disk at ${home}; ${((bavail * bsize) / 1e9).toFixed(1)} GB are free`);
}

const wheelsIn = (folder) => readdirSync(folder).filter((name) => name.endsWith(".whl")).sort().map((name) => join(folder, name));

async function download(python, requirements, folder, timeout_ms, signal) {
  const pip = (...args) => run(python, ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--dest", folder, ...args, ...requirements], { timeout_ms, signal });
  let result = await pip();
  if (!result.ok && !signal.aborted) result = await pip("--python-version", OTHER_PYTHON);
  if (!result.ok) throw new SetupError(`pip could not get ${requirements.join(", ")}: there is no wheel for this machine, or no package index is in reach. pip says:\n${lastLines(result.output)}`);
}

async function unpack(python, wheels, target, signal) {
  const result = await run(python, ["-c", UNPACK, target, ...wheels], { timeout_ms: STEP_TIMEOUT_MS, signal });
  if (!result.ok) throw new SetupError(`the wheel could not be unpacked:\n${lastLines(result.output)}`);
  return result.output;
}

/** NVIDIA's wheels that TensorFlow's metadata asks for with its extra "and-cuda". */
export function cudaRequirements(metadata) {
  return [...metadata.matchAll(/^Requires-Dist: (nvidia-[^;\s]+)\s*;.*extra == ["']and-cuda["']/gm)].map(([, requirement]) => requirement);
}

/** Headers and libraries as the addon's build looks for them. */
function linkLibraries(deps) {
  const lib = join(deps, "lib");
  const names = existsSync(lib) ? readdirSync(lib) : [];
  for (const [link, pattern] of [["libtensorflow.so", /^libtensorflow_cc\.so\.\d+$/], ["libtensorflow_framework.so", /^libtensorflow_framework\.so\.\d+$/]]) {
    const target = names.find((name) => pattern.test(name));
    if (target === undefined) throw new SetupError(`the wheel holds no ${pattern.source.replaceAll(/[\\^$]|\.d\+|\.\\d\+/g, "")}: it is of a TensorFlow that this build does not know`);
    symlinkSync(target, join(lib, link));
  }
}

function repairSource(work) {
  const file = join(work, REPAIR.file);
  const source = readFileSync(file, "utf8");
  if (!source.includes(REPAIR.from)) throw new SetupError(`${PACKAGE} has another source than this build knows: ${REPAIR.file} lacks "${REPAIR.from}"`);
  writeFileSync(file, source.replace(REPAIR.from, REPAIR.to));
}

async function compile(gyp, work, signal) {
  const [command, ...prefix] = gyp;
  const prefixOfNode = dirname(dirname(realpathSync(process.execPath)));
  // Node.js's own headers where they are installed with it; node-gyp downloads them otherwise.
  const headers = [prefixOfNode, "/usr"].find((folder) => existsSync(join(folder, "include", "node", "node_api.h")));
  const flags = [`--napi_build_version=${NAPI_VERSION}`, "--module_name=tfjs_binding", `--module_path=${dirname(join(work, ADDON))}`, ...(headers === undefined ? [] : [`--nodedir=${headers}`])];
  const result = await run(command, [...prefix, "rebuild", ...flags], { cwd: work, timeout_ms: STEP_TIMEOUT_MS, signal });
  if (!result.ok || !existsSync(join(work, ADDON))) throw new SetupError(`the addon could not be compiled${headers === undefined ? ", perhaps for want of Node.js's headers" : ""}:\n${lastLines(result.output)}`);
}

/** In a process of its own: what a broken library does to it does not matter here. */
async function check(folder, signal) {
  const env = { TF_CPP_MIN_LOG_LEVEL: "2", TF_FORCE_GPU_ALLOW_GROWTH: "true" };
  const result = await run(process.execPath, ["--input-type=module", "-e", CHECK, pathToFileURL(join(folder, "package.json")).href], { timeout_ms: CHECK_TIMEOUT_MS, env, signal });
  if (!result.ok) throw new SetupError(`the addon was built and does not work:\n${lastLines(result.output)}`);
  return JSON.parse(result.output.trim().split("\n").findLast((line) => line.startsWith("{")));
}

/** Puts a checked build in place. The addon is the last to come and the first to go: where it is, its libraries are. */
function moveIntoPlace({ lib, deps, marker, work }, about) {
  removeBuilt({ lib, deps, marker });
  renameSync(join(work, "deps"), deps);
  renameSync(join(work, "lib"), lib);
  writeFileSync(join(work, "marker"), `${JSON.stringify(about, null, 2)}\n`);
  renameSync(join(work, "marker"), marker);
}

function removeBuilt({ lib, deps, marker }) {
  for (const path of [marker, lib, deps]) rmSync(path, { recursive: true, force: true });
}

/** Removes what was built, and what an interrupted build left. */
export function undoNative(root, say) {
  const places = nativePlaces(root);
  const there = [places.lib, places.deps, places.work].some((path) => existsSync(path));
  removeBuilt(places);
  rmSync(places.work, { recursive: true, force: true });
  say(there ? `native: removed from ${places.home}\n` : "native: nothing was built\n");
}

/** Builds what is missing; `say` gets text as it comes. Throws SetupError, and then leaves what was there before. */
export async function buildNative(root, { gpu, force, signal, say }) {
  if (process.platform !== "linux") throw new SetupError(`native TensorFlow is built on Linux only, and this is ${process.platform}: training uses WASM here`);
  const kind = gpu ? "gpu" : "cpu";
  const places = nativePlaces(root);
  const { home, work } = places;
  const built = builtNative(root);
  if (built !== undefined && !force && (built.kind === kind || !gpu)) {
    say(`native: ${describe(built)} is built already; --force builds it again, --undo removes it\n`);
    return built;
  }
  const step = async (name, perform) => {
    const started_ms = Date.now();
    say(`native: ${name} … `);
    const value = await perform();
    say(`${((Date.now() - started_ms) / 1000).toFixed(1)} s\n`);
    return value;
  };
  const tools = await findTools(signal);
  await ensurePackage(root, home, signal);
  rmSync(work, { recursive: true, force: true });
  checkSpace(home, kind);
  const wheels = join(work, "wheels");
  const deps = join(work, "deps");
  mkdirSync(wheels, { recursive: true });
  try {
    for (const name of ["binding.gyp", "binding", "package.json", "dist"]) cpSync(join(home, name), join(work, name), { recursive: true });
    const distribution = gpu || process.arch !== "x64" ? "tensorflow" : "tensorflow-cpu";
    await step(`${distribution} (pip)`, () => download(tools.python, [distribution], wheels, STEP_TIMEOUT_MS, signal));
    const metadata = await step("unpacking", () => unpack(tools.python, wheelsIn(wheels), deps, signal));
    const wheel = `${distribution} ${/^Version: (\S+)/m.exec(metadata)?.[1] ?? "of unknown version"}`;
    if (gpu) {
      const requirements = cudaRequirements(metadata);
      if (requirements.length === 0) throw new SetupError(`${wheel} names no CUDA libraries: there is no GPU build for this machine`);
      const cuda = join(work, "cuda");
      mkdirSync(cuda);
      await step(`CUDA libraries (pip, ${requirements.length} wheels)`, () => download(tools.python, requirements, cuda, GPU_DOWNLOAD_TIMEOUT_MS, signal));
      await step("unpacking", () => unpack(tools.python, wheelsIn(cuda), deps, signal));
    }
    linkLibraries(deps);
    repairSource(work);
    await step("compiling", () => compile(tools.gyp, work, signal));
    const found = await step("checking", () => check(work, signal));
    rmSync(join(deps, "include"), { recursive: true });
    const about = { kind, wheel, ...found, thread_safe: true, package: JSON.parse(readFileSync(join(home, "package.json"), "utf8")).version, arch: process.arch };
    moveIntoPlace(places, about);
    say(`native: ${describe(about)} is in place; training takes it unless TIDEMARK_TF_BACKEND says otherwise\n`);
    return about;
  } catch (error) {
    say("\n");
    throw signal.aborted ? new SetupError("native: stopped; nothing was changed") : error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const flags = process.argv.slice(2);
  const say = (text) => process.stdout.write(text);
  const abort = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => abort.abort());
  try {
    const unknown = flags.find((flag) => !["--gpu", "--force", "--undo"].includes(flag));
    if (unknown !== undefined) throw new SetupError(`${unknown} is not known: npm run native [-- --gpu] [--force] [--undo]`);
    const release = await takeLock(join(root, "dist", ".native-lock"), (pid) => say(`native: waiting for another one (process ${pid})\n`));
    try {
      if (flags.includes("--undo")) undoNative(root, say);
      else await buildNative(root, { gpu: flags.includes("--gpu"), force: flags.includes("--force"), signal: abort.signal, say });
    } finally {
      release();
    }
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
