import { STREAM_EVENTS } from "../contracts/subjects.ts";
import type { BrokerMessage } from "../ingest/broker-message.ts";
import { decodeEvent, isRefusal } from "../ingest/decode.ts";
import { EventHistory } from "../ingest/event-history.ts";
import { must } from "../lib/assert.ts";
import { TidemarkError } from "../lib/errors.ts";
import { formatTime } from "../lib/time.ts";
import { eventArchive } from "./archive.ts";
import type { CommandContext } from "./command.ts";
import { connectBroker } from "./connect-broker.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { aborted } from "./lifetime.ts";
import { printable } from "./printable.ts";
import { wholeOption } from "./whole-option.ts";

const SUBJECT = /^(events|backfill)(\.([A-Za-z0-9_-]+|\*))*(\.>)?$/;
const utf8 = new TextDecoder();

/** Text for people, or one JSON object a line for programs; what the fold would refuse is marked with why. */
function describe(message: BrokerMessage, json: boolean): string {
  const { subject, sequence, time_ms, data } = message;
  const decoded = decodeEvent(message);
  const refusal = isRefusal(decoded) ? decoded : undefined;
  if (json) return JSON.stringify({ sequence, time: formatTime(time_ms), subject, ...(isRefusal(decoded) ? { refused: decoded, text: utf8.decode(data) } : { event: decoded.event }) });
  const what = isRefusal(decoded) ? utf8.decode(data) : JSON.stringify(decoded.event);
  return printable(`${sequence}  ${formatTime(time_ms)}  ${subject}  ${refusal === undefined ? "" : `[refused: ${refusal.reason}] `}${what}`);
}

/** `tidemark events tail`: what arrives, or with --from what has arrived since, until --limit or Ctrl-C. */
export async function runEventsTail(context: CommandContext): Promise<number> {
  const { options, signal, read: { config } } = context;
  const subject = options["subject"];
  if (subject !== undefined && !(typeof subject === "string" && SUBJECT.test(subject))) {
    throw new TidemarkError("bad_usage", `--subject is ${JSON.stringify(subject)}\n  allowed: a subject of events such as events.enrollment.C00001 or "events.token.>"`);
  }
  const limit = options["limit"] === undefined ? Number.POSITIVE_INFINITY : wholeOption("--limit", options["limit"], Number.MAX_SAFE_INTEGER);
  const from = options["from"] === undefined ? undefined : wholeOption("--from", options["from"], Number.MAX_SAFE_INTEGER);
  const ends = options["end"] === true;
  const broker = await connectBroker(context, "tidemark-events");
  try {
    const archive = eventArchive(config);
    const source = archive === undefined ? broker : new EventHistory(broker, archive);
    const stream = must(await source.streamInfo(STREAM_EVENTS), `the broker has no stream ${STREAM_EVENTS}: nothing was published yet`);
    if (ends && (from ?? stream.last_sequence + 1) > stream.last_sequence) return EXIT_OK;
    let count = 0;
    let reached: () => void = () => undefined;
    const done = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const consumption = await source.consume(STREAM_EVENTS, { start_sequence: from ?? stream.last_sequence + 1, ...(typeof subject === "string" ? { subject } : {}) }, (message) => {
      if (count === limit || (ends && message.sequence > stream.last_sequence)) return reached();
      count++;
      process.stdout.write(`${describe(message, options["json"] === true)}\n`);
      if (count === limit || (ends && (message.sequence === stream.last_sequence || message.pending === 0))) reached();
    });
    const failure = await Promise.race([done, aborted(signal), consumption.closed]);
    await consumption.stop();
    if (failure instanceof Error) throw failure;
    return EXIT_OK;
  } finally {
    await broker.close();
  }
}
