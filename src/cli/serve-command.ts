import { resolve } from "node:path";
import { systemClock } from "../lib/clock.ts";
import { runServeRole } from "../serving/server.ts";
import { readActionRules } from "./action-rules-file.ts";
import type { CommandContext } from "./command.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { gateConfig } from "./gate-config.ts";
import { createLogger } from "./logger.ts";
import { brokerUrl } from "./nats-url.ts";
import { programVersion } from "./version.ts";

/** `tidemark serve`: price calls over HTTP until stopped. */
export async function runServeCommand({ read: { config }, signal }: CommandContext): Promise<number> {
  await runServeRole({
    host: config.host,
    port: config.port,
    workers: config.serve_workers,
    data_dir: config.data_dir,
    partition_dirs: config.partition_dirs?.split(",").map((directory) => resolve(directory.trim())),
    action_rules: await readActionRules(config.action_rules),
    quote_keys_file: config.quote_keys_file ?? undefined,
    quote_keys: config.quote_keys ?? undefined,
    nats_url: brokerUrl(config),
    gate: gateConfig(config),
    version: programVersion(),
    log_level: config.log_level,
    logger: createLogger("serve", config.log_level),
    clock: systemClock,
    signal,
  });
  return EXIT_OK;
}
