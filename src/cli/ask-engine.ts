import type { z } from "zod";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { readKeyFile } from "../serving/gate.ts";
import type { CommandContext } from "./command.ts";
import { engineUrl } from "./nats-url.ts";

/** Results over many learners are read in steps. */
const TIMEOUT_MS = 90_000;

/** Statuses that pass by themselves. */
const passing = new Set([429, 500, 503]);

/**
 * Asks the engine that serves (`--engine-url`, else the running start's, else host and port), with the key of `--key-file` where there is one. Throws TidemarkError `engine_unreachable`,
 * `engine_busy`, or with the problem's own code.
 */
export async function askEngine<Schema extends z.ZodType>({ read, signal }: CommandContext, method: "GET" | "POST" | "PUT", path: string, answer: Schema, body?: unknown): Promise<z.output<Schema>> {
  const { config } = read;
  const url = new URL(path, engineUrl(config));
  const key = config.key_file === null ? undefined : await readKeyFile(config.key_file);
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method,
      headers: { ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...(body === undefined ? {} : { "content-type": "application/json" }) },
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    text = await response.text();
  } catch (error) {
    throw new TidemarkError("engine_unreachable", `no engine answers at ${url.origin} (${errorMessage(error)}): is it serving? --engine-url names another`, { cause: error });
  }
  const value = parsed(text);
  if (response.ok) {
    const result = answer.safeParse(value);
    if (!result.success) throw new TidemarkError("engine_answer", `what answers at ${url.origin} is no engine of this version: ${result.error.issues[0]?.path.join(".")}: ${result.error.issues[0]?.message}`);
    return result.data;
  }
  const { detail, code } = (value ?? {}) as { detail?: unknown; code?: unknown };
  const says = typeof detail === "string" ? detail : `status ${response.status}`;
  throw new TidemarkError(passing.has(response.status) ? "engine_busy" : typeof code === "string" ? code : "engine_refused", says);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
