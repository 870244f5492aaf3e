import { Broker } from "../ingest/nats.ts";
import { systemClock } from "../lib/clock.ts";
import { TidemarkError } from "../lib/errors.ts";
import { runSimulateRole } from "../simulator/simulate-role.ts";
import { readKeyFile } from "../serving/gate.ts";
import { askedPlatform } from "./asked-platform.ts";
import type { CommandContext } from "./command.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { createLogger } from "./logger.ts";
import { brokerUrl, engineUrl } from "./nats-url.ts";

/** `tidemark simulate`: the synthetic platform's history, its live traffic, or one after the other. */
export async function runSimulateCommand({ read, options, signal }: CommandContext): Promise<number> {
  const { config } = read;
  const history = options["history"] === true;
  const live = options["live"] === true;
  if (history && live) throw new TidemarkError("bad_usage", "--history and --live exclude each other; give neither for both");
  const broker = await Broker.connect({ url: brokerUrl(config), name: "tidemark-simulate", signal });
  try {
    await runSimulateRole({
      broker,
      data_dir: config.data_dir,
      config: askedPlatform(read),
      mode: history ? "history" : live ? "live" : "both",
      engine_url: engineUrl(config),
      key: config.key_file === null ? undefined : await readKeyFile(config.key_file),
      rate_per_s: config.sim_rate,
      clock: systemClock,
      logger: createLogger("simulate", config.log_level),
      signal,
    });
  } finally {
    await broker.close();
  }
  return EXIT_OK;
}
