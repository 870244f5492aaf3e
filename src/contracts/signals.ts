import { z } from "zod";
import { idSchema, timeSchema } from "./fields.ts";
import { segments } from "./segments.ts";

const common = {
  learner_id: idSchema,
  time: timeSchema,
  /** What the signal follows from: EVENTS sequence of the learner's record, and version of the model that scored it. */
  record_sequence: z.int(),
  model: z.string(),
};

/** On `signals.segment.<learner_id>`. */
export const segmentSignalSchema = z.object({
  type: z.literal("segment.changed"),
  ...common,
  /** null: the first segment of a learner of whom nothing was known before. */
  from: z.enum(segments).nullable(),
  to: z.enum(segments),
  /** Probability of enrolling. */
  score: z.number(),
});
export type SegmentSignal = z.infer<typeof segmentSignalSchema>;

/** On `signals.churn.<learner_id>`: the risk of losing the learner became high, or is no more. */
export const churnSignalSchema = z.object({
  type: z.enum(["churn.raised", "churn.cleared"]),
  ...common,
  /** Probability of churn. */
  score: z.number(),
  segment: z.enum(segments),
});
export type ChurnSignal = z.infer<typeof churnSignalSchema>;
