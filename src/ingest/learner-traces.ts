import { deadLetterSchema } from "../contracts/dead-letter.ts";
import { STREAM_DLQ, STREAM_EVENTS } from "../contracts/subjects.ts";
import { letterBytes } from "./dead-letter-queue.ts";
import { mentions } from "./learner-erasure.ts";
import type { Broker } from "./nats.ts";
import { readStream } from "./read-stream.ts";

/** A learner, and the sequence in EVENTS up to which nothing of them is to be left. */
export interface ForgottenLearner {
  readonly learner_id: string;
  readonly sequence: number;
}

function parse(data: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(data));
  } catch {
    return undefined;
  }
}

/**
 * Deletes, for good, the dead letters of messages up to a learner's erasure that name the learner: how many. A mark that one was published
 * again stays: it names nobody. No fold writes such a letter again: what the archive holds in the message's place is empty.
 */
export async function forgetDeadLetters(broker: Pick<Broker, "streamInfo" | "consume" | "getMessage" | "deleteMessage">, learners: readonly ForgottenLearner[]): Promise<number> {
  if (learners.length === 0 || (await broker.streamInfo(STREAM_DLQ)) === undefined) return 0;
  const sequences: number[] = [];
  await readStream(broker, STREAM_DLQ, {}, (message) => {
    const letter = deadLetterSchema.safeParse(parse(message.data));
    if (!letter.success || letter.data.stream !== STREAM_EVENTS) return;
    const { subject, sequence, broker_time_ms: time_ms } = letter.data;
    const original = { subject, sequence, time_ms, data: letterBytes(letter.data) };
    if (learners.some((learner) => sequence <= learner.sequence && mentions(original, learner.learner_id))) sequences.push(message.sequence);
  });
  let deleted = 0;
  for (const sequence of sequences) if (await broker.deleteMessage(STREAM_DLQ, sequence)) deleted++;
  return deleted;
}
