import type { Broker } from "../ingest/nats.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { PlatformOptions } from "./config.ts";

export interface SimulateRoleOptions {
  readonly broker: Broker;
  readonly data_dir: string;
  /** What the caller asks for; the platform remembered in the data directory supplies the rest. */
  readonly config: PlatformOptions;
  readonly mode: "history" | "live" | "both";
  readonly engine_url: string;
  readonly rate_per_s: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export async function runSimulateRole(options: SimulateRoleOptions): Promise<void> {
  await options.clock.sleep(0);
}
