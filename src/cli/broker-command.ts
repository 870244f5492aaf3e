import { join } from "node:path";
import { startEmbeddedBroker } from "../ingest/embedded-broker.ts";
import { report } from "../lib/role-report.ts";
import type { CommandContext } from "./command.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { aborted } from "./lifetime.ts";
import { createLogger } from "./logger.ts";

/**
 * The embedded broker in a process of its own: when its supervisor is killed, this one still stops nats-server, which
 * knows nothing of supervisors.
 */
export async function runBrokerCommand({ read: { config }, signal }: CommandContext): Promise<number> {
  const logger = createLogger("broker", config.log_level);
  const broker = await startEmbeddedBroker({ data_dir: join(config.data_dir, "nats"), ...(config.nats_port === 0 ? {} : { port: config.nats_port }), logger });
  report({ type: "ready", detail: { url: broker.url, version: broker.version } });
  await aborted(signal);
  await broker.stop();
  return EXIT_OK;
}
