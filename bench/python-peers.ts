import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { systemClock } from "../src/lib/clock.ts";
import { errorMessage, TidemarkError } from "../src/lib/errors.ts";

const execute = promisify(execFile);
const PYTHON = "/usr/bin/python3";
const INSTALL_MS = 300_000;
const START_MS = 60_000;
/** Beside this file, from dist/bench as from bench. */
const script = (name: string): string => fileURLToPath(new URL(import.meta.url.includes("/dist/") ? `../../bench/peers/${name}` : `./peers/${name}`, import.meta.url));

/** Peers by what they are: Debian's packages, and the modules that are imported. */
const peers = {
  trees: { packages: ["python3-xgboost", "python3-sklearn"], modules: ["xgboost", "sklearn"] },
  api: { packages: ["python3-fastapi", "python3-uvicorn", "python3-uvloop", "python3-httptools", "python3-sklearn"], modules: ["fastapi", "uvicorn", "sklearn"] },
} as const;

async function works(modules: readonly string[]): Promise<boolean> {
  return execute(PYTHON, ["-c", `import ${modules.join(", ")}`]).then(
    () => true,
    () => false,
  );
}

/** Installs Debian's packages of the peers where they are missing; why it could not, or undefined. */
export async function missingPeers(kind: keyof typeof peers = "trees"): Promise<string | undefined> {
  const { packages, modules } = peers[kind];
  if (await works(modules)) return undefined;
  try {
    await execute("apt-get", ["install", "-y", "-q", "--no-install-recommends", ...packages], { timeout: INSTALL_MS, env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
  } catch (error) {
    return `apt-get install ${packages.join(" ")} failed: ${errorMessage(error).split("\n")[0]}`;
  }
  return (await works(modules)) ? undefined : `${modules.join(" and ")} are installed and cannot be imported`;
}

/** Starts the price call of the stack that the engine's description grew from, one process on loopback. Throws when it does not listen within a minute. */
export async function startPriceApi(): Promise<{ readonly url: string; stop(): void }> {
  const child = spawn(PYTHON, [script("price_api.py")], { stdio: ["ignore", "pipe", "inherit"] });
  const started = once(child.stdout, "data").then(([data]) => String(data).trim());
  const failed = once(child, "exit").then(([code]) => Promise.reject(new TidemarkError("bench_peer", `price_api.py ended with ${code}`)));
  failed.catch(() => undefined);
  const port = await Promise.race([started, failed, systemClock.sleep(START_MS)]);
  if (port === undefined) {
    child.kill("SIGTERM");
    throw new TidemarkError("bench_peer", "price_api.py does not listen");
  }
  return { url: `http://127.0.0.1:${port}`, stop: () => child.kill("SIGTERM") };
}

/** Fits the peer's trees to what lies in the folder. */
export async function runPeer(kind: "boosting" | "forest", folder: string): Promise<{ seconds: number; version: string }> {
  const { stdout } = await execute(PYTHON, [script("trees.py"), kind, folder], { timeout: INSTALL_MS });
  return JSON.parse(stdout) as { seconds: number; version: string };
}
