#!/usr/bin/env node
/**
 * Brings a checkout to where it can run: packages, build and broker. Plain Node, no dependencies, because it runs
 * before there are any. Idempotent: when nothing is missing it only compares two hashes and looks along PATH.
 *
 *   node deploy/setup.mjs [--quiet]     quiet: say nothing when there is nothing to do
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const NODE_MINIMUM = [20, 19];
/** After this an install is taken to hang in a package's own download script, and is tried again without scripts. */
const INSTALL_TIMEOUT_MS = 300_000;
const LOCK_POLL_MS = 200;
/** A lock directory without its owner's pid for longer than this was left by a crash between two system calls. */
const LOCK_UNNAMED_MS = 10_000;
/** Longer than any set-up takes: its owner was killed, and its pid is another process's by now (in a container, maybe this one's). */
const LOCK_MAX_MS = 1_800_000;
/** Debian keeps daemons here, and an ordinary user's PATH leaves it out. */
const DAEMON_DIRECTORIES = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** An expected failure: its message is all that the reader needs. */
export class SetupError extends Error {}

/** undefined when the version will do, else what to tell the reader. */
export function nodeProblem(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number);
  const [wantedMajor, wantedMinor] = NODE_MINIMUM;
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return undefined;
  return `Tidemark needs Node.js ${NODE_MINIMUM.join(".")} or newer; this is ${version}. See https://nodejs.org/en/download`;
}

/** Hash of what decides which packages are installed: the lock file and package.json's dependency sections. */
export function packagesFingerprint(packageJson, lockFile) {
  const manifest = JSON.parse(packageJson);
  const parts = ["dependencies", "devDependencies", "optionalDependencies", "overrides", "allowScripts"].map((key) => manifest[key] ?? {});
  return createHash("sha256").update(JSON.stringify(parts)).update("\0").update(lockFile).digest("hex");
}

/**
 * Whether what npm installed (its own record, node_modules/.package-lock.json) is what the lock file asks for: so an
 * `npm ci` run by hand is not run again. Optional packages may be missing: npm drops those that do not fit here.
 */
export function installedMatches(lockFile, installedFile) {
  const installed = JSON.parse(installedFile).packages ?? {};
  return Object.entries(JSON.parse(lockFile).packages ?? {}).every(([path, wanted]) => {
    if (path === "") return true;
    const found = installed[path];
    if (found === undefined) return wanted.optional === true || wanted.devOptional === true;
    return found.version === wanted.version && found.integrity === wanted.integrity;
  });
}

function filesUnder(directory, keep) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && keep(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** TypeScript sources of the build, sorted. */
export function sourceFiles(root) {
  return ["src", "bench"].flatMap((folder) => filesUnder(join(root, folder), (name) => /\.(?:tsx?|css)$/.test(name)));
}

/** Hash of everything that the compiler reads. Content, not times: a checkout touches every file. */
export function sourcesFingerprint(root, files) {
  const hash = createHash("sha256");
  const bundler = join(root, "deploy", "pages.mjs");
  for (const file of [...files, join(root, "tsconfig.json"), join(root, "package-lock.json"), ...(existsSync(bundler) ? [bundler] : [])]) {
    hash.update(relative(root, file)).update("\0").update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex");
}

/** Declarations are read and not written; what browsers load is bundled, apart from the compiler's output. */
const isBuilt = (source) => !/\.(?:d\.ts|css)$/.test(source) && !source.includes("/pages/client/");

function builtFile(root, source) {
  return join(root, "dist", `${relative(root, source).replace(/\.tsx?$/, "")}.js`);
}

/** Built files whose source is gone: they would still be imported, and their tests still run. */
export function staleBuiltFiles(root, files) {
  const wanted = new Set(files.map((file) => builtFile(root, file)));
  return ["src", "bench"].flatMap((folder) => filesUnder(join(root, "dist", folder), (name) => name.endsWith(".js"))).filter((file) => !wanted.has(file));
}

/** Full path of an executable, or undefined. */
export function findExecutable(name, path = process.env.PATH ?? "") {
  for (const directory of [...path.split(delimiter), ...DAEMON_DIRECTORIES]) {
    if (directory === "") continue;
    const file = join(directory, name);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not here; look further.
    }
  }
  return undefined;
}

function readOr(file, fallback) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return fallback;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** pid that holds the lock directory; undefined when nobody living does, null when it is too young to tell. */
export function lockOwner(lock) {
  const text = readOr(join(lock, "pid"), "");
  let age_ms;
  try {
    age_ms = Date.now() - statSync(lock).mtimeMs;
  } catch {
    return undefined;
  }
  if (text === "") return age_ms < LOCK_UNNAMED_MS ? null : undefined;
  return age_ms < LOCK_MAX_MS && isAlive(Number(text)) ? Number(text) : undefined;
}

/** Takes the lock directory, waiting for a living owner; returns how to give it back. */
export async function takeLock(lock, onWait) {
  mkdirSync(dirname(lock), { recursive: true });
  let told = false;
  for (;;) {
    try {
      mkdirSync(lock);
      writeFileSync(join(lock, "pid"), String(process.pid));
      return () => rmSync(lock, { recursive: true, force: true });
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const owner = lockOwner(lock);
    if (owner === undefined) {
      // Renaming is atomic: of several that find the lock abandoned, one moves it away and the others try again.
      const abandoned = `${lock}.${process.pid}`;
      try {
        renameSync(lock, abandoned);
        rmSync(abandoned, { recursive: true, force: true });
      } catch {
        // Another was faster.
      }
      continue;
    }
    if (!told && owner !== null) {
      onWait(owner);
      told = true;
    }
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
  }
}

/** Runs a command; its output is kept, and given back only for a failure's message. */
export function run(command, args, { cwd, timeout_ms, env, signal } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"], timeout: timeout_ms, signal });
    let output = "";
    const keep = (chunk) => {
      output = (output + chunk).slice(-20_000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", (error) => resolve({ ok: false, output: `${command}: ${error.message}` }));
    child.on("close", (code, signal) => resolve({ ok: code === 0, output: signal === null ? output : `${output}\n${command} was stopped by ${signal}` }));
  });
}

/** npm, and what comes before its arguments. */
export function npmCommand() {
  const npm = process.env.npm_execpath ?? "";
  return npm.endsWith("npm-cli.js") ? [process.execPath, npm] : ["npm"];
}

function lacksBuilt(root, files) {
  return files.some((file) => isBuilt(file) && !existsSync(builtFile(root, file)));
}

/** Script and style sheet of the pages, where there are sources of them. */
function lacksPages(root) {
  return existsSync(join(root, "src/serving/pages/client")) && !existsSync(join(root, "dist/pages/manifest.json"));
}

/** What is not in place yet; each step knows how to see that and how to mend it. */
function createSteps(root) {
  const packagesStamp = join(root, "node_modules", ".tidemark-setup");
  const buildStamp = join(root, "dist", ".tidemark-setup");
  const buildInfo = join(root, "dist", ".tsbuildinfo");
  const browserStamp = join(root, "dist", ".tidemark-browser");

  const packagesHash = () => packagesFingerprint(readFileSync(join(root, "package.json"), "utf8"), readFileSync(join(root, "package-lock.json"), "utf8"));

  /** A compiler run by hand rewrites tsbuildinfo, so its time tells that dist is no longer what was stamped. */
  const buildHash = (files) => `${sourcesFingerprint(root, files)} ${existsSync(buildInfo) ? statSync(buildInfo).mtimeMs : "none"}`;

  return [
    {
      name: "packages (npm ci)",
      needed() {
        if (readOr(packagesStamp, "") === packagesHash()) return false;
        const installed = join(root, "node_modules", ".package-lock.json");
        return !existsSync(installed) || existsSync(packagesStamp) || !installedMatches(readFileSync(join(root, "package-lock.json"), "utf8"), readFileSync(installed, "utf8"));
      },
      async mend() {
        const [npm, ...prefix] = npmCommand();
        // The build needs the development packages also where NODE_ENV=production.
        const args = [...prefix, "ci", "--include=dev", "--no-audit", "--no-fund"];
        const first = await run(npm, args, { cwd: root, timeout_ms: INSTALL_TIMEOUT_MS });
        if (!first.ok) {
          // An optional native package whose install script fails or hangs must not stop the rest, which works from prebuilt files.
          const second = await run(npm, [...args, "--ignore-scripts"], { cwd: root });
          if (!second.ok) throw new SetupError(`npm ci failed:\n${second.output.trim()}`);
        }
        writeFileSync(packagesStamp, packagesHash());
      },
    },
    {
      name: "build",
      needed() {
        const files = sourceFiles(root);
        return readOr(buildStamp, "") !== buildHash(files) || lacksBuilt(root, files) || lacksPages(root);
      },
      async mend() {
        const files = sourceFiles(root);
        for (const file of staleBuiltFiles(root, files)) rmSync(file);
        // An incremental compiler does not write again what it believes to be there.
        if (lacksBuilt(root, files)) rmSync(buildInfo, { force: true });
        const built = await run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", join(root, "tsconfig.json")], { cwd: root });
        if (!built.ok) throw new SetupError(`the build failed:\n${built.output.trim()}`);
        const bundled = await run(process.execPath, [join(root, "deploy", "pages.mjs")], { cwd: root });
        if (!bundled.ok) throw new SetupError(`the build failed:\n${bundled.output.trim()}`);
        writeFileSync(buildStamp, buildHash(files));
      },
    },
    {
      name: "nats-server",
      // Someone who starts against a broker of their own needs none here; tests and benches always do.
      needed: () => !(process.env.npm_lifecycle_event === "prestart" && process.env.TIDEMARK_NATS_URL) && findExecutable("nats-server") === undefined,
      mend: installBroker,
    },
    {
      name: "chromium, for tests of the pages",
      optional: true,
      // Only tests need a browser, and they say that they are skipped without one: it is tried once, and not again after a failure.
      needed: () => process.env.npm_lifecycle_event === "pretest" && findExecutable("chromium") === undefined && !existsSync(browserStamp),
      async mend() {
        writeFileSync(browserStamp, "");
        const prefix = rootPrefix();
        if (prefix === undefined || findExecutable("apt-get") === undefined) throw new SetupError("no Chromium on PATH, and none that could be installed from here: tests in a browser are skipped");
        const result = await installPackage(prefix, "chromium");
        if (!result.ok) throw new SetupError(`Chromium could not be installed: tests in a browser are skipped\n${result.output.trim().split("\n").at(-1)}`);
      },
    },
  ];
}

/** How to become root without being asked anything, or undefined. */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  if (findExecutable("sudo") !== undefined && spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0) return ["sudo", "-n"];
  return undefined;
}

const BROKER_HELP = [
  "nats-server is missing, and is not installable from here without your help. Install it one of these ways, then start again:",
  "  Debian, Ubuntu    sudo apt-get update && sudo apt-get install nats-server",
  "  Fedora            sudo dnf install nats-server",
  "  Alpine            sudo apk add nats-server",
  "  macOS             brew install nats-server",
  "  anything else     https://docs.nats.io/running-a-nats-service/introduction/installation (any 2.9 or newer on PATH)",
  "Or point TIDEMARK_NATS_URL at a NATS server with JetStream.",
].join("\n");

async function installBroker() {
  const prefix = rootPrefix();
  const asRoot = (...args) => {
    const [command, ...rest] = [...prefix, ...args];
    return run(command, rest);
  };
  const has = (name) => findExecutable(name) !== undefined;
  let result = { ok: false, output: "" };
  if (has("brew")) result = await run("brew", ["install", "--quiet", "nats-server"]);
  else if (prefix === undefined) throw new SetupError(BROKER_HELP);
  else if (has("apt-get")) result = await installWithApt(asRoot, prefix);
  else if (has("dnf")) result = await asRoot("dnf", "install", "-y", "-q", "nats-server");
  else if (has("apk")) result = await asRoot("apk", "add", "--no-cache", "nats-server");
  if (!result.ok || findExecutable("nats-server") === undefined) throw new SetupError(`${BROKER_HELP}\n${result.output.trim()}`.trim());
}

/** Installs one Debian package, with a fresh list of packages where the one at hand does not do. */
async function installPackage(prefix, name) {
  const asRoot = (...args) => {
    const [command, ...rest] = [...prefix, ...args];
    return run(command, rest);
  };
  const install = () => asRoot("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=60", name);
  const first = await install();
  if (first.ok) return first;
  await asRoot("apt-get", "update", "-q");
  return install();
}

async function installWithApt(asRoot, prefix) {
  // Debian's package starts a service on every interface without a password: only the program is wanted here.
  const systemd = existsSync("/run/systemd/system");
  if (systemd) await asRoot("systemctl", "mask", "nats-server.service");
  const result = await installPackage(prefix, "nats-server");
  if (systemd) {
    await asRoot("systemctl", "unmask", "nats-server.service");
    await asRoot("systemctl", "disable", "nats-server.service");
  }
  return result;
}

/** Runs what is missing. `say` gets text as it comes; a step is one line, completed with its seconds. */
export async function setUp(root, { quiet, say }) {
  const problem = nodeProblem(process.version);
  if (problem !== undefined) throw new SetupError(problem);
  const steps = createSteps(root);
  if (!steps.some((step) => step.needed())) {
    if (!quiet) say("set-up: everything is in place\n");
    return;
  }
  const release = await takeLock(join(root, "dist", ".setup-lock"), (pid) => say(`set-up: waiting for another one (process ${pid})\n`));
  try {
    for (const step of steps) {
      // Asked again under the lock: another set-up may have done it meanwhile.
      if (!step.needed()) continue;
      const started_ms = Date.now();
      say(`set-up: ${step.name} … `);
      try {
        await step.mend();
      } catch (error) {
        if (step.optional !== true || !(error instanceof SetupError)) throw error;
        say(`${error.message} `);
      }
      say(`${((Date.now() - started_ms) / 1000).toFixed(1)} s\n`);
    }
  } finally {
    release();
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  try {
    await setUp(root, { quiet: process.argv.includes("--quiet"), say: (text) => process.stdout.write(text) });
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    process.exitCode = 1;
  }
}
