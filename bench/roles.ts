import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { systemClock } from "../src/lib/clock.ts";
import { TidemarkError } from "../src/lib/errors.ts";

const main = fileURLToPath(new URL("../src/main.js", import.meta.url));

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 8_000);
  await ended;
  clearTimeout(timer);
}

/** The shipped roles, each a process of its own. */
export class Roles {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #children: ChildProcess[] = [];
  #fail: (error: Error) => void = () => undefined;
  readonly #failure = new Promise<never>((_, reject) => {
    this.#fail = reject;
  });

  constructor(options: { readonly data_dir: string; readonly nats_url: string; readonly port: number; readonly workers?: number; readonly key_file?: string | undefined }) {
    this.#environment = {
      ...process.env,
      TIDEMARK_DATA_DIR: options.data_dir,
      TIDEMARK_NATS_URL: options.nats_url,
      TIDEMARK_PORT: String(options.port),
      TIDEMARK_SERVE_WORKERS: String(options.workers ?? 1),
      TIDEMARK_LOG_LEVEL: "warn",
      ...(options.key_file === undefined ? {} : { TIDEMARK_KEY_FILE: options.key_file }),
    };
    this.#failure.catch(() => undefined);
  }

  spawn(...args: string[]): ChildProcess {
    const child = fork(main, args, { env: this.#environment, stdio: ["ignore", "ignore", "inherit", "ipc"] });
    child.on("exit", (code) => {
      if (code !== 0) this.#fail(new TidemarkError("bench_role", `${args.join(" ")} ended with ${code}`));
    });
    this.#children.push(child);
    return child;
  }

  /** What is waited for, or the failure of a role meanwhile. */
  orFailure<T>(wanted: Promise<T>): Promise<T> {
    return Promise.race([this.#failure, wanted]);
  }

  async stop(): Promise<void> {
    for (const child of this.#children.toReversed()) await stopChild(child);
  }
}

export function headersOf(key: string | undefined): Record<string, string> {
  return { "content-type": "application/json", ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) };
}

/** Resolves with the first price that is not degraded. */
export async function firstPrice(url: string, key?: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const response = await fetch(`${url}/optimize_price`, {
      method: "POST",
      headers: headersOf(key),
      body: JSON.stringify({ course_id: "C00001" }),
    }).catch(() => undefined);
    if (response?.ok && ((await response.json()) as { degraded?: unknown }).degraded === undefined) return;
    await systemClock.sleep(100);
  }
  throw new TidemarkError("bench_serve", "no price that is not degraded within 30 s");
}
