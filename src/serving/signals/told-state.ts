import { z } from "zod";
import { BUCKET_TOLD, STREAM_SIGNALS } from "../../contracts/subjects.ts";
import { type ChurnSignal, churnSignalSchema, type SegmentSignal, segmentSignalSchema } from "../../contracts/signals.ts";
import { readStream } from "../../ingest/read-stream.ts";
import type { SignalBroker } from "./signal-broker.ts";
import { ToldTable } from "./told-table.ts";

const FORMAT = 1;
const NAME = "learners";
const NEWLINE = 10;

/** The first line of the stored table. */
const headerSchema = z.object({
  format: z.literal(FORMAT),
  /** Of the model that the table's segments come from. */
  model_digest: z.string(),
  /** How far of SIGNALS is in it. */
  stream_created: z.string(),
  sequence: z.int().min(0),
});

/** What was told of learners up to a place in SIGNALS, by one model's scores. */
export interface ToldState {
  readonly table: ToldTable;
  /** undefined: nothing was ever told. */
  readonly model_digest: string | undefined;
  readonly stream_created: string;
  readonly sequence: number;
}

function parse(bytes: Uint8Array): { readonly header: z.infer<typeof headerSchema>; readonly table: ToldTable } | undefined {
  const end = bytes.indexOf(NEWLINE);
  if (end < 0) return undefined;
  try {
    const header = headerSchema.parse(JSON.parse(new TextDecoder().decode(bytes.subarray(0, end))));
    const table = ToldTable.decode(bytes.slice(end + 1));
    return table === undefined ? undefined : { header, table };
  } catch {
    return undefined;
  }
}

/** undefined for what is no signal of a learner. */
export function signalOf(data: Uint8Array): SegmentSignal | ChurnSignal | undefined {
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(data));
    return segmentSignalSchema.safeParse(json).data ?? churnSignalSchema.safeParse(json).data;
  } catch {
    return undefined;
  }
}

/**
 * What was told so far: the table that was stored last, and every signal after it. So whoever takes over, or comes back after a kill, knows of each signal that the
 * broker has. Throws TidemarkError while the broker is away.
 */
export async function loadTold(broker: SignalBroker): Promise<ToldState> {
  const stored = await broker.getObject(BUCKET_TOLD, NAME);
  const parsed = stored === undefined ? undefined : parse(stored);
  const table = parsed?.table ?? new ToldTable();
  const created = (await broker.streamInfo(STREAM_SIGNALS))?.created;
  const from = parsed !== undefined && parsed.header.stream_created === created ? parsed.header.sequence : 0;
  const { last_sequence, stream_created } = await readStream(broker, STREAM_SIGNALS, {}, ({ sequence, data }) => {
    const signal = sequence > from ? signalOf(data) : undefined;
    if (signal === undefined) return;
    const before = table.get(signal.learner_id);
    if (signal.type === "segment.changed") table.set(signal.learner_id, { segment: signal.to, alerted: before?.alerted ?? false }, false);
    else table.set(signal.learner_id, { segment: before?.segment ?? signal.segment, alerted: signal.type === "churn.raised" }, false);
  });
  return { table, model_digest: parsed?.header.model_digest, stream_created, sequence: Math.max(from, last_sequence) };
}

/** Stores the table in place of the one before. */
export async function storeTold(broker: SignalBroker, { table, model_digest, stream_created, sequence }: ToldState): Promise<void> {
  const header = new TextEncoder().encode(`${JSON.stringify({ format: FORMAT, model_digest, stream_created, sequence })}\n`);
  await broker.putObject(BUCKET_TOLD, NAME, Buffer.concat([header, table.encode()]));
}
