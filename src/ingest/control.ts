import { type ModelPromoted, modelPromotedSchema } from "../contracts/control.ts";
import { modelSubject, STREAM_CONTROL } from "../contracts/subjects.ts";
import type { Broker } from "./nats.ts";

/**
 * Publishes a promotion on CONTROL and returns its sequence. It carries the last sequence of its subject, so of two
 * promotions decided on the same state the second is refused (`wrong_last_sequence`) instead of overriding the first.
 */
export async function promoteModel(broker: Broker, promotion: ModelPromoted): Promise<number> {
  const subject = modelSubject(promotion.family);
  const last = await broker.getMessage(STREAM_CONTROL, { last_by_subject: subject });
  const ack = await broker.publish(subject, new TextEncoder().encode(JSON.stringify(modelPromotedSchema.parse(promotion))), {
    expected_last_subject_sequence: last?.sequence ?? 0,
    message_id: `${promotion.family}-${promotion.digest}-${last?.sequence ?? 0}`,
  });
  return ack.sequence;
}
