import { type ModelPromoted, modelPromotedSchema } from "../contracts/control.ts";
import { modelSubject, STREAM_CONTROL } from "../contracts/subjects.ts";
import type { PublishOptions } from "./broker-message.ts";
import type { Broker } from "./nats.ts";

/** Publishes promotions on CONTROL: the broker itself, or what does more about them than that. */
export type PublishPromotion = (promotion: ModelPromoted, decided_on: number) => Promise<number>;

/**
 * Publishes a promotion on CONTROL and returns its sequence. `decided_on` is the sequence of the family's promotion that
 * the decision was made against (0: none): of two decided against the same one the second is refused
 * (`wrong_last_sequence`) instead of overriding the first.
 */
export async function publishPromotion(broker: Pick<Broker, "publish">, promotion: ModelPromoted, decided_on: number, options: Pick<PublishOptions, "deadline_ms"> = {}): Promise<number> {
  const { family, digest, pinned = false } = promotion;
  const ack = await broker.publish(modelSubject(family), new TextEncoder().encode(JSON.stringify(modelPromotedSchema.parse(promotion))), {
    ...options,
    expected_last_subject_sequence: decided_on,
    // A pin and a release of one model are not the same message sent twice.
    message_id: `${family}-${digest}-${decided_on}${pinned ? "-pinned" : ""}`,
  });
  return ack.sequence;
}

/** The same, against whichever is in force now where nothing is said. */
export async function promoteModel(broker: Pick<Broker, "publish" | "getMessage">, promotion: ModelPromoted, decided_on?: number): Promise<number> {
  const last = decided_on ?? (await broker.getMessage(STREAM_CONTROL, { last_by_subject: modelSubject(promotion.family) }))?.sequence ?? 0;
  return publishPromotion(broker, promotion, last);
}
