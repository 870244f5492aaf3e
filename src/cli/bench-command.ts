import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { TidemarkError } from "../lib/errors.ts";
import type { CommandContext } from "./command.ts";
import { EXIT_FAILED } from "./exit-codes.ts";

/** Built beside `src` from a checkout; a package or an image does not carry it. */
const program = fileURLToPath(new URL("../../bench/main.js", import.meta.url));

/** Flags that are the benchmarks' own, passed on as they were given. */
const texts = ["url", "key", "rate", "duration", "minutes", "drill"] as const;

/**
 * `tidemark bench`: a benchmark in a process of its own, as `npm run bench` runs it. With --json the last line alone is printed. Throws TidemarkError
 * `bench_missing` where there are no benchmarks.
 */
export async function runBenchCommand({ arguments: names, options, signal }: CommandContext, path = program): Promise<number> {
  if (!existsSync(path)) throw new TidemarkError("bench_missing", `${path} is not there: this installation carries no benchmarks\n  run them from a checkout, after \`npm run build\` there`);
  const flags = texts.flatMap((name) => (typeof options[name] === "string" ? [`--${name}`, options[name]] : []));
  const json = options["json"] === true;
  const child = spawn(process.execPath, [path, ...names, ...(options["quick"] === true ? ["--quick"] : []), ...flags], { stdio: ["ignore", json ? "pipe" : "inherit", "inherit"] });
  const stop = (): void => void child.kill("SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  const [code] = (await once(child, "close")) as [number | null];
  signal.removeEventListener("abort", stop);
  if (json) console.log(output.trimEnd().split("\n").at(-1));
  return code ?? EXIT_FAILED;
}
