import type { ActionRules } from "../contracts/action-rules.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";

/** What draining takes at most, stuck clients and a silent broker included; who stops a serving process waits this long. */
export const DRAIN_MAX_MS = 5_000;

/** Who may ask, and how it travels. */
export interface GateConfig {
  /** Holds one API key, whose holder is an administrator whatever CONTROL says. */
  readonly key_file?: string | undefined;
  /** Origins whose pages may ask: scheme, host and port. */
  readonly cors_origins?: readonly string[];
  /** Where traces go, OTLP over HTTP. */
  readonly otlp_url?: string | undefined;
  /** Files in PEM; certificates are read again when they change. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
}

/** What a serving process is started with; plain data, so that it can cross to a worker process. */
export interface ServeConfig {
  readonly host: string;
  /** 0 takes a free port; the `ready` report says which. */
  readonly port: number;
  /** Processes that answer requests. 1 answers in the role's own process. */
  readonly workers: number;
  /** Holds `features/` (the store that ingest writes) and `models/` (the cache of artifacts). */
  readonly data_dir: string;
  /** Directories of the same kind, of all partitions in order, when `features/` is not in `data_dir`. */
  readonly partition_dirs?: readonly string[] | undefined;
  readonly nats_url: string;
  /** Unless given: no key of its own, no foreign pages, no TLS. */
  readonly gate?: GateConfig | undefined;
  /** What is done about learners; the default document unless given. */
  readonly action_rules?: ActionRules | undefined;
  /** Keys that personal quotes are signed with; a file in the data directory unless given. */
  readonly quote_keys_file?: string | undefined;
  /** The keys' own text, in place of a file. */
  readonly quote_keys?: string | undefined;
  /** Version of the program, for /health. */
  readonly version: string;
  readonly log_level: string;
}

export interface ServeOptions extends ServeConfig {
  readonly logger: Logger;
  readonly clock: Clock;
  /** Aborting it drains: not ready, finish what is in flight, flush decisions, return. */
  readonly signal: AbortSignal;
}

/** Environment variable that hands a worker process its ServeConfig, as JSON: arguments would show the broker's URL. */
export const WORKER_CONFIG = "TIDEMARK_SERVE_WORKER_CONFIG";
