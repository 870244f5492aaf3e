import { writeFile } from "node:fs/promises";
import { controlSchemas, type KeyMessage, type Role, roles } from "../contracts/control.ts";
import { idSchema } from "../contracts/fields.ts";
import { controlSubject, STREAM_CONTROL } from "../contracts/subjects.ts";
import type { Broker } from "../ingest/nats.ts";
import { readStream } from "../ingest/read-stream.ts";
import { systemClock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { formatTime } from "../lib/time.ts";
import { createKey } from "../serving/keys/api-key.ts";
import { type KeyRecord, keyRecordOf } from "../serving/keys/key-record.ts";
import { textTable } from "../training/report/text-table.ts";
import type { CommandContext } from "./command.ts";
import { commandAuthor } from "./command-author.ts";
import { connectBroker } from "./connect-broker.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { oneOf } from "./one-of-option.ts";

const KEYS = controlSubject("key", "");

async function withBroker<T>(context: CommandContext, work: (broker: Broker) => Promise<T>): Promise<T> {
  const broker = await connectBroker(context, "tidemark-key");
  try {
    return await work(broker);
  } finally {
    await broker.close();
  }
}

async function publish(broker: Broker, message: KeyMessage, expected_last_subject_sequence: number): Promise<void> {
  const bytes = new TextEncoder().encode(JSON.stringify(controlSchemas.key.parse(message)));
  await broker.publish(controlSubject("key", message.key_id), bytes, { expected_last_subject_sequence });
}

/** Every key that CONTROL has ever named, oldest first, with the sequence of the last message on each. */
async function readKeys(broker: Broker): Promise<{ readonly record: KeyRecord; readonly sequence: number }[]> {
  const messages = new Map<string, { readonly said: unknown[]; sequence: number }>();
  await readStream(broker, STREAM_CONTROL, {}, ({ subject, data, sequence }) => {
    if (!subject.startsWith(KEYS)) return;
    const key_id = subject.slice(KEYS.length);
    const known = messages.get(key_id) ?? { said: [], sequence };
    try {
      known.said.push(JSON.parse(new TextDecoder().decode(data)));
    } catch {
      // Not of this program: it says nothing of a key.
    }
    known.sequence = sequence;
    messages.set(key_id, known);
  });
  return [...messages].flatMap(([key_id, { said, sequence }]) => {
    const record = keyRecordOf(key_id, said);
    return record === undefined ? [] : [{ record, sequence }];
  });
}

function text(options: CommandContext["options"], name: string): string | undefined {
  const value = options[name];
  return typeof value === "string" ? value : undefined;
}

function idOption(flag: string, value: string | undefined): string | undefined {
  if (value === undefined || idSchema.safeParse(value).success) return value;
  throw new TidemarkError("bad_usage", `${flag} must be an id: 1 to 64 characters of A-Z a-z 0-9 _ -`);
}

function rateOption(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const rate = Number(value);
  if (rate > 0 && rate <= 1e6) return rate;
  throw new TidemarkError("bad_usage", "--rate must be a number of requests a second, above 0 and up to 1,000,000");
}

/** `tidemark key create`: on CONTROL, or with --file into a file that serve is told of, which needs no broker. */
export async function runKeyCreate(context: CommandContext): Promise<number> {
  const { options } = context;
  const { key, key_id, hash } = createKey();
  const file = text(options, "file");
  if (file !== undefined) {
    try {
      await writeFile(file, `${key}\n`, { mode: 0o600, flag: "wx" });
    } catch (error) {
      throw new TidemarkError("output_failed", `cannot write ${file}: ${errorMessage(error)}`, { cause: error });
    }
    console.log(`An administrator's key is in ${file}: name the file with TIDEMARK_KEY_FILE (or --key-file) to the processes that serve.`);
    return EXIT_OK;
  }
  const role: Role = oneOf<Role>("--role", options["role"], roles) ?? "price";
  const name = text(options, "name")?.trim() || role;
  if (name.length > 100) throw new TidemarkError("bad_usage", "--name must be 1 to 100 characters");
  const learner_id = idOption("--learner", text(options, "learner"));
  const teacher_id = idOption("--teacher", text(options, "teacher"));
  const rate_per_s = rateOption(text(options, "rate"));
  const message: KeyMessage = {
    type: "key.created",
    time: formatTime(systemClock.now_ms()),
    author: commandAuthor(),
    reason: text(options, "reason") ?? "",
    key_id,
    name,
    hash,
    role,
    ...(learner_id === undefined ? {} : { learner_id }),
    ...(teacher_id === undefined ? {} : { teacher_id }),
    ...(rate_per_s === undefined ? {} : { rate_per_s }),
  };
  await withBroker(context, (broker) => publish(broker, message, 0));
  if (options["json"] === true) console.log(JSON.stringify({ key_id, name, role, key }, null, 2));
  else {
    console.error(`Key ${key_id} (${name}, role ${role}). It is shown this once:`);
    console.log(key);
  }
  return EXIT_OK;
}

/** `tidemark key list`: names, roles and states; a key itself is kept nowhere. */
export async function runKeyList(context: CommandContext): Promise<number> {
  const keys = (await withBroker(context, readKeys)).map(({ record }) => record);
  if (context.options["json"] === true) console.log(JSON.stringify(keys, (name, value: unknown) => (name === "hash" ? undefined : value), 2));
  else if (keys.length === 0) console.log("No keys yet: `tidemark key create` makes one.");
  else {
    const rows = keys.map(({ key_id, name, role, learner_id, teacher_id, rate_per_s, created, author, revoked }) => [
      key_id,
      name,
      role,
      learner_id === undefined ? (teacher_id === undefined ? "" : `teacher ${teacher_id}`) : `learner ${learner_id}`,
      rate_per_s === undefined ? "" : `${rate_per_s}/s`,
      created.slice(0, 19),
      author,
      revoked === undefined ? "in force" : `revoked ${revoked.slice(0, 19)}`,
    ]);
    console.log(textTable(["key", "name", "role", "speaks for", "limit", "created", "by", "state"], rows).join("\n"));
  }
  return EXIT_OK;
}

/** `tidemark key revoke`: within a second nobody gets in with it any more. */
export async function runKeyRevoke(context: CommandContext): Promise<number> {
  const [key_id = ""] = context.arguments;
  await withBroker(context, async (broker) => {
    const found = (await readKeys(broker)).find(({ record }) => record.key_id === key_id);
    if (found === undefined) throw new TidemarkError("unknown_key", `there is no key ${key_id}: \`tidemark key list\` shows them`);
    if (found.record.revoked !== undefined) throw new TidemarkError("unknown_key", `key ${key_id} was revoked at ${found.record.revoked} already`);
    await publish(broker, { type: "key.revoked", time: formatTime(systemClock.now_ms()), author: commandAuthor(), reason: text(context.options, "reason") ?? "", key_id }, found.sequence);
    console.log(context.options["json"] === true ? JSON.stringify({ key_id, name: found.record.name, revoked: true }, null, 2) : `${key_id} (${found.record.name}) is revoked.`);
  });
  return EXIT_OK;
}
