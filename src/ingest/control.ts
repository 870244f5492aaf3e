import { type ModelPromoted, modelPromotedSchema } from "../contracts/control.ts";
import { modelSubject, STREAM_CONTROL } from "../contracts/subjects.ts";
import type { Broker } from "./nats.ts";

/**
 * Publishes a promotion on CONTROL and returns its sequence. `decided_on` is the sequence of the family's promotion that
 * the decision was made against (0: none): of two decided against the same one the second is refused
 * (`wrong_last_sequence`) instead of overriding the first. Without it, against whichever is in force now.
 */
export async function promoteModel(broker: Broker, promotion: ModelPromoted, decided_on?: number): Promise<number> {
  const subject = modelSubject(promotion.family);
  const last = decided_on ?? (await broker.getMessage(STREAM_CONTROL, { last_by_subject: subject }))?.sequence ?? 0;
  const ack = await broker.publish(subject, new TextEncoder().encode(JSON.stringify(modelPromotedSchema.parse(promotion))), {
    expected_last_subject_sequence: last,
    message_id: `${promotion.family}-${promotion.digest}-${last}`,
  });
  return ack.sequence;
}
