import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { TidemarkError } from "../src/lib/errors.ts";

/** Answers the parent of a bench child and ends the process. */
export function answer(result: object): void {
  process.send?.(result, () => process.exit(0));
}

/**
 * Runs a script of bench/children in a fresh process and resolves with the object that it answers.
 * Fresh, so that no measurement inherits another's heap or compiled code.
 */
export function runChild<Result extends object>(script: string, args: readonly string[], timeout_ms: number): Promise<Result> {
  const path = fileURLToPath(new URL(`./children/${script}.js`, import.meta.url));
  return new Promise((resolve, reject) => {
    const child = fork(path, args, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    let result: Result | undefined;
    const timer = setTimeout(() => child.kill("SIGKILL"), timeout_ms);
    child.on("message", (message) => {
      result = message as Result;
    });
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      if (result === undefined) reject(new TidemarkError("bench_child", `${script} ended with ${signal ?? code} and no result`));
      else resolve(result);
    });
  });
}
