import { readFile } from "node:fs/promises";
import { type DeadLetterReason, deadLetterReasons } from "../contracts/dead-letter.ts";
import { STREAM_CONTROL, STREAM_EVENTS } from "../contracts/subjects.ts";
import { findDeadLetter, letterBytes, listDeadLetters, openDeadLetters, type RetryOutcome, retryDeadLetter, type StoredLetter } from "../ingest/dead-letter-queue.ts";
import type { Broker } from "../ingest/nats.ts";
import { systemClock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { formatTime } from "../lib/time.ts";
import type { CommandContext } from "./command.ts";
import { connectBroker } from "./connect-broker.ts";
import { EXIT_OK, EXIT_PERMANENT } from "./exit-codes.ts";
import { oneOf } from "./one-of-option.ts";
import { printable } from "./printable.ts";
import { wholeOption } from "./whole-option.ts";

const LIST_LIMIT = 20;
const LIST_LIMIT_MAX = 10_000;
const FOLDED_STREAMS: readonly string[] = [STREAM_EVENTS, STREAM_CONTROL];

const sequenceOf = (text: string): number => wholeOption("the sequence", text, Number.MAX_SAFE_INTEGER);

async function withBroker<T>(context: CommandContext, work: (broker: Broker) => Promise<T>): Promise<T> {
  const broker = await connectBroker(context, "tidemark-dlq");
  try {
    return await work(broker);
  } finally {
    await broker.close();
  }
}

/** `tidemark dlq list`: one line a letter, newest last. */
export async function runDlqList(context: CommandContext): Promise<number> {
  const { options } = context;
  const limit = options["limit"] === undefined ? LIST_LIMIT : wholeOption("--limit", options["limit"], LIST_LIMIT_MAX);
  const stream = oneOf("--stream", options["stream"], FOLDED_STREAMS);
  const reason = oneOf<DeadLetterReason>("--reason", options["reason"], deadLetterReasons);
  const { letters, matching, unreadable } = await withBroker(context, (broker) => listDeadLetters(broker, { stream, reason, limit }));
  if (options["json"] === true) {
    const rows = letters.map(({ letter, retry }) => ({ ...letter, retried: retry ?? null }));
    console.log(JSON.stringify({ matching, unreadable, letters: rows }, null, 2));
    return EXIT_OK;
  }
  for (const { letter, retry } of letters) {
    const fault = letter.field === undefined ? letter.reason : `${letter.reason} (${letter.field})`;
    const retried = retry === undefined ? "" : `  [published again as ${retry.sequence}]`;
    console.log(printable(`${letter.stream} ${letter.sequence}  ${formatTime(letter.broker_time_ms)}  ${letter.subject}  ${fault}: ${letter.detail}${retried}`));
  }
  console.log(matching > letters.length ? `The newest ${letters.length} of ${matching} dead letters.` : `${matching} dead letters.`);
  if (unreadable > 0) console.log(`${unreadable} messages of the dead-letter stream are no dead letters.`);
  return EXIT_OK;
}

/** As text when it is text that a terminal shows as it is, else as base64. */
function payloadText(bytes: Uint8Array): { readonly encoding: "text" | "base64"; readonly text: string } {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    if (printable(text.replaceAll(/[\t\r\n]/g, "")) === text.replaceAll(/[\t\r\n]/g, "")) return { encoding: "text", text };
  } catch {
    // Not UTF-8.
  }
  return { encoding: "base64", text: Buffer.from(bytes).toString("base64") };
}

function letterText({ letter, retry }: StoredLetter): string {
  const bytes = letterBytes(letter);
  const { encoding, text } = payloadText(bytes);
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["message", `${letter.stream} ${letter.sequence}, on ${letter.subject}`],
    ["arrived", formatTime(letter.broker_time_ms)],
    ["reason", letter.reason],
    ["field", letter.field],
    ["detail", letter.detail],
    ["retried", retry === undefined ? undefined : `${retry.time}, as ${letter.stream} ${retry.sequence}`],
    ["payload", `${bytes.length} bytes, as ${encoding}`],
  ];
  const lines = facts.flatMap(([name, value]) => (value === undefined ? [] : [`${name.padEnd(8)} ${printable(value)}`]));
  return [...lines, "", text].join("\n");
}

/** `tidemark dlq show`: one letter with its message. */
export async function runDlqShow(context: CommandContext): Promise<number> {
  const { options } = context;
  const sequence = sequenceOf(context.arguments[0] ?? "");
  const stream = oneOf("--stream", options["stream"], FOLDED_STREAMS) ?? STREAM_EVENTS;
  const stored = await withBroker(context, (broker) => findDeadLetter(broker, stream, sequence));
  console.log(options["json"] === true ? JSON.stringify({ ...stored.letter, retried: stored.retry ?? null }, null, 2) : letterText(stored));
  return EXIT_OK;
}

function outcomeText(outcome: RetryOutcome): string {
  switch (outcome.outcome) {
    case "published":
      return `published again as ${outcome.sequence}`;
    case "published_before":
      return `was published again before, as ${outcome.sequence}`;
    case "refused_again": {
      const { reason, field, detail } = outcome.refusal;
      return `left: it would be refused again, ${reason}${field === undefined ? "" : ` (${field})`}: ${detail}`;
    }
  }
}

async function readCorrected(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new TidemarkError("bad_usage", `--file ${path} cannot be read: ${errorMessage(error)}`);
  }
}

/** `tidemark dlq retry`: ends with 2 when a letter that was named would be refused again. */
export async function runDlqRetry(context: CommandContext): Promise<number> {
  const { options } = context;
  const all = options["all"] === true;
  if (all === context.arguments.length > 0) throw new TidemarkError("bad_usage", "name the sequences to publish again, or give --all");
  const named = context.arguments.map(sequenceOf);
  const file = options["file"];
  if (file !== undefined && (all || named.length !== 1)) throw new TidemarkError("bad_usage", "--file corrects a single message: name its sequence");
  const corrected = typeof file === "string" ? await readCorrected(file) : undefined;
  const stream = oneOf("--stream", options["stream"], FOLDED_STREAMS) ?? STREAM_EVENTS;
  return withBroker(context, async (broker) => {
    let left = 0;
    const outcomes: object[] = [];
    for (const sequence of all ? await openDeadLetters(broker, stream) : named) {
      if (context.signal.aborted) throw new TidemarkError("interrupted", "interrupted; what was published again is marked");
      const outcome = await retryDeadLetter(broker, await findDeadLetter(broker, stream, sequence), systemClock, options["force"] === true, corrected);
      if (outcome.outcome === "refused_again") left++;
      if (options["json"] === true) outcomes.push({ stream, letter_sequence: sequence, ...outcome });
      else console.log(printable(`${stream} ${sequence}: ${outcomeText(outcome)}`));
    }
    if (options["json"] === true) console.log(JSON.stringify(outcomes, null, 2));
    return left > 0 && !all ? EXIT_PERMANENT : EXIT_OK;
  });
}
