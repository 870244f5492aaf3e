import { STREAM_EVENTS } from "../contracts/subjects.ts";
import type { Broker } from "../ingest/nats.ts";
import type { Clock } from "../lib/clock.ts";
import { TidemarkError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { report } from "../lib/role-report.ts";
import type { PlatformOptions } from "./config.ts";
import { runLiveTraffic } from "./live.ts";
import { platformOf, writePlatform, type PlatformFile } from "./platform-file.ts";
import { publishHistory } from "./publish-history.ts";
import { createWorld, type World } from "./world.ts";

export interface SimulateRoleOptions {
  readonly broker: Broker;
  readonly data_dir: string;
  /** What the caller asks for; the platform remembered in the data directory supplies the rest. */
  readonly config: PlatformOptions;
  readonly mode: "history" | "live" | "both";
  readonly engine_url: string;
  /** What the engine is asked with, where it asks for a key. */
  readonly key?: string | undefined;
  /** Views a second of live traffic; 0: none. */
  readonly rate_per_s: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * The simulate role: the history once, then live traffic until the signal, or one of the two. Reports progress of
 * phase `history`, and `ready` when the history is in the stream and again when live traffic begins.
 */
export async function runSimulateRole(options: SimulateRoleOptions): Promise<void> {
  const { data_dir, mode, clock, signal } = options;
  const file = await platformOf(data_dir, options.config, clock.now_ms());
  // Made once, and not at all when the history is already there and no live traffic follows.
  let made: World | undefined;
  const world = async (): Promise<World> => {
    if (made !== undefined) return made;
    made = createWorld(file.config, file.calibration);
    if (file.calibration === undefined) await writePlatform(data_dir, { ...file, calibration: made.calibration });
    return made;
  };
  if (mode !== "live") await bringHistory(options, file, world);
  const { broker, engine_url, key, rate_per_s, logger } = options;
  if (mode === "history" || rate_per_s === 0 || signal.aborted) return;
  const live = { broker, engine_url, key, rate_per_s, config: file.config, clock, signal, logger, world: await world() };
  logger.info({ rate_per_s, engine_url }, "live traffic begins");
  report({ type: "ready", detail: { phase: "live", rate_per_s } });
  await runLiveTraffic(live);
}

async function bringHistory(options: SimulateRoleOptions, file: PlatformFile, world: () => Promise<World>): Promise<void> {
  const { broker, data_dir, logger, signal, clock } = options;
  const stream = await broker.streamInfo(STREAM_EVENTS);
  if (stream === undefined) throw new TidemarkError("stream_missing", `the broker has no stream ${STREAM_EVENTS}`);
  if (file.published_to === stream.created) {
    logger.info({}, "the history is already in the stream");
    report({ type: "ready", detail: { phase: "history", published: 0 } });
    return;
  }
  report({ type: "progress", phase: "history", done: 0, total: 0 });
  const made = await world();
  const onProgress = (done: number, total: number): void => report({ type: "progress", phase: "history", done, total });
  const { published, total, complete } = await publishHistory(broker, file.config, { onProgress, signal, clock, world: made });
  if (!complete) return;
  await writePlatform(data_dir, { ...file, calibration: made.calibration, published_to: stream.created });
  logger.info({ published, total }, "the history is in the stream");
  report({ type: "ready", detail: { phase: "history", published } });
}
