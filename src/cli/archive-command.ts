import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { forgetErased } from "../ingest/archive-keeper.ts";
import type { ArchivedSegment } from "../ingest/archive-index.ts";
import type { EventArchive } from "../ingest/event-archive.ts";
import type { Broker } from "../ingest/nats.ts";
import { systemClock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { DAY_MS, formatTime } from "../lib/time.ts";
import { eventArchive } from "./archive.ts";
import type { CommandContext } from "./command.ts";
import { connectBroker } from "./connect-broker.ts";
import { EXIT_OK, EXIT_PERMANENT } from "./exit-codes.ts";
import { createLogger } from "./logger.ts";

interface Opened {
  readonly broker: Broker;
  readonly archive: EventArchive;
  /** Of the stream as it is now. */
  readonly created: string;
}

async function withArchive<T>(context: CommandContext, work: (opened: Opened) => Promise<T>): Promise<T> {
  const archive = eventArchive(context.read.config);
  if (archive === undefined) throw new TidemarkError("bad_usage", "there is no archive: TIDEMARK_ARCHIVE_DIR is none");
  const broker = await connectBroker(context, "tidemark-archive");
  try {
    const stream = await broker.streamInfo(STREAM_EVENTS);
    if (stream === undefined) throw new TidemarkError("stream_missing", `the broker has no stream ${STREAM_EVENTS}`);
    return await work({ broker, archive, created: stream.created });
  } finally {
    await broker.close();
  }
}

function row({ name, bytes, header }: ArchivedSegment): Record<string, string | number> {
  const { first_sequence, last_sequence, messages, raw_bytes, rewritten, first_time_ms, last_time_ms } = header;
  return { name, first_sequence, last_sequence, messages, first_time: formatTime(first_time_ms), last_time: formatTime(last_time_ms), bytes, raw_bytes, rewritten };
}

function line({ bytes, header: { first_sequence, last_sequence, messages, first_time_ms, rewritten } }: ArchivedSegment): string {
  const forgotten = rewritten > 0 ? `  ${rewritten} of forgotten learners` : "";
  return `${String(first_sequence).padStart(12)} to ${String(last_sequence).padEnd(12)} ${formatTime(first_time_ms).slice(0, 10)} ${String(messages).padStart(9)} messages ${(bytes / 2 ** 20).toFixed(1).padStart(8)} MB${forgotten}`;
}

/** `tidemark archive list`: one line a segment, by sequence, and what is missing between them. */
export function runArchiveList(context: CommandContext): Promise<number> {
  return withArchive(context, async ({ archive, created }) => {
    const index = await archive.index(created);
    const gaps = index.gaps();
    if (context.options["json"] === true) {
      console.log(JSON.stringify({ directory: archive.directory, stream_created: created, last_sequence: index.last_sequence, gaps, segments: index.segments.map(row) }, null, 2));
      return EXIT_OK;
    }
    for (const segment of index.segments) console.log(line(segment));
    for (const { first_sequence, last_sequence } of gaps) console.log(`missing: ${first_sequence} to ${last_sequence}`);
    const messages = index.segments.reduce((sum, { header }) => sum + header.messages, 0);
    console.log(`${index.segments.length} segments with ${messages} messages, up to sequence ${index.last_sequence}, in ${archive.directory}`);
    return EXIT_OK;
  });
}

/** `tidemark archive verify`: reads every segment whole. Ends with 2 when one is damaged or something is missing in between. */
export function runArchiveVerify(context: CommandContext): Promise<number> {
  return withArchive(context, async ({ archive, created }) => {
    const index = await archive.index(created);
    const json = context.options["json"] === true;
    const damaged: string[] = [];
    for (const segment of index.segments) {
      context.signal.throwIfAborted();
      try {
        await verify(archive, segment);
      } catch (error) {
        damaged.push(errorMessage(error));
        if (!json) console.log(errorMessage(error));
      }
    }
    const gaps = index.gaps();
    if (json) console.log(JSON.stringify({ directory: archive.directory, segments: index.segments.length, damaged, gaps }, null, 2));
    else for (const { first_sequence, last_sequence } of gaps) console.log(`missing: ${first_sequence} to ${last_sequence}`);
    if (!json) console.log(`${index.segments.length - damaged.length} of ${index.segments.length} segments are whole${gaps.length === 0 ? ", and nothing is missing in between" : ""}`);
    return damaged.length + gaps.length > 0 ? EXIT_PERMANENT : EXIT_OK;
  });
}

/** Digest, and that the messages are those that the header tells of. */
async function verify(archive: EventArchive, segment: ArchivedSegment): Promise<void> {
  const { first_sequence, last_sequence, messages } = segment.header;
  const reader = await archive.read(segment);
  let read = 0;
  let last = first_sequence - 1;
  for (let message = reader?.next(); message !== undefined; message = reader?.next()) {
    if (message.sequence <= last || message.sequence > last_sequence) throw new TidemarkError("archive_damaged", `${segment.path}: message ${message.sequence} does not belong after ${last} in a segment up to ${last_sequence}`);
    last = message.sequence;
    read++;
  }
  if (reader !== undefined && read !== messages) throw new TidemarkError("archive_damaged", `${segment.path} holds ${read} messages, its header says ${messages}`);
}

/** `tidemark archive compact`: forgets erased learners now. */
export function runArchiveCompact(context: CommandContext): Promise<number> {
  const { read: { config }, signal, options } = context;
  return withArchive(context, async ({ broker, archive }) => {
    const logger = createLogger("archive", config.log_level, process.stderr);
    const result = await forgetErased({ broker, archive, clock: systemClock, logger, erasure_delay_ms: config.erasure_delay_days * DAY_MS }, signal);
    const { forgotten, segments, messages, waiting, purged, letters, snapshots } = result;
    console.log(
      options["json"] === true
        ? JSON.stringify(result, null, 2)
        : `${forgotten} learners forgotten: ${messages} messages in ${segments} segments rewritten, ${purged} deleted from the stream, ${letters} dead letters and ${snapshots} snapshots too. ${waiting} erasures wait until they are ${config.erasure_delay_days} days old.`,
    );
    return EXIT_OK;
  });
}
