import type { Event } from "../contracts/events.ts";
import { eventSubject, STREAM_EVENTS } from "../contracts/subjects.ts";
import { decodeEvent, isRefusal } from "../ingest/decode.ts";
import { EventHistory } from "../ingest/event-history.ts";
import { messageChunks } from "../ingest/message-chunks.ts";
import { Broker } from "../ingest/nats.ts";
import { must } from "../lib/assert.ts";
import { systemClock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { formatTime } from "../lib/time.ts";
import { eventArchive, eventLimits } from "./archive.ts";
import type { CommandContext } from "./command.ts";
import { maskUrl } from "./config.ts";
import { connectBroker } from "./connect-broker.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { brokerUrl, withCredentials } from "./nats-url.ts";
import { createProgress, formatCount } from "./progress.ts";
import { wholeOption } from "./whole-option.ts";

/** Events between two acknowledged points. */
const CHUNK = 4_000;
const encoder = new TextEncoder();

interface Replayed {
  readonly subject: string;
  readonly id: string;
  readonly data: Uint8Array;
}

/** As history, so that the other platform knows of it when this one did, and not only now. */
function replayed(event: Event, known_at_ms: number): Replayed {
  return { subject: eventSubject(event, "backfill"), id: event.id, data: encoder.encode(JSON.stringify({ ...event, known_at: formatTime(known_at_ms) })) };
}

/**
 * `tidemark events replay`: the events of this platform, archive included, into the broker of another: for a rehearsal on real data, or after a loss.
 * Order and times stay; event ids do, so that what the other platform has counts once within its window of repeats.
 */
export async function runEventsReplay(context: CommandContext): Promise<number> {
  const { options, signal, read: { config } } = context;
  const to = options["to"];
  if (typeof to !== "string" || !URL.canParse(to)) throw new TidemarkError("bad_usage", "--to is missing: name the broker that the events go to, such as nats://staging:4222");
  const from = options["from"] === undefined ? 1 : wholeOption("--from", options["from"], Number.MAX_SAFE_INTEGER);
  const until = options["until"] === undefined ? Number.MAX_SAFE_INTEGER : wholeOption("--until", options["until"], Number.MAX_SAFE_INTEGER);
  if (to === config.nats_url || to === brokerUrl(config)) throw new TidemarkError("bad_usage", "--to is the broker that the events come from: name another");
  const json = options["json"] === true;
  const phase = createProgress(json ? process.stderr : process.stdout, systemClock).phase("replay");
  const broker = await connectBroker(context, "tidemark-replay");
  const target = await Broker.connect({ url: withCredentials(to, config), name: "tidemark-replay", signal, onWaiting: () => console.error(`waiting for the broker: nothing answers at ${maskUrl(to)}`) });
  try {
    const archive = eventArchive(config);
    const source = archive === undefined ? broker : new EventHistory(broker, archive);
    const stream = must(await source.streamInfo(STREAM_EVENTS), `the broker has no stream ${STREAM_EVENTS}`);
    await target.ensureStreams(eventLimits(config));
    if ((await target.streamInfo(STREAM_EVENTS))?.created === stream.created) throw new TidemarkError("bad_usage", "--to has the very stream that the events come from: name another broker");
    const last = Math.min(until, stream.last_sequence);
    const counts = { replayed: 0, refused: 0 };
    const first = Math.max(from, stream.first_sequence);
    let next = first;
    for await (const chunk of messageChunks(source, STREAM_EVENTS, { first_sequence: first, last_sequence: last, size: CHUNK })) {
      if (signal.aborted) throw new TidemarkError("interrupted", `interrupted: go on with --from ${next}`);
      const publisher = target.bulkPublisher({ window: 2 * CHUNK });
      for (const message of chunk) {
        const decoded = decodeEvent(message);
        if (isRefusal(decoded)) counts.refused++;
        else {
          const { subject, data, id } = replayed(decoded.event, decoded.known_at_ms);
          await publisher.publish(subject, data, id);
          counts.replayed++;
        }
      }
      await publisher.flush();
      next = (chunk.at(-1)?.sequence ?? last) + 1;
      phase.update("replayed", next - first, last - first + 1);
    }
    const refused = counts.refused > 0 ? `, ${formatCount(counts.refused)} that the fold refuses left out` : "";
    phase.done(`${formatCount(counts.replayed)} events of ${formatCount(first)} to ${formatCount(last)} into ${maskUrl(to)}${refused}`);
    if (json) console.log(JSON.stringify({ ...counts, first_sequence: first, last_sequence: last }, null, 2));
    return EXIT_OK;
  } catch (error) {
    phase.failed(errorMessage(error).split("\n")[0] ?? "");
    throw error;
  } finally {
    await target.close();
    await broker.close();
  }
}
