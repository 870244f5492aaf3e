import type { Logger } from "../lib/log.ts";

export interface EmbeddedBrokerOptions {
  /** Holds the broker's configuration, pid file and JetStream store. */
  readonly data_dir: string;
  /** A random free port unless given. */
  readonly port?: number;
  readonly logger: Logger;
}

export interface EmbeddedBroker {
  readonly url: string;
  readonly version: string;
  /** The process that serves now; changes when it had to be restarted. */
  pid(): number;
  stop(): Promise<void>;
}

export function startEmbeddedBroker(_options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
  throw new Error("being written");
}
