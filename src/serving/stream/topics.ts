import type { Topic } from "../../contracts/live-stream.ts";
import type { MinimumRole } from "../../contracts/role.ts";
import { STREAM_CONTROL, STREAM_QUOTES, STREAM_SIGNALS } from "../../contracts/subjects.ts";

export interface TopicSource {
  readonly stream: string;
  /** Subjects begin with it. */
  readonly prefix: string;
  readonly role: MinimumRole;
  /** The subject ends with a course's id. */
  readonly by_course?: boolean;
}

export const topicSources: Readonly<Record<Topic, TopicSource>> = {
  decisions: { stream: STREAM_QUOTES, prefix: "quotes.course.", role: "price", by_course: true },
  prices: { stream: STREAM_CONTROL, prefix: "control.price.", role: "price", by_course: true },
  models: { stream: STREAM_CONTROL, prefix: "control.model.", role: "price" },
  policies: { stream: STREAM_CONTROL, prefix: "control.policy.", role: "operate" },
  experiments: { stream: STREAM_CONTROL, prefix: "control.experiment.", role: "operate" },
  segments: { stream: STREAM_SIGNALS, prefix: "signals.segment.", role: "price" },
  churn: { stream: STREAM_SIGNALS, prefix: "signals.churn.", role: "price" },
  training: { stream: STREAM_SIGNALS, prefix: "signals.training.", role: "operate" },
};

/** What of a message is told. Of a decision its inputs stay where they are: they are most of it, and nobody who listens needs them. */
export function told(topic: Topic, message: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (topic !== "decisions") return message;
  const { id, decided_at, optimal_price, inputs } = message;
  const { course_id, current_price, policy_version, model_digest, degraded } = (inputs ?? {}) as Record<string, unknown>;
  return { quote_id: id, course_id, current_price, optimal_price, policy: policy_version, model_digest, decided_at, degraded };
}
