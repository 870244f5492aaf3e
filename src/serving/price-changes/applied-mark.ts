import { z } from "zod";
import { leaseSubject, STREAM_LEASES } from "../../contracts/subjects.ts";
import type { Broker } from "../../ingest/nats.ts";

const markSchema = z.object({
  /** Creation time of CONTROL: its sequences mean nothing to another stream of the name. */
  control_created: z.string(),
  /** What every message up to here asked for is done, but for prices whose time had not come. */
  applied: z.int().min(0),
  /** The first message that may still hold such a price. */
  from: z.int().min(1),
  /** Up to this time those prices are done, too. */
  until_ms: z.number(),
});
export type AppliedMark = z.infer<typeof markSchema>;

const SUBJECT = leaseSubject("price-changes-applied");
const DEADLINE_MS = 2_000;

/** How far decided prices have been brought into force; the last message of a subject of LEASES, which whoever replaces it names. */
export interface StoredMark {
  readonly mark: AppliedMark;
  /** LEASES sequence; 0: there is none yet. */
  readonly sequence: number;
}

/** Without a mark, or with one of another stream: from the beginning. */
export async function loadMark(broker: Pick<Broker, "getMessage">, control_created: string): Promise<StoredMark> {
  const last = await broker.getMessage(STREAM_LEASES, { last_by_subject: SUBJECT });
  const stored = last === undefined ? undefined : parse(last.data);
  const mark = stored?.control_created === control_created ? stored : { control_created, applied: 0, from: 1, until_ms: Number.MIN_SAFE_INTEGER };
  return { mark, sequence: last?.sequence ?? 0 };
}

/** Throws TidemarkError `wrong_last_sequence` when another process has stored one meanwhile. */
export async function storeMark(broker: Pick<Broker, "publish">, mark: AppliedMark, expected: number): Promise<StoredMark> {
  const { sequence } = await broker.publish(SUBJECT, new TextEncoder().encode(JSON.stringify(mark)), { expected_last_subject_sequence: expected, deadline_ms: DEADLINE_MS });
  return { mark, sequence };
}

function parse(data: Uint8Array): AppliedMark | undefined {
  try {
    return markSchema.safeParse(JSON.parse(new TextDecoder().decode(data))).data;
  } catch {
    return undefined;
  }
}
