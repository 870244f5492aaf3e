import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { eventSubject } from "../contracts/subjects.ts";
import { checkTime, decodeBytes, isRefusal, type Refusal } from "../ingest/decode.ts";
import { systemClock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { eventLimits } from "./archive.ts";
import type { CommandContext } from "./command.ts";
import { connectBroker } from "./connect-broker.ts";
import { EXIT_OK, EXIT_PERMANENT } from "./exit-codes.ts";
import { printable } from "./printable.ts";
import { formatCount } from "./progress.ts";

const WINDOW = 4_000;
const STANDARD_INPUT = "-";

interface RefusedLine extends Refusal {
  readonly line: number;
}

/** Lines of a file, or of standard input, one at a time. */
async function* linesOf(path: string): AsyncGenerator<string> {
  const input = path === STANDARD_INPUT ? process.stdin : createReadStream(path);
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  let failure: Error | undefined;
  // Lines do not tell that their input failed: they end.
  input.once("error", (error: Error) => {
    failure = error;
    lines.close();
  });
  yield* lines;
  if (failure !== undefined) throw failure;
}

/**
 * `tidemark events publish`: events, one JSON object a line, each checked as the fold will check it, then stored. Repeats are safe: an event's id
 * counts once. Ends with 2 when a line was refused; the others are stored all the same.
 */
export async function runEventsPublish(context: CommandContext): Promise<number> {
  const { options, arguments: [path = STANDARD_INPUT], signal } = context;
  const root = options["backfill"] === true ? "backfill" : "events";
  const refused: RefusedLine[] = [];
  let published = 0;
  const broker = await connectBroker(context, "tidemark-events");
  try {
    await broker.ensureStreams(eventLimits(context.read.config));
    const publisher = broker.bulkPublisher({ window: WINDOW });
    let line = 0;
    for await (const text of linesOf(path)) {
      line++;
      if (signal.aborted) throw new TidemarkError("interrupted", `interrupted at line ${line}: publish the file again, what is stored counts once`);
      if (text.trim() === "") continue;
      const bytes = Buffer.from(text);
      const event = decodeBytes(bytes);
      const refusal = isRefusal(event) ? event : root === "events" ? checkTime(event, systemClock.now_ms()) : undefined;
      if (isRefusal(event) || refusal !== undefined) {
        refused.push({ line, ...(refusal ?? (event as Refusal)) });
        if (options["json"] !== true) console.error(printable(`line ${line}: ${refusedText(refused.at(-1)!)}`));
        continue;
      }
      await publisher.publish(eventSubject(event, root), bytes, event.id);
      published++;
    }
    await publisher.flush();
  } catch (error) {
    if (error instanceof Error && "syscall" in error) throw new TidemarkError("no_file", `${path} cannot be read: ${errorMessage(error)}`, { cause: error });
    throw error;
  } finally {
    await broker.close();
  }
  if (options["json"] === true) console.log(JSON.stringify({ published, refused }, null, 2));
  else console.log(`${formatCount(published)} events published${refused.length > 0 ? `, ${formatCount(refused.length)} lines refused` : ""}`);
  return refused.length > 0 ? EXIT_PERMANENT : EXIT_OK;
}

function refusedText({ reason, field, detail }: Refusal): string {
  return `${reason}${field === undefined ? "" : ` (${field})`}: ${detail}`;
}
