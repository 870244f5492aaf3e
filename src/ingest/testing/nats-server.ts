import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, natsServerPath } from "../broker-config.ts";

export interface NatsServer {
  /** host:port */
  readonly at: string;
  stop(): Promise<void>;
}

/** A nats-server with JetStream in `directory`, configured by what is given besides; resolves once it is ready. */
export async function startNatsServer(directory: string, config: string, env: Readonly<Record<string, string>> = {}): Promise<NatsServer> {
  const port = await freePort();
  const path = join(directory, "nats.conf");
  await writeFile(path, `listen: "127.0.0.1:${port}"\njetstream { store_dir: ${JSON.stringify(join(directory, "store"))} }\n${config}\n`);
  const server: ChildProcess = spawn(natsServerPath(), ["-c", path], { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...env } });
  let said = "";
  server.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
  while (!said.includes("Server is ready")) {
    if (server.exitCode !== null) throw new Error(`nats-server ended: ${said}`);
    await sleep(20);
  }
  const stop = async (): Promise<void> => {
    if (server.exitCode !== null) return;
    const gone = once(server, "exit");
    server.kill("SIGKILL");
    await gone;
  };
  return { at: `localhost:${port}`, stop };
}
