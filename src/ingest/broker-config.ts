import { execFile } from "node:child_process";
import { randomInt } from "node:crypto";
import { accessSync, constants, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { errorMessage, TidemarkError } from "../lib/errors.ts";

const execute = promisify(execFile);

const PAYLOAD_BYTES_MAX = 1024 * 1024;
/** Ceilings of the broker's own accounting; the streams' limits lie below. */
const STORE_BYTES_MAX = 1024 ** 4;
const MEMORY_BYTES_MAX = 256 * 1024 * 1024;
const LOG_BYTES_MAX = 16 * 1024 * 1024;

export interface BrokerPaths {
  readonly config: string;
  readonly pid: string;
  readonly owner: string;
  readonly log: string;
  readonly store: string;
}

export function brokerPaths(data_dir: string): BrokerPaths {
  return {
    config: join(data_dir, "nats-server.conf"),
    pid: join(data_dir, "nats-server.pid"),
    owner: join(data_dir, "owner.pid"),
    log: join(data_dir, "nats-server.log"),
    store: data_dir,
  };
}

/** Debian installs daemons here, and an ordinary user's PATH leaves it out. */
const DAEMON_DIRECTORIES = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** Full path of nats-server, along PATH first; the bare name when it is nowhere, for the system to say so. */
export function natsServerPath(path = process.env["PATH"] ?? "", daemons: readonly string[] = DAEMON_DIRECTORIES): string {
  for (const directory of [...path.split(delimiter), ...daemons]) {
    const file = join(directory, "nats-server");
    try {
      accessSync(file, constants.X_OK);
      if (directory !== "" && statSync(file).isFile()) return file;
    } catch {
      // Not here; look further.
    }
  }
  return "nats-server";
}

/** The version of the server at `program`, such as 2.9.10. */
export async function installedVersion(program: string): Promise<string> {
  try {
    const { stdout } = await execute(program, ["--version"]);
    return /v?(\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1] ?? stdout.trim();
  } catch (error) {
    const advice = "install it (Debian: apt-get install nats-server; macOS: brew install nats-server) or point TIDEMARK_NATS_URL at a running server";
    throw new TidemarkError("nats_server_missing", `nats-server cannot be run (${errorMessage(error)}): ${advice}`, { cause: error });
  }
}

function configText(paths: BrokerPaths, port: number, server_name: string, sync_always: boolean): string {
  const quote = (text: string): string => JSON.stringify(text);
  return `# Written by Tidemark at every start. Loopback only: the server has no credentials of its own.
listen: "127.0.0.1:${port}"
server_name: ${quote(server_name)}
pid_file: ${quote(paths.pid)}
log_file: ${quote(paths.log)}
logfile_size_limit: ${LOG_BYTES_MAX}
max_payload: ${PAYLOAD_BYTES_MAX}
jetstream {
  store_dir: ${quote(paths.store)}
  max_file_store: ${STORE_BYTES_MAX}
  max_memory_store: ${MEMORY_BYTES_MAX}
${sync_always ? "  sync_interval: always\n" : ""}}
`;
}

/** Writes the configuration, with a sync of every write to disk where this server knows the setting (2.9 does not). */
export async function writeConfig(program: string, paths: BrokerPaths, port: number, server_name: string): Promise<{ sync_always: boolean }> {
  await writeFile(paths.config, configText(paths, port, server_name, true));
  try {
    await execute(program, ["-t", "-c", paths.config]);
    return { sync_always: true };
  } catch {
    await writeFile(paths.config, configText(paths, port, server_name, false));
    return { sync_always: false };
  }
}

/** Below the range that systems take the ports of outgoing connections from: no connection gets it before who asked does. */
const PORTS = { first: 20_000, end: 32_768 };

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORTS.first, PORTS.end);
    const free = await new Promise<boolean>((resolve, reject) => {
      const server = createServer();
      server.once("error", (error: NodeJS.ErrnoException) => (error.code === "EADDRINUSE" ? resolve(false) : reject(error)));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

/**
 * Whether the server of this name greets on the port with JetStream: it recovers its streams before it listens. The name
 * tells it from another server that had the port first.
 */
export function greets(port: number, server_name: string, host = "127.0.0.1"): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port });
    let greeting = "";
    const end = (ready: boolean): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(1000, () => end(false));
    socket.once("error", () => end(false));
    socket.once("close", () => end(false));
    socket.on("data", (chunk) => {
      greeting += chunk.toString("latin1");
      if (greeting.includes("\r\n")) end(greeting.includes('"jetstream":true') && greeting.includes(`"server_name":"${server_name}"`));
    });
  });
}
