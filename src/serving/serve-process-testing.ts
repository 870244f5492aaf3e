import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { isRoleReport } from "../lib/role-report.ts";
import type { ServeConfig } from "./options.ts";

// Roles run from the build: a worker is a process of its own.
const BUILT = join(import.meta.dirname, "../../dist/src");

/** Starts the serve role in a process of its own, from a script in `directory`; resolves once it answers. */
export async function startServeProcess(directory: string, config: Pick<ServeConfig, "workers" | "data_dir" | "nats_url"> & Partial<ServeConfig>): Promise<{ readonly process: ChildProcess; readonly url: string }> {
  const script = join(directory, `serve-${config.workers}.mjs`);
  const url = (path: string): string => JSON.stringify(pathToFileURL(join(BUILT, path)).href);
  await writeFile(
    script,
    `import { runServeRole } from ${url("serving/server.js")};
     import { systemClock } from ${url("lib/clock.js")};
     import { silentLogger } from ${url("lib/log.js")};
     const stop = new AbortController();
     process.once("SIGTERM", () => stop.abort());
     const config = JSON.parse(process.argv[2]);
     await runServeRole({ ...config, logger: silentLogger, clock: systemClock, signal: stop.signal });
     process.disconnect();`,
  );
  const whole = { host: "127.0.0.1", port: 0, version: "1.2.3", log_level: "silent", ...config };
  const child = spawn(process.execPath, [script, JSON.stringify(whole)], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const [message] = (await once(child, "message")) as [unknown];
  if (!isRoleReport(message) || message.type !== "ready") throw new Error(`not ready: ${JSON.stringify(message)}`);
  return { process: child, url: String(message.detail["url"]) };
}
