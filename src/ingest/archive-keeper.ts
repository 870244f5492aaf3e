import { randomBytes } from "node:crypto";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import type { Clock } from "../lib/clock.ts";
import { errorMessage } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { pause } from "../lib/pause.ts";
import { DAY_MS, MINUTE_MS, SECOND_MS } from "../lib/time.ts";
import { compactArchive, type CompactionResult } from "./archive-compaction.ts";
import { type ArchiverStatus, EventArchiver } from "./archiver.ts";
import { purgeForgotten } from "./erasure-purge.ts";
import type { EventArchive } from "./event-archive.ts";
import { forgetDeadLetters, type ForgottenLearner } from "./learner-traces.ts";
import type { Broker } from "./nats.ts";
import { forgetQuoteMarks, forgetQuotes } from "./quote-erasure.ts";
import { forgetInSnapshots } from "./snapshots.ts";
import { dropArchived, type Retention } from "./stream-retention.ts";

const COMPACTION_INTERVAL_MS = DAY_MS;
const RETENTION_INTERVAL_MS = 10 * MINUTE_MS;
/** How often it is looked whether anything is due. */
const CHECK_MS = 30 * SECOND_MS;
/** What the fold may be behind by before it needs the processor for itself. */
const BUSY_LAG = 16_384;

export interface ArchiveKeeperOptions {
  readonly broker: Broker;
  readonly archive: EventArchive;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long after a learner's erasure, by the broker's clock, the archive keeps their events as they were. */
  readonly erasure_delay_ms: number;
  /** What the stream keeps of what is archived. */
  readonly retention: Retention;
  /** Messages that the fold is behind. */
  readonly lag: () => number;
}

export interface Forgotten extends CompactionResult {
  /** Messages that the stream lost, dead letters and snapshots that are gone. */
  readonly purged: number;
  readonly letters: number;
  readonly snapshots: number;
}

/** Erased learners are forgotten: in dead letters, quotes, the archive, the stream and snapshots. */
export async function forgetErased(
  options: Pick<ArchiveKeeperOptions, "broker" | "archive" | "clock" | "logger" | "erasure_delay_ms">,
  signal?: AbortSignal,
): Promise<Forgotten> {
  const { broker, archive, clock, logger, erasure_delay_ms } = options;
  const stream = await broker.streamInfo(STREAM_EVENTS);
  if (stream === undefined) return { forgotten: 0, segments: 0, messages: 0, waiting: 0, purged: 0, letters: 0, snapshots: 0 };
  const { created } = stream;
  const interruption = signal === undefined ? {} : { signal };
  let letters = 0;
  const onForget = async (learners: readonly ForgottenLearner[]): Promise<void> => {
    letters += await forgetDeadLetters(broker, learners);
    await forgetQuotes(broker, learners);
  };
  const result = await compactArchive({ archive, stream_created: created, clock, random: randomBytes, logger, delay_ms: erasure_delay_ms, onForget, ...interruption });
  const purged = await purgeForgotten(broker, archive, signal);
  await forgetQuoteMarks(broker, clock, erasure_delay_ms);
  return { ...result, purged, letters, snapshots: await forgetInSnapshots(broker, created, (await archive.index(created)).spans) };
}

/** Beside the fold: writes what it folds to the archive, lets the stream go of what is archived beyond its limits, and once a day forgets who was erased. Nothing that fails in here stops the fold. */
export class ArchiveKeeper {
  readonly #options: ArchiveKeeperOptions;
  readonly #archiver: EventArchiver;
  #forgotten = 0;
  #dropped = 0;

  constructor(options: ArchiveKeeperOptions) {
    this.#options = options;
    const { broker, archive, clock, logger, lag } = options;
    this.#archiver = new EventArchiver({ broker, archive, clock, logger, busy: () => lag() > BUSY_LAG });
  }

  get status(): ArchiverStatus & { readonly forgotten: number; readonly dropped: number } {
    return { ...this.#archiver.status, forgotten: this.#forgotten, dropped: this.#dropped };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    const forget = this.#every(COMPACTION_INTERVAL_MS, signal, async () => void (this.#forgotten += (await forgetErased(this.#options, signal)).forgotten), "erased learners could not be forgotten in the archive");
    const retain = this.#every(RETENTION_INTERVAL_MS, signal, async () => void (this.#dropped += await dropArchived({ ...this.#options, clock, logger, signal })), "archived events could not leave the stream");
    await Promise.all([this.#archiver.run(signal), forget, retain]);
  }

  /** What fails is logged, and tried again when it is due the next time. */
  async #every(interval_ms: number, signal: AbortSignal, work: () => Promise<void>, failed: string): Promise<void> {
    const { clock, logger } = this.#options;
    let next_ms = clock.now_ms() + CHECK_MS;
    while (!signal.aborted) {
      if (clock.now_ms() >= next_ms) {
        next_ms = clock.now_ms() + interval_ms;
        await work().catch((error: unknown) => {
          if (!signal.aborted) logger.error({ error: errorMessage(error) }, failed);
        });
      }
      await pause(CHECK_MS, signal);
    }
  }
}
