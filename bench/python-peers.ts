import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { errorMessage } from "../src/lib/errors.ts";

const execute = promisify(execFile);
const PYTHON = "/usr/bin/python3";
const PACKAGES = ["python3-xgboost", "python3-sklearn"];
const INSTALL_MS = 300_000;
/** From dist/bench as from bench. */
const SCRIPT = fileURLToPath(new URL(import.meta.url.includes("/dist/") ? "../../bench/peers/trees.py" : "./peers/trees.py", import.meta.url));

async function works(): Promise<boolean> {
  return execute(PYTHON, ["-c", "import xgboost, sklearn"]).then(
    () => true,
    () => false,
  );
}

/** Installs Debian's packages of the peers where they are missing; why it could not, or undefined. */
export async function missingPeers(): Promise<string | undefined> {
  if (await works()) return undefined;
  try {
    await execute("apt-get", ["install", "-y", "-q", "--no-install-recommends", ...PACKAGES], { timeout: INSTALL_MS, env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
  } catch (error) {
    return `apt-get install ${PACKAGES.join(" ")} failed: ${errorMessage(error).split("\n")[0]}`;
  }
  return (await works()) ? undefined : `${PACKAGES.join(" and ")} are installed and cannot be imported`;
}

/** Fits the peer's trees to what lies in the folder. */
export async function runPeer(kind: "boosting" | "forest", folder: string): Promise<{ seconds: number; version: string }> {
  const { stdout } = await execute(PYTHON, [SCRIPT, kind, folder], { timeout: INSTALL_MS });
  return JSON.parse(stdout) as { seconds: number; version: string };
}
